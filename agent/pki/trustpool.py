"""The trustpool: CA certificates that were downloaded as a bundle (the guide: "Certificate Authority Trust Pool
Management").

It is one thing: an import replaces all of it in one transaction, or changes nothing; cleaning removes all of it. One
import runs at a time. There is no built-in bundle, and nothing imports by itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from cryptography.hazmat.primitives.serialization import Encoding

from agent.clock import Clock
from agent.pki.ca_bundles import fetch_bundle, read_bundle
from agent.pki.certificates import CertificateRole, CertificateView
from agent.pki.errors import PkiError
from agent.pki.http import check_url
from agent.pki.trustpool_errors import ImportUnderWayError
from agent.scheduler import Scheduler
from agent.storage.database import Database, Transaction
from agent.storage.errors import StorageError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LastImport:
    """The import that the certificates came with.

    Attributes:
        time: when, UTC.
        url: from where, without a query: what stands there may be a secret.
        expired: certificates that were left out, because they had expired.
    """

    time: datetime
    url: str
    expired: int


@dataclass(frozen=True, slots=True)
class LastError:
    """Why the last import has failed, and when; gone when one succeeds or the pool is cleaned."""

    time: datetime
    message: str


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """How the pool came to be as it is."""

    certificates: int
    last_import: LastImport | None
    last_error: LastError | None
    import_under_way: bool


class PoolAction(StrEnum):
    IMPORTED = "imported"
    CLEANED = "cleaned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PoolEvent:
    """Something happened to the pool.

    Attributes:
        certificates: how many there are in it now.
        url: that of the import.
        expired: certificates that the import left out.
        reason: why it failed.
    """

    action: PoolAction
    time: datetime
    certificates: int
    url: str | None = None
    expired: int = 0
    reason: str | None = None


PoolListener: TypeAlias = Callable[[PoolEvent], None]


class Trustpool:
    """The pool, in a database. Safe to use from any number of threads."""

    def __init__(self, database: Database, scheduler: Scheduler, clock: Clock) -> None:
        self._database = database
        self._scheduler = scheduler
        self._clock = clock
        self._under_way = threading.Lock()
        #: Told of every event, after it is durable.
        self.listener: PoolListener | None = None

    def certificates(self) -> list[CertificateView]:
        """In the order of the bundle."""
        rows = self._database.query("SELECT der FROM trustpool_certificates ORDER BY position")
        return [CertificateView.from_der(CertificateRole.CA, row["der"]) for row in rows]

    def status(self) -> PoolStatus:
        (count,) = self._database.query("SELECT count(*) AS certificates FROM trustpool_certificates")
        rows = self._database.query("SELECT imported, url, expired, error_time, error FROM trustpool_status")
        row = rows[0] if rows else None
        last_import = last_error = None
        if row is not None and row["imported"] is not None:
            last_import = LastImport(datetime.fromisoformat(row["imported"]), row["url"], row["expired"])
        if row is not None and row["error"] is not None:
            last_error = LastError(datetime.fromisoformat(row["error_time"]), row["error"])
        return PoolStatus(count["certificates"], last_import, last_error, self._under_way.locked())

    def import_bundle(self, url: str, vrf: str | None = None) -> Future[None]:
        """Begin to replace the pool by the bundle at `url`; connections leave by `vrf`.

        Raises InvalidUrlError, ImportUnderWayError. The future raises as fetch_bundle and read_bundle do.
        """
        encoded = check_url(url)
        if not self._under_way.acquire(blocking=False):
            raise ImportUnderWayError
        shown = encoded.partition("?")[0]

        async def work() -> None:
            try:
                data = await fetch_bundle(encoded, vrf)
                await self._scheduler.in_thread(self._replace, shown, data)
            except PkiError as error:
                await self._scheduler.in_thread(self._note_failure, shown, error.message)
                raise
            except StorageError:
                # It can't be kept, and maybe nobody waits for the end any more.
                log.exception("trustpool: the import from %s failed", shown)
                raise
            finally:
                self._under_way.release()

        try:
            return self._scheduler.run(work)
        except BaseException:
            self._under_way.release()
            raise

    def clean(self) -> int:
        """Remove all certificates; how many there were. Raises ImportUnderWayError."""
        if not self._under_way.acquire(blocking=False):
            raise ImportUnderWayError
        try:
            with self._database.transaction() as transaction:
                removed = transaction.execute("DELETE FROM trustpool_certificates").rowcount
                transaction.execute("DELETE FROM trustpool_status")
                self._tell(PoolEvent(PoolAction.CLEANED, self._clock.now(), 0), transaction)
        finally:
            self._under_way.release()
        return removed

    def _replace(self, url: str, data: bytes) -> None:
        now = self._clock.now()
        bundle = read_bundle(data, now)
        encoded = [certificate.public_bytes(Encoding.DER) for certificate in bundle.certificates]
        for der in encoded:
            # One that could not be shown is found now, and not whenever somebody looks.
            CertificateView.from_der(CertificateRole.CA, der)
        with self._database.transaction() as transaction:
            transaction.execute("DELETE FROM trustpool_certificates")
            for position, der in enumerate(encoded):
                transaction.execute("INSERT INTO trustpool_certificates (position, der) VALUES (?, ?)", (position, der))
            transaction.execute(
                "INSERT OR REPLACE INTO trustpool_status (id, imported, url, expired) VALUES (1, ?, ?, ?)",
                (now.isoformat(), url, bundle.expired),
            )
            self._tell(PoolEvent(PoolAction.IMPORTED, now, len(encoded), url, bundle.expired), transaction)

    def _note_failure(self, url: str, message: str) -> None:
        now = self._clock.now()
        with self._database.transaction() as transaction:
            transaction.execute(
                "INSERT INTO trustpool_status (id, error_time, error) VALUES (1, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET error_time = excluded.error_time, error = excluded.error",
                (now.isoformat(), message),
            )
            (count,) = transaction.query("SELECT count(*) AS certificates FROM trustpool_certificates")
            event = PoolEvent(PoolAction.FAILED, now, count["certificates"], url, reason=message)
            self._tell(event, transaction)

    def _tell(self, event: PoolEvent, transaction: Transaction) -> None:
        def tell() -> None:
            if self.listener is not None:
                self.listener(event)

        transaction.after_commit(tell)
