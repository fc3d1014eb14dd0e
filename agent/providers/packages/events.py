"""The notifications about fingerprints."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from agent.clock import yang_date_and_time
from agent.events import Event
from agent.integrity.packages.package_set import PackageSet, by_id
from agent.northbound.contract import Record
from agent.providers.packages.vocabulary import id_record

FINGERPRINT_CHANGED: Final = "/trustconf-integrity:fingerprint-changed"
FINGERPRINTS_GENERATED: Final = "/trustconf-integrity:fingerprints-generated"


def fingerprint_changed(time: datetime, before: PackageSet | None, now: PackageSet) -> Event | None:
    """Packages whose run-time value is another one than before, or, where there was none before, is not the
    install-time value; None if there are none."""
    known = by_id(before.packages) if before else {}
    changed: list[Record] = []
    for report in now.packages:
        previous = known.get(report.id)
        expected = previous.run_time if previous else report.install_time
        if report.run_time != expected:
            record = {**id_record(report.id), "install-time": report.install_time, "run-time": report.run_time}
            changed.append(record | ({"previous-run-time": previous.run_time} if previous else {}))
    return Event(time, FINGERPRINT_CHANGED, {"package": changed}) if changed else None


def fingerprints_generated(time: datetime, packages: PackageSet) -> Event:
    content = {"timestamp": yang_date_and_time(time), "packages-fingerprint": packages.fingerprint}
    return Event(time, FINGERPRINTS_GENERATED, content)
