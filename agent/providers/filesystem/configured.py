"""The configuration of the inventory as the library below has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from agent.integrity.filesystem.budget import Budget, IoClass
from agent.integrity.filesystem.paths import path_of
from agent.integrity.filesystem.retention import Retention
from agent.integrity.filesystem.scope import DEFAULT_MAX_FILE_BYTES
from agent.northbound.contract import ConfigView

#: What Cisco's model has of it: less, and its interval counts hours. It counts as long as ours is not there.
CISCO_INVENTORY: Final = "/Cisco-IOS-XR-filesysinv-cfg:filesystem-inventory"
INVENTORY: Final = "/trustconf-integrity:integrity/filesystem-inventory"
#: What `snapshot-interval` counts.
INTERVAL_BLOCK: Final = timedelta(minutes=15)
_MEBIBYTE: Final = 1024 * 1024
#: The defaults of our model, for the one that has no such leaves.
DEFAULT_RETENTION: Final = Retention(192, 512 * _MEBIBYTE)
DEFAULT_BUDGET: Final = Budget(10, IoClass.IDLE, 0.01)
_IO_CLASSES: Final = {"idle": IoClass.IDLE, "best-effort": IoClass.BEST_EFFORT}


@dataclass(frozen=True, slots=True)
class Configured:
    """What is configured.

    Attributes:
        interval: between two snapshots.
        is_full: every snapshot is a full one.
        skipped: folders and files that are left out.
        directory_sets: number -> folders.
    """

    interval: timedelta
    is_full: bool
    skipped: tuple[bytes, ...]
    max_file_bytes: int
    directory_sets: dict[int, tuple[bytes, ...]]
    retention: Retention
    budget: Budget


def configured(view: ConfigView) -> Configured | None:
    """The configuration now; None if no snapshots are to be taken."""
    record: dict[str, Any] | None = view.get(INVENTORY)
    if record is None:
        return _in_cisco_s_words(view)
    retention, budget = record["retention"], record["budget"]
    return Configured(
        interval=record["snapshot-interval"] * INTERVAL_BLOCK,
        is_full=record["snapshot-type"] == "full",
        skipped=tuple(map(path_of, (*record.get("skip-list", ()), *record.get("skip-files", ())))),
        max_file_bytes=record["max-file-size"] * _MEBIBYTE,
        directory_sets={
            int(each["number"]): tuple(map(path_of, each["directory"])) for each in record.get("directory-set", ())
        },
        retention=Retention(retention["count"], retention["size"] * _MEBIBYTE),
        budget=Budget(budget["niceness"], _IO_CLASSES[budget["io-class"]], budget["pause"] / 1000),
    )


def _in_cisco_s_words(view: ConfigView) -> Configured | None:
    record: dict[str, Any] | None = view.get(CISCO_INVENTORY)
    if record is None or "enable" not in record:
        return None
    return Configured(
        interval=timedelta(hours=record.get("snapshot-interval", 1)),
        is_full=record.get("snapshot-type") == "full",
        skipped=(),
        max_file_bytes=DEFAULT_MAX_FILE_BYTES,
        directory_sets={},
        retention=DEFAULT_RETENTION,
        budget=DEFAULT_BUDGET,
    )
