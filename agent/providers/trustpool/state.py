"""Operational data of the trustpool."""

from __future__ import annotations

from collections.abc import Iterator

from agent.clock import Clock, yang_date_and_time
from agent.northbound.contract import Record, StateQuery
from agent.pki.trustpool import PoolStatus, Trustpool
from agent.providers.trustpoints.vocabulary import certificate_facts, certificate_status


class TrustpoolState:
    def __init__(self, pool: Trustpool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def status(self, query: StateQuery) -> Record:
        return pool_status(self._pool.status())

    def certificates(self, query: StateQuery) -> Iterator[Record]:
        now = self._clock.now()
        for certificate in self._pool.certificates():
            yield {
                **certificate_facts(certificate),
                "status": certificate_status(certificate, now),
                "pem": certificate.pem,
            }


def pool_status(status: PoolStatus) -> Record:
    """grouping pool-status."""
    record: Record = {"import-under-way": status.import_under_way}
    if status.last_import is not None:
        record["last-import"] = {
            "time": yang_date_and_time(status.last_import.time),
            "url": status.last_import.url,
            "certificates": status.certificates,
            "expired": status.last_import.expired,
        }
    if status.last_error is not None:
        record["last-error"] = status.last_error.message
        record["last-error-time"] = yang_date_and_time(status.last_error.time)
    return record
