"""Cisco-IOS-XR-filesysinv-show-oper: the snapshots of the file system.

Files are read only if the filter asks for them, of those snapshots that it reaches, and only if they are not too many:
an answer is put together in memory. However many there are, dossiers have them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final

from agent.integrity.filesystem.blocks import BlockError
from agent.integrity.filesystem.chain import SIGNATURE_VERSION, UNSIGNED, signature_type
from agent.integrity.filesystem.store import CHAIN, Snapshot, StoreError
from agent.integrity.sources.description import NODE_NAME
from agent.northbound.contract import Record, StateQuery
from agent.northbound.errors import ProviderError
from agent.providers.filesystem.watch import InventoryWatch

NODES: Final = "/Cisco-IOS-XR-filesysinv-show-oper:file-system-inventory/nodes/node"
#: Files in one answer: some 6 KiB of memory each while it is put together.
MAX_FILES: Final = 10_000
_FILES: Final = "files"
#: Members of a snapshot's header that the model has.
_HEADER: Final = ("snapshot-block-no", "snap-time", "container", "release-version", "chassis-serial-number")
#: Members of a file that it does not have.
_NOT_IN_MODEL: Final = ("capabilities",)


class InventoryNodes:
    def __init__(self, watch: InventoryWatch) -> None:
        self._watch = watch

    def nodes(self, query: StateQuery) -> list[Record]:
        """The one node; none as long as there is no snapshot, or when the store can't be read."""
        try:
            snapshots = self._watch.snapshots()
        except StoreError:
            return []
        asked = query.below("snapshot")
        if not snapshots or query.keys.get("node-name", NODE_NAME) != NODE_NAME:
            return []
        return [{"node-name": NODE_NAME, "snapshot": {} if asked is None else self._snapshot(asked, snapshots)}]

    def _snapshot(self, query: StateQuery, snapshots: Sequence[Snapshot]) -> Record:
        chain = [each for each in snapshots if each.directory_set == CHAIN]
        sets = [each for each in snapshots if each.directory_set != CHAIN]
        places = (
            _Place(query.below("directory-sets", "directory-set"), "on-demand-dir-set", sets, _set_of),
            _Place(query.below("current", "xr"), None, chain[-1:], _number_of),
            _Place(query.below("all", "xr", "snapshot-id"), "snapshot-id", chain, _number_of, "snapshot-info"),
        )
        has_files = _has_files(places)
        in_sets, in_current, in_all = (
            [self._entry(place, each, has_files) for each in place.reached] for place in places
        )
        return {
            "directory-sets": {"directory-set": in_sets},
            "current": {"xr": in_current[0]} if in_current else {},
            "all": {"xr": {"snapshot-id": in_all}},
        }

    def _entry(self, place: _Place, snapshot: Snapshot, has_files: bool) -> Record:
        record = _facts(snapshot)
        if has_files and place.asks_for_files:
            record[_FILES] = self._files(snapshot)
        if place.inside is not None:
            record = {place.inside: record}
        return record | ({} if place.key is None else {place.key: place.identity(snapshot)})

    def _files(self, snapshot: Snapshot) -> list[Record]:
        """What a damaged snapshot has before its damage."""
        files: list[Record] = []
        try:
            for line in self._watch.store().lines(snapshot):
                file = json.loads(line)
                files.append({name: value for name, value in file.items() if name not in _NOT_IN_MODEL})
        except (BlockError, StoreError, ValueError):
            return files
        return files


class _Place:
    """A place in the model where snapshots are.

    Attributes:
        query: what is asked of it.
        key: the leaf that names an entry; None where there is one only.
        identity: the value of that leaf.
        inside: the container of an entry that holds the snapshot; None: the entry itself.
        reached: the snapshots that are asked for.
    """

    def __init__(
        self,
        query: StateQuery | None,
        key: str | None,
        snapshots: Sequence[Snapshot],
        identity: Callable[[Snapshot], int],
        inside: str | None = None,
    ) -> None:
        self.key, self.identity, self.inside = key, identity, inside
        pinned = query.keys.get(key) if query is not None and key is not None else None
        self.reached = [each for each in snapshots if query is not None and pinned in (None, str(identity(each)))]
        within = query.below(inside) if query is not None and inside is not None else query
        self.asks_for_files = within is not None and within.wants(_FILES)
        #: Whether the filter names files, and not only something that they are in.
        self.names_files = within is not None and within.children is not None and _FILES in within.children

    @property
    def files(self) -> int:
        """How many files there are in what is asked for."""
        return sum(map(_lines, self.reached)) if self.asks_for_files else 0


def _has_files(places: Sequence[_Place]) -> bool:
    """Whether the answer has files. Raises ProviderError if it would have too many and the filter names them."""
    count = sum(place.files for place in places)
    if count <= MAX_FILES:
        return True
    if any(place.names_files for place in places):
        raise ProviderError(
            "too-big",
            f"These snapshots tell of {count} files, and an answer has {MAX_FILES} at most. Ask for one snapshot-id, or"
            " collect a dossier.",
            app_tag="too-many-files",
        )
    return False


def _lines(snapshot: Snapshot) -> int:
    counts = json.loads(snapshot.counts)
    changed = sum(counts[name] for name in ("created", "contents_modified", "metadata_modified"))
    return int((counts["files"] if snapshot.is_full else changed) + counts["deleted"])


def _facts(snapshot: Snapshot) -> Record:
    header = json.loads(snapshot.header)
    return {
        "signature-version": SIGNATURE_VERSION,
        "signature-type": signature_type(snapshot.algorithm) if snapshot.algorithm else UNSIGNED,
        **{name: header[name] for name in _HEADER},
    }


def _set_of(snapshot: Snapshot) -> int:
    return snapshot.directory_set


def _number_of(snapshot: Snapshot) -> int:
    return snapshot.number
