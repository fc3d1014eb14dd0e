"""What all parts of enrolling share, and the state of a trustpoint as they see it.

Whatever changes a trustpoint does it inside `Context.changing`: one transaction, after which listeners are told if the
state is another one than before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agent.clock import Clock
from agent.pki.certificates import CertificateRole, CertificateView
from agent.pki.enrollment.records import EnrollmentRecords
from agent.pki.enrollment.states import EnrollmentState, Facts, state_of
from agent.pki.kept_keys import KeptKeys, KeySlot
from agent.pki.key_store import KeyStore
from agent.pki.trustpoint import EnrollmentMethod, KeyReference, TrustpointConfig
from agent.pki.trustpoint_store import (
    PURPOSES_OF_ROLES,
    ROUTER_ROLES,
    Slot,
    StoredCertificate,
    TrustpointStore,
    public_key_der,
)
from agent.scheduler import Scheduler
from agent.storage.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Outline:
    """What the state of a trustpoint follows from in its configuration.

    Attributes:
        keys: the key pairs that it needs.
        retry_count: how many times its server is asked again at most; None without a server.
    """

    method: EnrollmentMethod
    keys: tuple[KeyReference, ...]
    retry_count: int | None = None


class ConfigSource(Protocol):
    """Where trustpoints are configured, at the moment of each call."""

    def find(self, name: str) -> TrustpointConfig | None:
        """What the trustpoint is configured to do; None if it is not, or not completely."""

    def outline(self, name: str) -> Outline | None:
        """The same, of what its state follows from; quick."""


class Listener(Protocol):
    """Whoever wants to know. Called after what has happened is durable; must return at once."""

    def state_changed(
        self, trustpoint: str, before: EnrollmentState, after: EnrollmentState, reason: str | None
    ) -> None:
        """The trustpoint has come to another state; or, with both the same, `reason` is news."""

    def installed(self, trustpoint: str, certificate: CertificateView, changes: tuple[str, ...]) -> None:
        """A certificate is in service. `changes`: what the CA changed of what was asked for."""


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of enrolling."""

    database: Database
    key_store: KeyStore
    kept_keys: KeptKeys
    store: TrustpointStore
    records: EnrollmentRecords
    scheduler: Scheduler
    clock: Clock
    configs: ConfigSource
    listener: Listener

    def state(self, name: str, transaction: Transaction | None = None) -> tuple[EnrollmentState, str]:
        """The state of a trustpoint, and what brings it further."""
        return state_of(self._facts(name, transaction))

    def discard_useless_keys(self, name: str, transaction: Transaction) -> None:
        """Forget the keys of previous certificates that are not there any more."""
        if not self.store.stored(name, Slot.PREVIOUS, transaction):
            self.kept_keys.discard(name, KeySlot.PREVIOUS, transaction)

    def attempts_allowed(self, name: str) -> int | None:
        """How many times the trustpoint's server is asked again at most; None for one without a server."""
        outline = self.configs.outline(name)
        return None if outline is None else outline.retry_count

    @contextmanager
    def changing(self, name: str) -> Iterator[Change]:
        """A transaction on one trustpoint."""
        with self.database.transaction() as transaction:
            # What was told last. Keys and time may have changed it since, and then this is the next chance to tell.
            before = self.records.status(name, transaction).state or self.state(name, transaction)[0]
            change = Change(transaction)
            yield change
            after, _ = self.state(name, transaction)
            if after is not before:
                self.records.came_to(name, after, transaction)
            if after is not before or change.reason is not None:
                transaction.after_commit(lambda: self.listener.state_changed(name, before, after, change.reason))

    def tell_installed(
        self, name: str, views: list[CertificateView], stored: list[StoredCertificate], transaction: Transaction
    ) -> None:
        """Tell of certificates that are put into service by the transaction."""
        for view, certificate in zip(views, stored, strict=True):
            transaction.after_commit(
                lambda view=view, changes=certificate.changes: self.listener.installed(name, view, changes)  # type: ignore[misc]
            )

    def has_keys_of(self, certificates: Sequence[StoredCertificate], transaction: Transaction | None) -> bool:
        """Whether the key pairs in service are those of these certificates of the device."""
        for stored in certificates:
            assert stored.key is not None, "the device's own"
            pair = self.key_store.find(stored.key.type, stored.key.label, transaction)
            public = dict(pair.parts).get(PURPOSES_OF_ROLES[stored.role]) if pair is not None else None
            if public != public_key_der(stored.certificate.public_key()):
                return False
        return True

    def _facts(self, name: str, transaction: Transaction | None) -> Facts:
        outline = self.configs.outline(name)
        current = self.store.stored(name, Slot.CURRENT, transaction)
        enrollment = self.records.find(name, transaction)
        now = self.clock.now()
        own = [stored for stored in current if stored.role in ROUTER_ROLES]
        issuing = next((stored for stored in current if stored.role is CertificateRole.CA), None)
        return Facts(
            method=None if outline is None else outline.method,
            has_key=outline is not None and self._has_keys(outline, transaction),
            is_offered=bool(self.store.stored(name, Slot.OFFERED, transaction)),
            is_authenticated=issuing is not None,
            is_enrolled=bool(own),
            ca_expired=issuing is not None and _has_expired(issuing, now),
            expired=any(_has_expired(stored, now) for stored in own),
            key_changed=not self.has_keys_of(own, transaction),
            under_way=None if enrollment is None else enrollment.state,
            was_rejected=self.records.status(name, transaction).rejected,
        )

    def _has_keys(self, outline: Outline, transaction: Transaction | None) -> bool:
        return all(self.key_store.find(key.type, key.label, transaction) is not None for key in outline.keys)


@dataclass(slots=True)
class Change:
    """A transaction on one trustpoint, and what is to be said of it."""

    transaction: Transaction
    reason: str | None = None


def _has_expired(stored: StoredCertificate, now: datetime) -> bool:
    return now > stored.view.not_after
