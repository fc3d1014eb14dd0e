"""The archive: one SQLite file with all dossiers that came, as they came, and what they were found to be.

docs/collect.md has the tables. Whoever has this file can verify everything in it again: the anchors were taken over
when somebody had compared their fingerprints, and the nonces are those that were sent.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from agent.clock import yang_date_and_time
from agent.collector.archive_tables import APPLICATION_ID, TABLES, VERSION
from agent.collector.errors import ArchiveError, NoEvidenceError
from agent.integrity.judging.judge import Judgement
from agent.integrity.judging.report import finding_record, judgement_record

#: Seconds to wait for another collector that writes.
BUSY_LIMIT: Final = 10.0
#: Most of an envelope is base64, which zlib packs no better with more work.
_COMPRESSION: Final = 1
_PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """A dossier of the archive.

    Attributes:
        number: its id.
        device: its device's name.
        received: when it came.
        nonce: that was sent for it.
        size: bytes of its envelope.
        exit_status: of its verdict.
        accepted: when somebody accepted it, or "".
    """

    number: int
    device: str
    received: str
    nonce: str
    size: int
    exit_status: int
    accepted: str


@dataclass(frozen=True, slots=True)
class DeviceSummary:
    """A device and its last attempt; `outcome` and `time` are "" if there was none."""

    name: str
    dossiers: int
    outcome: str
    time: str
    exit_status: int | None


class Archive:
    """An open archive. Any thread may use it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._lock = threading.RLock()
        self.path = path

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Archive:
        """Raises ArchiveError."""
        if not create and not path.exists():
            raise ArchiveError(f"there is no archive {path}")
        try:
            # Evidence tells much of a device: the file is for its owner only.
            os.close(os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600))
            connection = sqlite3.connect(
                path, timeout=BUSY_LIMIT, isolation_level=None, check_same_thread=False, cached_statements=64
            )
        except (OSError, sqlite3.Error) as error:
            raise ArchiveError(f"{path} can't be opened: {error}") from error
        archive = cls(connection, path)
        try:
            archive._prepare()
        except sqlite3.Error as error:
            connection.close()
            raise ArchiveError(f"{path} can't be used: {error}") from error
        return archive

    def _prepare(self) -> None:
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA foreign_keys = ON")
        with self._transaction() as run:
            (found,) = run("PRAGMA application_id").fetchone()
            (version,) = run("PRAGMA user_version").fetchone()
            (tables,) = run("SELECT count(*) FROM sqlite_schema").fetchone()
            if (found, version) == (APPLICATION_ID, VERSION):
                return
            if found != 0 or version != 0 or tables:
                raise sqlite3.DatabaseError("it is not an archive of this version of trustconf")
            for statement in TABLES.split(";\n"):
                run(statement)
            run(f"PRAGMA application_id = {APPLICATION_ID}")
            run(f"PRAGMA user_version = {VERSION}")

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Generator[Any]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection.execute
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _rows(self, sql: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(sql, parameters).fetchall()

    # Devices and anchors ---------------------------------------------------------------------------------------------

    def add_anchor(self, device: str, sha256: str, certificate: str, at: datetime) -> None:
        """Trust this certificate (PEM) for what `device` signs."""
        now = yang_date_and_time(at)
        with self._transaction() as run:
            run("INSERT OR IGNORE INTO devices (name, added) VALUES (?, ?)", (device, now))
            run(
                "INSERT OR IGNORE INTO anchors SELECT id, ?, ?, ? FROM devices WHERE name = ?",
                (sha256, certificate, now, device),
            )

    def anchors(self, device: str) -> bytes:
        """PEM of all certificates that are trusted for this device; b"" if there is none."""
        rows = self._rows(
            "SELECT certificate FROM anchors JOIN devices ON device = id WHERE name = ? ORDER BY anchors.added",
            (device,),
        )
        return "".join(row["certificate"] for row in rows).encode()

    def devices(self) -> list[DeviceSummary]:
        """All devices by name, with their last attempt."""
        return [
            DeviceSummary(row["name"], row["dossiers"], row["outcome"] or "", row["time"] or "", row["exit_status"])
            for row in self._rows(
                "SELECT name, (SELECT count(*) FROM dossiers WHERE device = devices.id) AS dossiers, outcome, time,"
                " exit_status FROM devices LEFT JOIN attempts ON attempts.id ="
                " (SELECT max(id) FROM attempts WHERE device = devices.id)"
                " LEFT JOIN verdicts ON verdicts.dossier = attempts.dossier ORDER BY name"
            )
        ]

    # Dossiers --------------------------------------------------------------------------------------------------------

    def add_failure(self, device: str, error: NoEvidenceError, at: datetime) -> None:
        """Remember that there was no answer."""
        now = yang_date_and_time(at)
        with self._transaction() as run:
            run("INSERT OR IGNORE INTO devices (name, added) VALUES (?, ?)", (device, now))
            run(
                "INSERT INTO attempts (device, time, outcome, text) SELECT id, ?, ?, ? FROM devices WHERE name = ?",
                (now, error.obstacle.value, _storable(error.text), device),
            )

    def add_dossier(
        self,
        device: str,
        envelope: BinaryIO,
        judgement: Judgement,
        *,
        method: str,
        nonce: str,
        baseline: int | None,
        at: datetime,
    ) -> int:
        """Keep an answer with its judgement; its number."""
        packed, size = _packed(envelope)
        dossier = judgement.evidence.dossier
        now = yang_date_and_time(at)
        with self._transaction() as run:
            (identity,) = run("SELECT id FROM devices WHERE name = ?", (device,)).fetchone()
            number: int = run(
                "INSERT INTO dossiers (device, received, method, nonce, size, envelope, dossier_sha256, collected)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    identity, now, method, nonce, size, packed,
                    dossier.digest if dossier else None, yang_date_and_time(dossier.start) if dossier else None,
                ),
            ).lastrowid  # fmt: skip
            run(
                "INSERT INTO verdicts (dossier, exit_status, believed, in_order, baseline, report)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    number, judgement.exit_status, judgement.is_believed, judgement.is_in_order, baseline,
                    json.dumps(judgement_record(judgement)),
                ),
            )  # fmt: skip
            for position, finding in enumerate(judgement.findings):
                record = finding_record(finding)
                run(
                    "INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        number, position, record["name"], record["severity"], record.get("section", ""),
                        _storable(record.get("subject", "")), record["text"], json.dumps(record.get("facts", {})),
                    ),
                )  # fmt: skip
            run(
                "INSERT INTO attempts (device, time, outcome, text, dossier) VALUES (?, ?, 'answered', '', ?)",
                (identity, now, number),
            )
        return number

    def baseline(self, device: str) -> int | None:
        """The last dossier that was in order, or that somebody has accepted."""
        return self._newest(device, "believed AND (in_order OR accepted IS NOT NULL)")

    def latest(self, device: str) -> int | None:
        """The last dossier that was believed."""
        return self._newest(device, "believed")

    def _newest(self, device: str, condition: str) -> int | None:
        (row,) = self._rows(
            "SELECT max(dossiers.id) AS number FROM dossiers JOIN verdicts ON dossier = dossiers.id"  # noqa: S608
            f" JOIN devices ON device = devices.id WHERE name = ? AND {condition}",
            (device,),
        )
        number: int | None = row["number"]
        return number

    def has_dossier(self, device: str, digest: str) -> bool:
        """Whether this dossier has come before."""
        return bool(
            self._rows(
                "SELECT 1 FROM dossiers JOIN devices ON device = devices.id"
                " WHERE name = ? AND dossier_sha256 = ? LIMIT 1",
                (device, digest),
            )
        )

    def dossiers(self, device: str | None = None) -> Iterator[Kept]:
        """Those of a device, or all, newest first."""
        for row in self._rows(f"{_KEPT} WHERE ? IS NULL OR name = ? ORDER BY dossiers.id DESC", (device, device)):
            yield _kept(row)

    def dossier(self, number: int) -> Kept:
        """Raises ArchiveError if there is none of that number."""
        rows = self._rows(f"{_KEPT} WHERE dossiers.id = ?", (number,))
        if not rows:
            raise ArchiveError(f"there is no dossier {number} in {self.path}")
        return _kept(rows[0])

    def report(self, number: int) -> dict[str, Any]:
        """What was found of a dossier when it came: the object of docs/verify.md."""
        (row,) = self._rows("SELECT report FROM verdicts WHERE dossier = ?", (number,))
        report: dict[str, Any] = json.loads(row["report"])
        return report

    def write_envelope(self, number: int, target: BinaryIO) -> None:
        """Write the envelope as it came, byte for byte."""
        rows = self._rows("SELECT envelope FROM dossiers WHERE id = ?", (number,))
        if not rows:
            raise ArchiveError(f"there is no dossier {number} in {self.path}")
        if not rows[0]["envelope"]:
            raise ArchiveError(f"the envelope of dossier {number} was removed from {self.path}")
        unpacker = zlib.decompressobj()
        packed = rows[0]["envelope"]
        try:
            while packed:
                target.write(unpacker.decompress(packed, _PIECE))
                packed = unpacker.unconsumed_tail
            target.write(unpacker.flush())
        except zlib.error as error:
            raise ArchiveError(f"dossier {number} in {self.path} is damaged") from error
        if not unpacker.eof:
            raise ArchiveError(f"dossier {number} in {self.path} is damaged")

    def prune(self, keep: int) -> int:
        """Remove envelopes, but for the newest `keep` of each device, its baseline and its latest; how many were
        removed. What was found in them stays."""
        removed = 0
        with self._lock:
            for device in self.devices():
                kept = {self.baseline(device.name), self.latest(device.name)}
                old = [each.number for each in self.dossiers(device.name)][keep:]
                with self._transaction() as run:
                    for number in old:
                        if number not in kept:
                            sql = "UPDATE dossiers SET envelope = x'' WHERE id = ? AND envelope != x''"
                            removed += run(sql, (number,)).rowcount
            if removed:
                self._connection.execute("VACUUM")
        return removed

    def accept(self, number: int, at: datetime) -> None:
        """From now on, what this dossier says is what is expected. Raises ArchiveError if it is not to be believed."""
        with self._transaction() as run:
            row = run("SELECT believed FROM verdicts WHERE dossier = ?", (number,)).fetchone()
            if row is None:
                raise ArchiveError(f"there is no dossier {number} in {self.path}")
            if not row["believed"]:
                raise ArchiveError(f"dossier {number} is not to be believed: it can't be accepted")
            run("UPDATE verdicts SET accepted = ? WHERE dossier = ?", (yang_date_and_time(at), number))


_KEPT: Final = (
    "SELECT dossiers.id, name, received, nonce, size, exit_status, accepted FROM dossiers"
    " JOIN devices ON device = devices.id JOIN verdicts ON dossier = dossiers.id"
)


def _kept(row: sqlite3.Row) -> Kept:
    return Kept(
        number=row["id"],
        device=row["name"],
        received=row["received"],
        nonce=row["nonce"],
        size=row["size"],
        exit_status=row["exit_status"],
        accepted=row["accepted"] or "",
    )


def _packed(envelope: BinaryIO) -> tuple[bytes, int]:
    envelope.seek(0)
    packer, packed, size = zlib.compressobj(_COMPRESSION), bytearray(), 0
    while piece := envelope.read(_PIECE):
        size += len(piece)
        packed += packer.compress(piece)
    packed += packer.flush()
    return bytes(packed), size


def _storable(text: str) -> str:
    """SQLite has UTF-8 only, and a device may have sent anything."""
    return text.encode("utf-8", "replace").decode()
