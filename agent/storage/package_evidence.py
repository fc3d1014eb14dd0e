"""What is remembered of the installed packages: baselines of Debian packages, and the fingerprints that were told last.

Nothing here is secret, and nothing is lost that could not be had again, except what the first sight of a package was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from agent.storage.database import Database, Transaction

#: Name, architecture, basis; version, stamp, signer, claims.
BaselineRow: TypeAlias = tuple[str, str, str, str, str, str, bytes]
#: Manager, name, epoch, version, release, architecture.
PackageKey: TypeAlias = tuple[str, str, str, str, str, str]
#: Install time, run time.
Values: TypeAlias = tuple[str, str]


class PackageEvidence:
    """The tables of a database. All methods raise StorageUnavailableError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def baseline(self, name: str, architecture: str, basis: str) -> BaselineRow | None:
        rows = self._database.query(
            "SELECT name, architecture, basis, version, stamp, signer, claims FROM package_baselines"
            " WHERE name = ? AND architecture = ? AND basis = ?",
            (name, architecture, basis),
        )
        return next(((*row,) for row in rows), None)

    def put_baselines(self, rows: Sequence[BaselineRow]) -> None:
        with self._database.transaction() as transaction:
            for row in rows:
                transaction.execute("INSERT OR REPLACE INTO package_baselines VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def keep_baselines(self, packages: frozenset[tuple[str, str]]) -> None:
        """Forget all but those of these packages: names and architectures."""
        known = {tuple(row) for row in self._database.query("SELECT name, architecture FROM package_baselines")}
        gone = known - packages
        if gone:
            with self._database.transaction() as transaction:
                for each in gone:
                    transaction.execute("DELETE FROM package_baselines WHERE name = ? AND architecture = ?", each)

    def fingerprints(self) -> dict[PackageKey, Values]:
        """The values of the last generation; empty before there was one."""
        rows = self._database.query(
            "SELECT manager, name, epoch, version, release, architecture, install_time, run_time"
            " FROM package_fingerprints"
        )
        return {(row[0], row[1], row[2], row[3], row[4], row[5]): (row[6], row[7]) for row in rows}

    def put_fingerprints(self, values: Mapping[PackageKey, Values]) -> None:
        """Make these the values of the last generation. Writes what has changed."""
        before = self.fingerprints()
        gone = before.keys() - values.keys()
        new = [(*key, *value) for key, value in values.items() if before.get(key) != value]
        if gone or new:
            with self._database.transaction() as transaction:
                _write(transaction, gone, new)


def _write(transaction: Transaction, gone: set[PackageKey], new: Sequence[tuple[str, ...]]) -> None:
    for key in gone:
        transaction.execute(
            "DELETE FROM package_fingerprints WHERE manager = ? AND name = ? AND epoch = ? AND version = ?"
            " AND release = ? AND architecture = ?",
            key,
        )
    for row in new:
        transaction.execute("INSERT OR REPLACE INTO package_fingerprints VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
