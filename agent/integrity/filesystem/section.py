"""The section `filesystem-inventory` of a dossier, and its options: {"0/RP0/CPU0": {"block_start": 0, "count": 1}}."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.filesystem.blocks import BlockError
from agent.integrity.filesystem.chain import SIGNATURE_VERSION, UNSIGNED, signature_type
from agent.integrity.filesystem.inventory import unpacked
from agent.integrity.filesystem.store import InventoryStore, Snapshot
from agent.integrity.sources.description import NODE_NAME

log = logging.getLogger(__name__)

MODEL_NAME: Final = "Cisco-IOS-XR-filesysinv-show-oper"
MODEL_REVISION: Final = "2019-04-05"
_START: Final = "block_start"
_COUNT: Final = "count"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which snapshots: from a block number on, at most so many (None: all)."""

    start: int = 0
    count: int | None = None

    def among(self, snapshots: list[Snapshot]) -> list[Snapshot]:
        chosen = [each for each in snapshots if each.number >= self.start]
        return chosen if self.count is None else chosen[: self.count]


def read_options(options: Mapping[str, Any] | None) -> Wanted:
    """What the guide's options ask for. Raises SourceUnavailableError for those that make no sense, and for other
    nodes."""
    if options is None:
        return Wanted()
    for node in options:
        if node != NODE_NAME:
            _refuse(f"this device has the node {NODE_NAME} only", ResultCode.NODE_NOT_AVAILABLE)
    chosen = options.get(NODE_NAME, {})
    if not isinstance(chosen, Mapping) or not chosen.keys() <= {_START, _COUNT}:
        _refuse(f"the options of a node are {_START} and {_COUNT}", ResultCode.INVALID_OPTION)
    start, count = chosen.get(_START, 0), chosen.get(_COUNT)
    if type(start) is not int or start < 0:
        _refuse(f"{_START} is a block number from 0", ResultCode.INVALID_OPTION)
    if count is not None and (type(count) is not int or count < 1):
        _refuse(f"{_COUNT} is a number of blocks from 1", ResultCode.INVALID_OPTION)
    return Wanted(start, count)


def collect(store: InventoryStore, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The members of the section; `snapshot`, and `files` in each, are iterators. Raises SourceUnavailableError."""
    wanted = read_options(options)
    snapshots = store.snapshots()
    if not snapshots:
        _refuse("no snapshot has been taken yet", ResultCode.NOT_PRESENT)
    if not wanted.among(snapshots):
        _refuse(f"the newest block is {snapshots[-1].number}", ResultCode.NOT_PRESENT)
    return {"node": [{"node-name": NODE_NAME, "snapshot": _snapshots(store, wanted)}]}


def _snapshots(store: InventoryStore, wanted: Wanted) -> Iterator[dict[str, Any]]:
    with store.keeping():
        for each in wanted.among(store.snapshots()):
            yield snapshot_members(store, each)


def snapshot_members(store: InventoryStore, snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as docs/filesystem-inventory.md has it; `files` is an iterator."""
    signing = {}
    if snapshot.algorithm:
        chain = [base64.b64encode(each).decode("ascii") for each in unpacked(snapshot.certificates)]
        signing = {
            "signature": base64.b64encode(snapshot.signature).decode("ascii"),
            "signing-certificate": chain,
        }
    return {
        **json.loads(snapshot.header),
        "digest": snapshot.digest.hex(),
        "signature-type": signature_type(snapshot.algorithm) if snapshot.algorithm else UNSIGNED,
        "signature-version": SIGNATURE_VERSION,
        **signing,
        "files": _files(store, snapshot),
    }


def _files(store: InventoryStore, snapshot: Snapshot) -> Iterator[Any]:
    """Ends early if the snapshot is damaged, which its digest then shows."""
    try:
        for line in store.lines(snapshot):
            yield json.loads(line)
    except (BlockError, ValueError):
        log.exception("snapshot %d of the file system can't be read", snapshot.number)


def _refuse(reason: str, code: ResultCode) -> NoReturn:
    raise SourceUnavailableError(reason, code)
