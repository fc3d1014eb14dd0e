"""Telling of certificates that expire, at the moments of agent/pki/expiry.py.

Looked for at start, whenever a trustpoint has got a certificate, and at the next moment of the schedule. Of each
certificate the latest warning that is due is told once; after a restart it is told again, because nobody knows who has
heard of it.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, Protocol

from cryptography import x509

from agent.events import Event
from agent.pki.expiry import last_warning, next_warning
from agent.pki.key_certificates import certificates_by_key
from agent.providers.keystore.events import certificate_expiration
from agent.providers.keystore.vocabulary import entries, named
from agent.providers.services import Services
from agent.providers.trustpoints.events import CERTIFICATE_INSTALLED

#: What is planned: the next moment of the schedule, and a look at what has just changed.
_NEXT: Final = "certificate-expiration/next"
_NOW: Final = "certificate-expiration/now"

Work = Callable[[], Awaitable[None]]


class Planner(Protocol):
    """What is needed of the scheduler."""

    def at(self, key: str, moment: datetime, work: Work) -> None: ...

    async def in_thread(self, function: Callable[[], None]) -> None: ...


class ExpirationWatch:
    """Looks for certificates that expire. Any thread may call it."""

    def __init__(self, services: Services, planner: Planner) -> None:
        self._services = services
        self._planner = planner
        self._lock = threading.Lock()
        #: (name of the key, name of the certificate, the certificate) -> the warning that was told.
        self._told: dict[tuple[str, str, x509.Certificate], datetime] = {}

    def start(self) -> None:
        """Look now, and after every certificate that is installed."""
        self._look_soon()
        self._services.bus.subscribe(self._notice)

    def look(self) -> None:
        """Tell what is due, and plan the next look."""
        with self._lock:
            now = self._services.clock.now()
            told: dict[tuple[str, str, x509.Certificate], datetime] = {}
            following = []
            for key, name, certificate in self._certificates():
                end = certificate.not_valid_after_utc
                due = last_warning(end, now)
                if due is not None:
                    if self._told.get((key, name, certificate)) != due:
                        self._services.bus.publish(certificate_expiration(now, key, name, end))
                    told[key, name, certificate] = due
                following.append(next_warning(end, now))
            self._told = told
            moments = [moment for moment in following if moment is not None]
            if moments:
                # Inside the lock: of two looks, the later one has the last word.
                self._planner.at(_NEXT, min(moments), self._look)

    def _certificates(self) -> list[tuple[str, str, x509.Certificate]]:
        """All certificates of the keystore, each with the names of its entries."""
        by_key = certificates_by_key(self._services.trustpoint_store)
        return [
            (key, name, certificate.certificate)
            for pair in self._services.key_store.list()
            for key, public_key in entries(pair)
            for name, certificate in named(by_key.get(public_key, ()))
        ]

    def _notice(self, event: Event) -> None:
        """The event bus's listener: it must neither wait nor publish."""
        if event.path == CERTIFICATE_INSTALLED:
            self._look_soon()

    def _look_soon(self) -> None:
        self._planner.at(_NOW, self._services.clock.now(), self._look)

    async def _look(self) -> None:
        await self._planner.in_thread(self.look)
