"""The history of commits, and now and then the whole configuration.

Each commit stores only its own difference; the configuration at start is the latest checkpoint and the commits after
it. What a difference or a tree means is the datastore's affair: here both are JSON.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from agent.storage.database import Database, Transaction
from agent.storage.errors import DatabaseError

log = logging.getLogger(__name__)

#: Commits that stay readable in the history. Older ones are dropped when a checkpoint has made them unnecessary.
KEPT_COMMITS: Final = 1000
#: Checkpoints that are kept: the latest, and the one before it.
KEPT_CHECKPOINTS: Final = 2
#: Rows that one step of `since` reads.
_BATCH: Final = 256


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """A commit to be stored.

    Attributes:
        user: who committed.
        time: when, aware.
        session_id: NETCONF session, 0 for the agent itself.
        comment: what the client said about it.
        diff: the difference, JSON-able.
        source: where the client came from: an address, or "local".
        label: a name that the client gave the commit.
    """

    user: str
    time: datetime
    session_id: int
    comment: str | None
    diff: list[Any]
    source: str = "local"
    label: str | None = None


@dataclass(frozen=True, slots=True)
class CommitSummary:
    """A commit as the history lists it: everything but the difference."""

    id: int
    user: str
    time: datetime
    session_id: int
    source: str
    comment: str | None
    label: str | None


class CommitLog:
    """Commit history and checkpoints in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, transaction: Transaction, record: CommitRecord) -> int:
        """Store a commit as a part of `transaction`; returns its id. Ids grow and are never used again."""
        cursor = transaction.execute(
            "INSERT INTO commits (user, time, session_id, source, comment, label, diff) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                record.user,
                record.time.isoformat(),
                record.session_id,
                record.source,
                record.comment,
                record.label,
                json.dumps(record.diff, ensure_ascii=False, separators=(",", ":")),
            ),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def since(self, commit_id: int) -> Iterator[tuple[int, CommitRecord]]:
        """The commits after `commit_id`, oldest first. Raises DatabaseError for a damaged one."""
        while rows := self._database.query(
            "SELECT * FROM commits WHERE id > ? ORDER BY id LIMIT ?", (commit_id, _BATCH)
        ):
            for row in rows:
                yield row["id"], self._record(row)
            commit_id = rows[-1]["id"]

    def record(self, commit_id: int) -> CommitRecord | None:
        """One commit with its difference; None when there is none of that id."""
        rows = self._database.query("SELECT * FROM commits WHERE id = ?", (commit_id,))
        return self._record(rows[0]) if rows else None

    def records(self, limit: int) -> list[CommitSummary]:
        """The last `limit` commits, newest first."""
        rows = self._database.query(
            "SELECT id, user, time, session_id, source, comment, label FROM commits ORDER BY id DESC LIMIT ?", (limit,)
        )
        return [
            CommitSummary(
                row["id"],
                row["user"],
                datetime.fromisoformat(row["time"]),
                row["session_id"],
                row["source"],
                row["comment"],
                row["label"],
            )
            for row in rows
        ]

    def checkpoint(self, commit_id: int, tree: dict[str, Any]) -> None:
        """Store the whole configuration as it is after `commit_id`, and drop what nobody needs any more."""
        compressed = zlib.compress(json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode())
        with self._database.transaction() as transaction:
            transaction.execute(
                "INSERT OR REPLACE INTO checkpoints (commit_id, tree) VALUES (?, ?)", (commit_id, compressed)
            )
            transaction.execute(
                "DELETE FROM checkpoints WHERE commit_id NOT IN"
                " (SELECT commit_id FROM checkpoints ORDER BY commit_id DESC LIMIT ?)",
                (KEPT_CHECKPOINTS,),
            )
            transaction.execute(
                "DELETE FROM commits WHERE id <= (SELECT min(commit_id) FROM checkpoints)"
                " AND id <= (SELECT max(id) FROM commits) - ?",
                (KEPT_COMMITS,),
            )

    def latest_checkpoint(self) -> tuple[int, dict[str, Any]] | None:
        """Id of the last commit in it, and the tree; None before the first one.

        Raises DatabaseError when there are some and all are damaged.
        """
        rows = self._database.query("SELECT commit_id, tree FROM checkpoints ORDER BY commit_id DESC")
        for row in rows:
            try:
                return row["commit_id"], json.loads(zlib.decompress(row["tree"]))
            except (zlib.error, ValueError):
                # The one before it, with the commits after that one, gives the same tree.
                log.error("the checkpoint of commit %d is damaged", row["commit_id"])
        if rows:
            raise DatabaseError(self._database.path, "has no undamaged checkpoint. Restore it from a backup.")
        return None

    def _record(self, row: sqlite3.Row) -> CommitRecord:
        try:
            return CommitRecord(
                user=row["user"],
                time=datetime.fromisoformat(row["time"]),
                session_id=row["session_id"],
                comment=row["comment"],
                diff=json.loads(row["diff"]),
                source=row["source"],
                label=row["label"],
            )
        except ValueError as error:
            raise DatabaseError(self._database.path, f"has a damaged record of commit {row['id']}.") from error
