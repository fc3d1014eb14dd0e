"""The notifications about fingerprints."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeAlias

from agent.clock import yang_date_and_time
from agent.events import Event
from agent.integrity.packages.package_set import PackageId, PackageSet
from agent.northbound.contract import Record
from agent.providers.packages.vocabulary import id_record

FINGERPRINT_CHANGED: Final = "/trustconf-integrity:fingerprint-changed"
FINGERPRINTS_GENERATED: Final = "/trustconf-integrity:fingerprints-generated"

#: Package -> install-time and run-time value.
Values: TypeAlias = Mapping[PackageId, tuple[str, str]]


def fingerprint_changed(time: datetime, before: Values, now: PackageSet) -> Event | None:
    """Packages whose run-time value is another one than before, or, where there was none before or it was compared with
    something else, is not the install-time value; None if there are none."""
    changed: list[Record] = []
    for report in now.packages:
        install_time, run_time = before.get(report.id, ("", ""))
        expected = run_time if install_time == report.install_time else report.install_time
        if report.run_time != expected:
            record = {**id_record(report.id), "install-time": report.install_time, "run-time": report.run_time}
            changed.append(record | ({"previous-run-time": run_time} if run_time else {}))
    return Event(time, FINGERPRINT_CHANGED, {"package": changed}) if changed else None


def fingerprints_generated(time: datetime, packages: PackageSet) -> Event:
    content = {"timestamp": yang_date_and_time(time), "packages-fingerprint": packages.fingerprint}
    return Event(time, FINGERPRINTS_GENERATED, content)
