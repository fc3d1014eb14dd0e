"""The fingerprints, with what has drifted."""

from __future__ import annotations

from typing import Final

from agent.clock import yang_date_and_time
from agent.integrity.packages.fingerprint import ALGORITHM
from agent.integrity.packages.package_set import PackageReport
from agent.integrity.packages.section import drift_members
from agent.integrity.readable import shown
from agent.northbound.contract import Record, StateQuery
from agent.providers.packages.vocabulary import id_record
from agent.providers.packages.watch import FingerprintWatch

FINGERPRINTS: Final = "/trustconf-integrity:integrity/packages/fingerprints"


class FingerprintState:
    def __init__(self, watch: FingerprintWatch) -> None:
        self._watch = watch

    def fingerprints(self, query: StateQuery) -> Record:
        detection = self._watch.detection
        record: Record = {
            "status": self._watch.status.value,
            "algorithm": ALGORITHM,
            "change-detection": {
                "method": detection.method.value,
                "watched-folders": detection.watched,
                "unwatched-folders": detection.unwatched,
            },
        }
        latest = self._watch.latest
        if latest is None:
            return record
        record["timestamp"] = yang_date_and_time(latest.time)
        record["problem"] = list(dict.fromkeys(map(shown, latest.problems)))
        if latest.packages is not None:
            if query.wants("packages-fingerprint"):
                record["packages-fingerprint"] = latest.packages.fingerprint
            if query.wants("package"):
                record["package"] = [package_record(report) for report in latest.packages.packages]
        return record


def package_record(report: PackageReport) -> Record:
    record = {
        **id_record(report.id),
        "fingerprint-basis": report.basis.value,
        "install-time": report.install_time,
        "run-time": report.run_time,
        "configuration-install-time": report.configuration_install_time,
        "configuration-run-time": report.configuration_run_time,
        "files": report.files,
        "unverified-files": report.unverified_files,
        "drift": drift_members(report),
    }
    if report.header_status is not None:
        record["header-status"] = report.header_status.value
    if report.key_id:
        record["gpg-key-id"] = report.key_id
    return record
