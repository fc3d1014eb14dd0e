"""The tables of the database, as steps from each version to the next.

A step that has been released is never edited: a change of the tables is a new step at the end. The version of a file is
its `PRAGMA user_version`; each step runs in one transaction together with the new version number, so that an
interrupted upgrade continues where it was.

Columns named `time`, `created`, `issued`, `imported` hold ISO 8601 text in UTC. `sealed_*` columns hold what sealing.py
makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Migration:
    """The statements that take a database to the next version."""

    purpose: str
    statements: tuple[str, ...]


MIGRATIONS: Final[tuple[Migration, ...]] = (
    Migration(
        "history of commits, key pairs and certificates",
        (
            """
            CREATE TABLE commits (
                id          INTEGER PRIMARY KEY AUTOINCREMENT,
                user        TEXT NOT NULL,
                time        TEXT NOT NULL,
                session_id  INTEGER NOT NULL,
                source      TEXT NOT NULL,
                comment     TEXT,
                label       TEXT,
                diff        TEXT NOT NULL
            )
            """,
            """
            CREATE TABLE checkpoints (
                commit_id   INTEGER PRIMARY KEY,
                tree        BLOB NOT NULL
            )
            """,
            # Which master key the sealed columns of this file belong to: one row.
            """
            CREATE TABLE sealing (
                only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
                key_id      BLOB NOT NULL
            )
            """,
            # `origin`: "exec" (made by an rpc or command) or "config" (made by a commit). `usage`: "general", or
            # "usage" for the pair of pairs that `usage-keys` makes; then there are two rows in key_parts.
            """
            CREATE TABLE key_pairs (
                type        TEXT NOT NULL,
                label       TEXT NOT NULL,
                usage       TEXT NOT NULL,
                size        INTEGER NOT NULL,
                origin      TEXT NOT NULL CHECK (origin IN ('exec', 'config')),
                created     TEXT NOT NULL,
                PRIMARY KEY (type, label)
            ) WITHOUT ROWID
            """,
            """
            CREATE TABLE key_parts (
                type        TEXT NOT NULL,
                label       TEXT NOT NULL,
                purpose     TEXT NOT NULL,
                public_key  BLOB NOT NULL,
                sealed_private_key BLOB NOT NULL,
                PRIMARY KEY (type, label, purpose),
                FOREIGN KEY (type, label) REFERENCES key_pairs (type, label) ON DELETE CASCADE
            ) WITHOUT ROWID
            """,
            # `role`: what a certificate is to its trustpoint ("ca", "router", ...).
            """
            CREATE TABLE certificates (
                trustpoint  TEXT NOT NULL,
                role        TEXT NOT NULL,
                der         BLOB NOT NULL,
                key_type    TEXT NOT NULL,
                key_label   TEXT NOT NULL,
                key_purpose TEXT NOT NULL,
                issued      TEXT NOT NULL,
                PRIMARY KEY (trustpoint, role)
            ) WITHOUT ROWID
            """,
            # The serial number of the next certificate that the agent issues itself: one row.
            """
            CREATE TABLE certificate_serial (
                only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
                next        INTEGER NOT NULL
            )
            """,
        ),
    ),
    Migration(
        "FIPS mode",
        (
            # On when there is a row.
            """
            CREATE TABLE fips_mode (
                only_row    INTEGER PRIMARY KEY CHECK (only_row = 1)
            )
            """,
        ),
    ),
    Migration(
        "public keys that users have imported",
        (
            # `blob`: RFC 4253 section 6.6.
            """
            CREATE TABLE user_keys (
                user        TEXT NOT NULL,
                number      INTEGER NOT NULL CHECK (number BETWEEN 1 AND 4),
                type        TEXT NOT NULL,
                size        INTEGER NOT NULL,
                blob        BLOB NOT NULL,
                comment     TEXT NOT NULL,
                imported    TEXT NOT NULL,
                PRIMARY KEY (user, number)
            ) WITHOUT ROWID
            """,
        ),
    ),
)
