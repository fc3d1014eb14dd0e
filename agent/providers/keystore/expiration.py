"""Telling of certificates that expire, at the moments of agent/pki/expiry.py.

Looked for at start, soon after a trustpoint has got a certificate, at the next moment of the schedule, and daily. Of
each certificate the latest warning that is due is told once; after a restart it is told again, because nobody knows who
has heard of it.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from cryptography import x509

from agent.events import Event
from agent.pki.expiry import last_warning, next_warning
from agent.pki.key_certificates import certificates_by_key
from agent.providers.keystore.events import certificate_expiration
from agent.providers.keystore.vocabulary import entries, named
from agent.providers.services import Services
from agent.providers.trustpoints.events import CERTIFICATE_INSTALLED

#: What is planned: the next moment of the schedule, and a look at what has changed.
_NEXT: Final = "certificate-expiration/next"
_CHANGED: Final = "certificate-expiration/changed"

#: Certificates may come by the hundred: a look at all of them is not for each one that comes.
SETTLING: Final = timedelta(seconds=1)
#: Clocks are set, and looks fail: none is longer ago than this.
LONGEST_WAIT: Final = timedelta(days=1)

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
        #: A look is planned that will see what has changed.
        self._is_noticed = False

    def start(self) -> None:
        """Look now, and after certificates are installed."""
        self._services.bus.subscribe(self._notice)
        self._planner.at(_CHANGED, self._services.clock.now(), self._look)

    def look(self) -> None:
        """Tell what is due, and plan the next look."""
        with self._lock:
            # Before looking: what changes from here on needs another look.
            self._is_noticed = False
            now = self._services.clock.now()
            latest = now + LONGEST_WAIT
            # First, so that a look that fails is not the last one.
            self._planner.at(_NEXT, latest, self._look)
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
            # Inside the lock: of two looks, the later one has the last word.
            moments = (moment for moment in following if moment is not None)
            self._planner.at(_NEXT, min([latest, *moments]), self._look)

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
        if event.path == CERTIFICATE_INSTALLED and not self._is_noticed:
            self._is_noticed = True
            self._planner.at(_CHANGED, self._services.clock.now() + SETTLING, self._look)

    async def _look(self) -> None:
        await self._planner.in_thread(self.look)
