"""A whole scan: the lists of packages, the walk, the snapshot with its signature, and what is no longer kept."""

from __future__ import annotations

import json
import logging
import sqlite3
import struct
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509

from agent.clock import Clock
from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.errors import SourceUnavailableError
from agent.integrity.filesystem.blocks import BlockError, BlockWriter, digest_of
from agent.integrity.filesystem.budget import Budget
from agent.integrity.filesystem.chain import NO_DIGEST, signed_text
from agent.integrity.filesystem.owned import Owned
from agent.integrity.filesystem.records import canonical
from agent.integrity.filesystem.retention import Retention
from agent.integrity.filesystem.scan import ROTATION, Counts, Scan, StoppedError
from agent.integrity.filesystem.scope import Scope
from agent.integrity.filesystem.store import CHAIN, InventoryStore, Snapshot, meta, set_meta
from agent.integrity.sections import asctime
from agent.integrity.signatures import ALGORITHMS, is_valid
from agent.integrity.sources.description import operating_system
from agent.integrity.sources.identity import device_serial

log = logging.getLogger(__name__)

#: What Cisco's model calls the host, among containers.
CONTAINER: Final = "container-host"
_LENGTH: Final = struct.Struct(">I")
_SCOPE: Final = "scope"


@dataclass(slots=True)
class Progress:
    """How far a scan is; read by others while it goes on.

    Attributes:
        phase: "idle", "packages", "files", "signing", "verifying".
        files: how many were looked at.
        expected: how many there were the last time; None before the first.
    """

    phase: str = "idle"
    files: int = 0
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature, by a name of signatures.ALGORITHMS, and the signer's certificates in DER, its own first."""

    algorithm: str
    value: bytes
    chain: tuple[bytes, ...]


UNSIGNED: Final = Signature("", b"", ())


@dataclass(frozen=True, slots=True)
class Order:
    """What to scan, and how.

    Attributes:
        scope: the files.
        directory_set: CHAIN for the snapshots of everything, else the number of a set, which is not compared.
        is_full: the snapshot tells of all files.
        reads_all: every file is read again.
    """

    scope: Scope
    retention: Retention
    budget: Budget
    directory_set: int = CHAIN
    is_full: bool = False
    reads_all: bool = False


@dataclass(frozen=True, slots=True)
class Damage:
    """A snapshot that is kept and is not what it was: "missing", "damaged", "bad-signature"..."""

    number: int
    problem: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scan has brought. `first_kept`: the number of the oldest snapshot of the set that is kept."""

    snapshot: Snapshot
    counts: Counts
    problems: tuple[str, ...]
    damages: tuple[Damage, ...]
    first_kept: int


@dataclass(slots=True)
class Inventory:
    """The inventory of one host. One scan at a time.

    Attributes:
        sign: signs bytes; None if nobody can.
        wait: lets seconds pass; true if the scan is no longer wanted.
    """

    store: InventoryStore
    host: Host
    clock: Clock
    sign: Callable[[bytes], Signature | None]
    wait: Callable[[float], bool]
    progress: Progress = field(default_factory=Progress)

    def scan(self, order: Order) -> Outcome:
        """Scan, in this thread, whose priority changes. Raises StoppedError, HostError and StoreError; then nothing has
        changed."""
        order.budget.apply()
        self.progress.files = 0
        kept = self.store.snapshots(order.directory_set)
        self.progress.expected = json.loads(kept[-1].counts)["files"] if kept else None
        try:
            damages = self._verified(kept) if order.directory_set == CHAIN else ()
            snapshot, counts, problems = self._scanned(order, kept)
            first_kept = self._retain(order, [*kept, snapshot])
        finally:
            self.progress.phase = "idle"
        return Outcome(snapshot, counts, tuple(problems), damages, first_kept)

    def _scanned(self, order: Order, kept: Sequence[Snapshot]) -> tuple[Snapshot, Counts, list[str]]:
        number = kept[-1].number + 1 if kept else 0
        time = self.clock.now().replace(microsecond=0)
        part = self.store.part(order.directory_set, number)
        problems: list[str] = []
        with self.store.writing() as connection:
            is_compared = order.directory_set == CHAIN
            stamp = order.scope.stamp
            is_full = (
                order.is_full
                or not is_compared
                or order.retention.wants_full(kept)
                or meta(connection, _SCOPE) != stamp
            )
            writer = BlockWriter(part)
            try:
                header = canonical(self._header(order, number, time, is_full, kept))
                writer.write(header)
                counts = self._walked(order, number, is_full, connection, writer, problems)
                self.progress.phase = "signing"
                digest, size = writer.finish()
                if is_compared:
                    set_meta(connection, _SCOPE, stamp)
                signature = self.sign(signed_text(number, digest.hex())) or UNSIGNED
                snapshot = Snapshot(
                    order.directory_set,
                    number,
                    is_full,
                    time,
                    header,
                    digest,
                    size,
                    signature.algorithm,
                    signature.value,
                    packed(signature.chain),
                    json.dumps(asdict(counts)),
                )
                self.store.put(connection, snapshot)
            except BaseException:
                writer.abandon()
                part.unlink(missing_ok=True)
                raise
        return snapshot, counts, problems

    def _walked(
        self,
        order: Order,
        number: int,
        is_full: bool,
        connection: sqlite3.Connection,
        writer: BlockWriter,
        problems: list[str],
    ) -> Counts:
        self.progress.phase = "packages"
        owned = Owned(connection)
        owned.refresh(self.host, problems, lambda: self._pause(order, 0))
        self.progress.phase = "files"
        scan = Scan(
            host=self.host,
            scope=order.scope,
            connection=connection if order.directory_set == CHAIN else None,
            owned=owned,
            write=writer.write,
            is_full=is_full,
            rotation=None if order.reads_all else number,
            pause=lambda files: self._pause(order, files),
            is_stopped=lambda: self.wait(0.0),
            problems=problems,
        )
        scan.run()
        self.progress.files = scan.counts.files
        return scan.counts

    def _pause(self, order: Order, files: int) -> None:
        self.progress.files = files
        if self.wait(order.budget.pause):
            raise StoppedError

    def _header(
        self, order: Order, number: int, time: datetime, is_full: bool, kept: Sequence[Snapshot]
    ) -> dict[str, object]:
        try:
            serial = device_serial(self.host)
        except (HostError, SourceUnavailableError):
            serial = ""
        header: dict[str, object] = {
            "chassis-serial-number": serial,
            "container": CONTAINER,
            "previous-digest": kept[-1].digest.hex() if kept else NO_DIGEST,
            "release-version": operating_system(self.host),
            "snap-time": asctime(time),
            "snapshot-block-no": number,
            "snapshot-type": "full" if is_full else "incremental",
        }
        return header | ({} if order.directory_set == CHAIN else {"directory-set": order.directory_set})

    def _retain(self, order: Order, snapshots: Sequence[Snapshot]) -> int:
        """Of the chain, what retention says; of a directory set, the newest snapshot. The first number that is kept."""
        is_chain = order.directory_set == CHAIN
        first = order.retention.first_kept(snapshots) if is_chain else snapshots[-1].number
        if first > snapshots[0].number:
            with self.store.writing() as connection:
                paths = self.store.drop(connection, order.directory_set, first)
            self.store.unlink(paths)
        return first

    def _verified(self, kept: Sequence[Snapshot]) -> tuple[Damage, ...]:
        """What is wrong with the snapshots that are kept: the newest one, and one in ROTATION of the others."""
        self.progress.phase = "verifying"
        found = []
        for before, each in zip((None, *kept), kept, strict=False):
            if each is kept[-1] or (each.number + len(kept)) % ROTATION == 0:
                problem = self._problem(each, before)
                if problem:
                    log.error("snapshot %d of the file system %s", each.number, problem)
                    found.append(Damage(each.number, problem))
        return tuple(found)

    def _problem(self, snapshot: Snapshot, before: Snapshot | None) -> str:
        try:
            if digest_of(self.store.path(snapshot.directory_set, snapshot.number)) != snapshot.digest:
                return "is not what its digest is over"
        except BlockError as error:
            return str(error)
        if before is not None and json.loads(snapshot.header)["previous-digest"] != before.digest.hex():
            return "does not go on from the one before"
        if snapshot.algorithm and not is_signed(snapshot):
            return "has a signature that is not right"
        return ""


def packed(certificates: Sequence[bytes]) -> bytes:
    """Certificates in one value."""
    return b"".join(_LENGTH.pack(len(each)) + each for each in certificates)


def unpacked(value: bytes) -> tuple[bytes, ...]:
    """What `packed` was given."""
    found, position = [], 0
    while position < len(value):
        (length,) = _LENGTH.unpack_from(value, position)
        position += _LENGTH.size
        found.append(value[position : position + length])
        position += length
    return tuple(found)


def is_signed(snapshot: Snapshot) -> bool:
    """Whether the signature is that of the first of its certificates."""
    try:
        key = x509.load_der_x509_certificate(unpacked(snapshot.certificates)[0]).public_key()
    except (ValueError, IndexError):
        return False
    text = signed_text(snapshot.number, snapshot.digest.hex())
    return is_valid(ALGORITHMS[snapshot.algorithm], key, snapshot.signature, text)
