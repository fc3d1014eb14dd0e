"""Snapshots in the words of trustconf-integrity."""

from __future__ import annotations

import json
from typing import Final

from agent.integrity.filesystem.records import Classification
from agent.integrity.filesystem.store import Snapshot
from agent.northbound.contract import Record

#: Name of a count in the store -> leaf.
_COUNTS: Final = {
    "files": "files",
    "created": "created",
    "contents_modified": "contents-modified",
    "metadata_modified": "meta-data-modified",
    "deleted": "deleted",
    "unowned": "unowned",
    "unowned_privileged": "unowned-privileged",
    "unreadable": "unreadable",
}
#: Classes that Cisco spells otherwise.
_CLASSES: Final = {Classification.DIRECTORY: "directory"}
CLASSES: Final = {_CLASSES.get(each, each.value): each for each in Classification}


def class_name(classification: Classification) -> str:
    return _CLASSES.get(classification, classification.value)


def type_of(snapshot: Snapshot) -> str:
    return "full" if snapshot.is_full else "incremental"


def counts_record(snapshot: Snapshot) -> Record:
    """grouping change-counts."""
    counts = json.loads(snapshot.counts)
    return {leaf: counts[name] for name, leaf in _COUNTS.items()}


def signed_record(snapshot: Snapshot) -> Record:
    """The digest, and the algorithm of the signature if there is one."""
    record: Record = {"digest": snapshot.digest.hex()}
    return record | ({"signature-algorithm": snapshot.algorithm} if snapshot.algorithm else {})
