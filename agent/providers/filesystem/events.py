"""The notifications about the inventory of the file system."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from agent.events import Event
from agent.integrity.filesystem.inventory import Damage, Outcome
from agent.providers.filesystem.vocabulary import counts_record, signed_record, type_of

SCAN_FINISHED: Final = "/trustconf-integrity:scan-finished"
SNAPSHOT_DAMAGED: Final = "/trustconf-integrity:snapshot-damaged"


def scan_finished(time: datetime, outcome: Outcome) -> Event:
    snapshot = outcome.snapshot
    content = {
        "directory-set": snapshot.directory_set,
        "snapshot-block-no": snapshot.number,
        "result": "success",
        "snapshot-type": type_of(snapshot),
        **signed_record(snapshot),
        **counts_record(snapshot),
    }
    return Event(time, SCAN_FINISHED, content)


def scan_failed(time: datetime, directory_set: int, reason: str | None) -> Event:
    """`reason` is None for a scan that was broken off."""
    content = {"directory-set": directory_set, "result": "stopped" if reason is None else "failed"}
    return Event(time, SCAN_FINISHED, content | ({} if reason is None else {"reason": reason}))


def snapshot_damaged(time: datetime, damage: Damage) -> Event:
    return Event(time, SNAPSHOT_DAMAGED, {"snapshot-block-no": damage.number, "problem": damage.problem})
