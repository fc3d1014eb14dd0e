"""The lists of packages in the state: which package has which file, looked up folder by folder.

The lists are read when a package database has changed since they were; otherwise the owners in the state hold.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Final

from agent.host.contract import Host
from agent.integrity.filesystem.owners import Owner, owned_files
from agent.integrity.filesystem.records import ANONYMOUS, PackageKind, owner_members
from agent.integrity.filesystem.store import meta, set_meta
from agent.integrity.packages.transactions import database_stamp
from agent.integrity.readable import shown

#: What stands for a package where there is none.
NOBODY: Final = 0
_STAMP: Final = "package-databases"


class Owned:
    """The owners of files. `is_new`: they may be others than those in the state."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._members: dict[int, str] = {NOBODY: ANONYMOUS}
        self.is_new = False

    def refresh(self, host: Host, problems: list[str], check: Callable[[], None]) -> None:
        """Read the lists if they have changed. `check` is called after each package, and may raise."""
        stamp = json.dumps(database_stamp(host))
        if meta(self._connection, _STAMP) == stamp:
            return
        self.is_new = True
        execute = self._connection.execute
        execute("DELETE FROM owned")
        before = len(problems)
        for owner, places in owned_files(host, problems):
            number = self._number(owner)
            # The first of several packages that have a folder is its owner.
            self._connection.executemany(
                "INSERT OR IGNORE INTO owned VALUES (?, ?, ?)", [(folder, name, number) for folder, name in places]
            )
            check()
        # A list that could not be read may be readable the next time.
        set_meta(self._connection, _STAMP, stamp if len(problems) == before else "")

    def in_folder(self, folder: bytes) -> dict[bytes, int]:
        """Name -> package of the files in a folder that packages have."""
        return dict(self._connection.execute("SELECT name, package FROM owned WHERE folder = ?", (folder,)))

    def members(self, package: int) -> str:
        """What a line says of a package (records.owner_members)."""
        found = self._members.get(package)
        if found is None:
            row = self._connection.execute("SELECT kind, name, version FROM package WHERE id = ?", (package,))
            kind, name, version = row.fetchone()
            found = self._members[package] = owner_members(PackageKind(kind), name, version)
        return found

    def _number(self, owner: Owner) -> int:
        key = (owner.kind.value, shown(owner.name), shown(owner.version))
        self._connection.execute("INSERT OR IGNORE INTO package (kind, name, version) VALUES (?, ?, ?)", key)
        row = self._connection.execute("SELECT id FROM package WHERE kind = ? AND name = ? AND version = ?", key)
        return int(row.fetchone()[0])
