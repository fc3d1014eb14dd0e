"""The files that no package has, as the state has them: a part of them at a time, however many there are."""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from agent.integrity.filesystem.classification import classify
from agent.integrity.filesystem.records import Classification
from agent.integrity.filesystem.scan import CAPABILITIES, SETGID, SETUID, STAMP
from agent.integrity.filesystem.store import InventoryStore

_COLUMNS: Final = "folder.path, file.name, file.stamp, file.flags, file.capabilities"
#: By the index of the folders' paths, so that nothing need be sorted; the rows before the place are not looked at.
_ALL: Final = (
    f"SELECT {_COLUMNS} FROM folder CROSS JOIN file ON file.folder = folder.id"  # noqa: S608 - constants
    " WHERE folder.path >= ?1 AND (folder.path > ?1 OR file.name > ?2) AND file.package = 0"
    " ORDER BY folder.path, file.name"
)
#: By the index of the privileged files, of which there are few.
_PRIVILEGED: Final = (
    f"SELECT {_COLUMNS} FROM file INDEXED BY privileged CROSS JOIN folder ON file.folder = folder.id"  # noqa: S608
    " WHERE file.flags <> 0 AND (folder.path > ?1 OR (folder.path = ?1 AND file.name > ?2)) AND file.package = 0"
    " ORDER BY folder.path, file.name"
)
_PRIVILEGES: Final = {SETUID: "setuid", SETGID: "setgid", CAPABILITIES: "capabilities"}
#: What a snapshot's file can't be before: nothing is before the root folder.
_BEGINNING: Final = (b"", -1)


@dataclass(frozen=True, slots=True)
class UnownedFile:
    """A file.

    Attributes:
        privileges: "setuid", "setgid", "capabilities".
        capabilities: in the form of packages/capabilities.py.
    """

    path: bytes
    classification: Classification
    mode: int
    user: int
    group: int
    size: int
    modified: datetime
    privileges: tuple[str, ...]
    capabilities: str


def unowned_files(
    store: InventoryStore,
    *,
    after: bytes | None,
    limit: int,
    privileged: bool,
    classes: Collection[Classification] = (),
) -> list[UnownedFile]:
    """At most `limit` files behind the path `after`, by folder and name; of certain classes, or of all. Raises
    StoreError."""
    found: list[UnownedFile] = []
    with store.reading() as connection:
        rows: Iterator[tuple[bytes, bytes, bytes, int, str]] = connection.execute(
            _PRIVILEGED if privileged else _ALL, _BEGINNING if after is None else _split(after)
        )
        for folder, name, stamp, flags, capabilities in rows:
            _, size, modified, _, mode, user, group, _ = STAMP.unpack(stamp)
            classification = classify(folder, name, mode)
            if classes and classification not in classes:
                continue
            found.append(
                UnownedFile(
                    folder + b"/" + name,
                    classification,
                    stat.S_IMODE(mode),
                    user,
                    group,
                    size,
                    _moment(modified),
                    tuple(word for flag, word in _PRIVILEGES.items() if flags & flag),
                    capabilities,
                )
            )
            if len(found) >= limit:
                break
    return found


def _split(path: bytes) -> tuple[bytes, bytes]:
    folder, _, name = path.rpartition(b"/")
    return folder, name


def _moment(nanoseconds: int) -> datetime:
    """Whole seconds; times that no calendar has become the first one."""
    try:
        return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
