"""The last dossiers and how many there were: what an administrator wants to see also after a restart."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agent.storage.database import Database

#: Dossiers of which more than their number is kept: the newest.
KEPT_DOSSIERS: Final = 16


@dataclass(frozen=True, slots=True)
class DossierSignature:
    """How a dossier was signed: `form` and `compression` as the client named them."""

    nonce: str | None
    form: str
    compression: str


@dataclass(frozen=True, slots=True)
class DossierRecord:
    """A dossier that was collected.

    Attributes:
        user, time: for whom, and when it was complete (aware).
        selectors: what was asked for, in that order.
        nonce: the one of the request, or None.
        size: bytes of the dossier.
        duration: of the collection, in milliseconds.
        digest: SHA-256 of the dossier, in hexadecimal.
        sections: (name, result-code, bytes), in their order.
        signature: None if it was not signed.
    """

    user: str
    time: datetime
    selectors: tuple[str, ...]
    nonce: str | None
    size: int
    duration: int
    digest: str
    sections: tuple[tuple[str, str, int], ...]
    signature: DossierSignature | None = None


@dataclass(frozen=True, slots=True)
class DossierCounts:
    """Since the state folder was made: dossiers collected, those of them that were signed in the same go, requests
    that were refused because too many waited, collections whose client went away."""

    collected: int = 0
    signed: int = 0
    refused: int = 0
    stopped: int = 0


class DossierLog:
    """In a database. Any thread may call it; methods raise StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self) -> DossierCounts:
        rows = self._database.query("SELECT collected, signed, refused, stopped FROM dossier_counts")
        return DossierCounts(*rows[0]) if rows else DossierCounts()

    def newest(self) -> list[tuple[int, DossierRecord]]:
        """The kept ones with their numbers, newest first."""
        rows = self._database.query("SELECT * FROM dossiers ORDER BY number DESC")
        return [(row["number"], _record(row)) for row in rows]

    def add(self, record: DossierRecord) -> int:
        """Keep and count a dossier; its number. Numbers grow and are never used again."""
        with self._database.transaction() as transaction:
            signature = record.signature
            cursor = transaction.execute(
                "INSERT INTO dossiers (user, time, selectors, nonce, size, duration, digest, sections, signature_nonce,"
                " form, compression) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    record.user,
                    record.time.isoformat(),
                    json.dumps(record.selectors),
                    record.nonce,
                    record.size,
                    record.duration,
                    record.digest,
                    json.dumps(record.sections),
                    signature and signature.nonce,
                    signature and signature.form,
                    signature and signature.compression,
                ),
            )
            number = cursor.lastrowid
            assert number is not None
            transaction.execute("DELETE FROM dossiers WHERE number <= ?", (number - KEPT_DOSSIERS,))
            transaction.execute(_COUNT["collected"])
            if signature is not None:
                transaction.execute(_COUNT["signed"])
        return number

    def sign(self, number: int, signature: DossierSignature) -> None:
        """The dossier with this number has been signed."""
        with self._database.transaction() as transaction:
            transaction.execute(
                "UPDATE dossiers SET signature_nonce = ?, form = ?, compression = ? WHERE number = ?",
                (signature.nonce, signature.form, signature.compression, number),
            )
            transaction.execute(_COUNT["signed"])

    def count_refused(self) -> None:
        with self._database.transaction() as transaction:
            transaction.execute(_COUNT["refused"])

    def count_stopped(self) -> None:
        with self._database.transaction() as transaction:
            transaction.execute(_COUNT["stopped"])


_COUNT: Final = {
    name: "INSERT INTO dossier_counts (only_row, COLUMN) VALUES (1, 1)"
    " ON CONFLICT (only_row) DO UPDATE SET COLUMN = COLUMN + 1".replace("COLUMN", name)
    for name in ("collected", "signed", "refused", "stopped")
}


def _record(row: sqlite3.Row) -> DossierRecord:
    signed = row["form"] is not None
    return DossierRecord(
        user=row["user"],
        time=datetime.fromisoformat(row["time"]),
        selectors=tuple(json.loads(row["selectors"])),
        nonce=row["nonce"],
        size=row["size"],
        duration=row["duration"],
        digest=row["digest"],
        sections=tuple((name, code, size) for name, code, size in json.loads(row["sections"])),
        signature=DossierSignature(row["signature_nonce"], row["form"], row["compression"]) if signed else None,
    )
