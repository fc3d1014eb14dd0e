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
    Migration(
        "chains, previous certificates and enrollments under way",
        (
            # `slot`: "current" (in service), "previous" (to go back to), "granted" (waits for the other certificate of
            # usage keys), "offered" (CA certificates that nobody has accepted yet). `position`: of a chain, 0 is the
            # nearest to the device. `changes`: what the CA changed of what was asked for, one a line.
            """
            CREATE TABLE trustpoint_certificates (
                trustpoint  TEXT NOT NULL,
                slot        TEXT NOT NULL CHECK (slot IN ('current', 'previous', 'granted', 'offered')),
                role        TEXT NOT NULL,
                position    INTEGER NOT NULL,
                der         BLOB NOT NULL,
                key_type    TEXT,
                key_label   TEXT,
                issued      TEXT NOT NULL,
                changes     TEXT NOT NULL DEFAULT '',
                PRIMARY KEY (trustpoint, slot, role, position)
            ) WITHOUT ROWID
            """,
            """
            INSERT INTO trustpoint_certificates (trustpoint, slot, role, position, der, key_type, key_label, issued)
            SELECT trustpoint, 'current', role, 0, der, key_type, key_label, issued FROM certificates
            """,
            "DROP TABLE certificates",
            # Key pairs beside the ones in service: "incoming" ones wait for their certificates, "previous" ones belong
            # to the previous certificates. The sealed keys are those of key_parts and move there and back.
            """
            CREATE TABLE kept_key_parts (
                trustpoint  TEXT NOT NULL,
                slot        TEXT NOT NULL CHECK (slot IN ('incoming', 'previous')),
                type        TEXT NOT NULL,
                label       TEXT NOT NULL,
                usage       TEXT NOT NULL,
                size        INTEGER NOT NULL,
                origin      TEXT NOT NULL,
                created     TEXT NOT NULL,
                purpose     TEXT NOT NULL,
                public_key  BLOB NOT NULL,
                sealed_private_key BLOB NOT NULL,
                PRIMARY KEY (trustpoint, slot, purpose)
            ) WITHOUT ROWID
            """,
            # One row a trustpoint whose enrollment is under way.
            """
            CREATE TABLE enrollments (
                trustpoint  TEXT PRIMARY KEY,
                method      TEXT NOT NULL,
                state       TEXT NOT NULL CHECK (state IN ('requesting', 'pending')),
                renewal     INTEGER NOT NULL,
                started     TEXT NOT NULL,
                attempts    INTEGER NOT NULL,
                next_attempt TEXT
            ) WITHOUT ROWID
            """,
            # `request`: the PKCS #10 without the challenge password. `signer`: the certificate that signs the messages;
            # its key is the sealed one, or one of the trustpoint's.
            """
            CREATE TABLE enrollment_requests (
                trustpoint  TEXT NOT NULL REFERENCES enrollments (trustpoint) ON DELETE CASCADE,
                role        TEXT NOT NULL,
                purpose     TEXT NOT NULL,
                transaction_id TEXT NOT NULL,
                request     BLOB NOT NULL,
                md5         TEXT NOT NULL,
                sha256      TEXT NOT NULL,
                signer      BLOB,
                sealed_signer_key BLOB,
                PRIMARY KEY (trustpoint, role)
            ) WITHOUT ROWID
            """,
            # How the last operation ended, and the state that was told last.
            """
            CREATE TABLE enrollment_status (
                trustpoint  TEXT PRIMARY KEY,
                state       TEXT,
                since       TEXT,
                rejected    INTEGER NOT NULL DEFAULT 0,
                last_error  TEXT,
                last_error_time TEXT
            ) WITHOUT ROWID
            """,
        ),
    ),
    Migration(
        "the trustpool",
        (
            "CREATE TABLE trustpool_certificates (position INTEGER PRIMARY KEY, der BLOB NOT NULL)",
            # One row, when anything has happened: the import that is in service, and why a later one has failed.
            """
            CREATE TABLE trustpool_status (
                id          INTEGER PRIMARY KEY CHECK (id = 1),
                imported    TEXT,
                url         TEXT,
                expired     INTEGER,
                error_time  TEXT,
                error       TEXT
            )
            """,
        ),
    ),
    Migration(
        "who holds private keys",
        (
            "ALTER TABLE key_pairs ADD COLUMN held_by TEXT NOT NULL DEFAULT 'software'",
            "ALTER TABLE kept_key_parts ADD COLUMN held_by TEXT NOT NULL DEFAULT 'software'",
        ),
    ),
    Migration(
        "the last dossiers",
        (
            # `selectors`: a JSON array; `sections`: a JSON array of [name, result-code, bytes]. `form` is NULL for a
            # dossier that was not signed.
            """
            CREATE TABLE dossiers (
                number      INTEGER PRIMARY KEY AUTOINCREMENT,
                user        TEXT NOT NULL,
                time        TEXT NOT NULL,
                selectors   TEXT NOT NULL,
                nonce       TEXT,
                size        INTEGER NOT NULL,
                duration    INTEGER NOT NULL,
                digest      TEXT NOT NULL,
                sections    TEXT NOT NULL,
                signature_nonce TEXT,
                form        TEXT,
                compression TEXT
            )
            """,
            """
            CREATE TABLE dossier_counts (
                only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
                collected   INTEGER NOT NULL DEFAULT 0,
                signed      INTEGER NOT NULL DEFAULT 0,
                refused     INTEGER NOT NULL DEFAULT 0,
                stopped     INTEGER NOT NULL DEFAULT 0
            )
            """,
        ),
    ),
    Migration(
        "what is remembered of installed packages",
        (
            # `stamp`: when dpkg unpacked the package. `signer`: the OpenPGP key that vouches for it. `claims`: what is
            # known of its files, zlib over JSON (agent/integrity/packages/baselines.py).
            """
            CREATE TABLE package_baselines (
                name        TEXT NOT NULL,
                architecture TEXT NOT NULL,
                basis       TEXT NOT NULL,
                version     TEXT NOT NULL,
                stamp       TEXT NOT NULL,
                signer      TEXT NOT NULL,
                claims      BLOB NOT NULL,
                PRIMARY KEY (name, architecture, basis)
            )
            """,
            # The values of the last generation, in hexadecimal; "0" where there was none.
            """
            CREATE TABLE package_fingerprints (
                manager     TEXT NOT NULL,
                name        TEXT NOT NULL,
                epoch       TEXT NOT NULL,
                version     TEXT NOT NULL,
                release     TEXT NOT NULL,
                architecture TEXT NOT NULL,
                install_time TEXT NOT NULL,
                run_time    TEXT NOT NULL,
                PRIMARY KEY (manager, name, epoch, version, release, architecture)
            ) WITHOUT ROWID
            """,
        ),
    ),
)
