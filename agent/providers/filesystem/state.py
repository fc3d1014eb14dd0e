"""What the inventory of the file system is doing, and which snapshots there are."""

from __future__ import annotations

import json
from typing import Final

from agent.clock import yang_date_and_time
from agent.integrity.filesystem.store import Snapshot, StoreError
from agent.northbound.contract import Record, StateQuery
from agent.providers.filesystem.vocabulary import counts_record, signed_record, type_of
from agent.providers.filesystem.watch import InventoryWatch

SNAPSHOTS: Final = "/trustconf-integrity:integrity/filesystem-snapshots"


class InventoryState:
    def __init__(self, watch: InventoryWatch) -> None:
        self._watch = watch

    def snapshots(self, query: StateQuery) -> Record:
        report = self._watch.report()
        record: Record = {"status": report.status}
        if report.next_scan is not None:
            record["next-scan"] = yang_date_and_time(report.next_scan)
        if report.scan is not None:
            scan = report.scan
            record["scan"] = {
                "directory-set": scan.directory_set,
                "started": yang_date_and_time(scan.started),
                "files-seen": scan.files,
                **({} if scan.phase is None else {"phase": scan.phase}),
                **({} if scan.expected is None else {"files-expected": scan.expected}),
            }
        if report.last_finished is not None:
            record["last-finished"] = yang_date_and_time(report.last_finished)
        if report.last_error is not None:
            record["last-error"] = report.last_error
        record["problem"] = list(dict.fromkeys(report.problems))
        record["damaged"] = [
            {"snapshot-block-no": number, "problem": problem} for number, problem in sorted(report.damages.items())
        ]
        if query.wants("snapshot"):
            try:
                record["snapshot"] = [_snapshot(each) for each in self._watch.snapshots()]
            except StoreError as error:
                record["last-error"] = str(error)
        return record


def _snapshot(snapshot: Snapshot) -> Record:
    return {
        "directory-set": snapshot.directory_set,
        "snapshot-block-no": snapshot.number,
        "snapshot-type": type_of(snapshot),
        "snap-time": yang_date_and_time(snapshot.time),
        "previous-digest": json.loads(snapshot.header)["previous-digest"],
        "size": snapshot.size,
        **signed_record(snapshot),
        **counts_record(snapshot),
    }
