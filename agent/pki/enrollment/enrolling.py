"""Getting the certificates of the device (the guide: "Request Your Own Certificates", "Configure Certificate Enrollment
Using Cut-and-Paste", "Regenerate the Certificate").

An enrollment is remembered before anything is sent, so that it survives a restart. Each turn asks the server for what
is not granted yet; a turn that leaves something open plans the next one, until the server has decided or was asked as
often as the trustpoint allows. When everything is granted, certificates and, if it is new, the key pair go into service
in one transaction; until then, and after a refusal, what was there before serves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.pki.certificates import CertificateRole
from agent.pki.enrollment.context import Change, Context
from agent.pki.enrollment.credentials import Credentials
from agent.pki.enrollment.errors import (
    ChallengeMissingError,
    EnrollmentRejectedError,
    EnrollmentUnderWayError,
    WrongMethodError,
)
from agent.pki.enrollment.orders import Holder, Order, place_orders
from agent.pki.enrollment.records import CertificateRequest, Enrollment
from agent.pki.enrollment.self_authority import SelfAuthority
from agent.pki.enrollment.servers import Authority, Server, is_passing, server_of
from agent.pki.enrollment.states import EnrollmentState
from agent.pki.enrolment_errors import EnrolmentError
from agent.pki.enrolment_outcome import Difference, Granted, Outcome, Pending, Rejected
from agent.pki.errors import KeyChangedError, NotAuthenticatedError, PkiError, TpmFailedError
from agent.pki.fingerprints import sha256_text
from agent.pki.kept_keys import KeySlot
from agent.pki.key_store import NewKeyPair
from agent.pki.trustpoint import EnrollmentMethod, TrustpointConfig
from agent.pki.trustpoint_store import (
    AUTHORITY_ROLES,
    ROUTER_ROLES,
    Slot,
    StoredCertificate,
)
from agent.storage.database import Transaction

log = logging.getLogger(__name__)

#: Trustpoints that ask the same server at the same time; the others take their turns.
ASKING_AT_ONCE: Final = 32
#: Seconds that a server may want us to wait: between two polls of the shortest and of the longest retry period.
_PATIENCE: Final = (60.0, 3600.0)
#: What else is to be said of a refusal when the challenge password is gone with an earlier process.
_RESTARTED: Final = (
    "The agent was restarted before there was an answer, and challenge passwords are not stored: enroll again."
)
#: How far the clock of a certification authority may be ahead: so long the device has no valid certificate then.
_CLOCKS_APART: Final = timedelta(minutes=5)
#: Until a turn that broke off is made again.
_PAUSE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Failed:
    """Asking has failed. `passing`: it may go well later."""

    message: str
    passing: bool


class Enrolling:
    """Enrolls trustpoints. Any thread may call it."""

    def __init__(self, context: Context, self_authority: SelfAuthority) -> None:
        self._context = context
        self._self_authority = self_authority
        self._credentials = Credentials(context)
        #: Orders that were not answered yet, with their challenge passwords: nowhere else than in memory.
        self._unanswered: dict[str, tuple[Order, ...]] = {}
        self._places: dict[str, asyncio.Semaphore] = {}

    def make_leaf(self, config: TrustpointConfig, challenge: str, *, regenerate: bool) -> None:
        """With `enrollment self`: make the leaf.

        Raises WrongMethodError, and as SelfAuthority.enroll and KeyStore.make do.
        """
        context = self._context
        self._check_challenge(config, challenge, None)
        new = self._credentials.new_pair(config) if regenerate else None
        with context.changing(config.name) as change:
            # Of a time when the trustpoint was configured otherwise.
            self.forget(config.name, change.transaction)
            self._exchange_keys(config, new, change)
            views = self._self_authority.enroll(config, change.transaction)
            current = context.store.stored(config.name, Slot.CURRENT, change.transaction)
            own = [stored for stored in current if stored.role in ROUTER_ROLES]
            context.records.succeeded(config.name, change.transaction)
            context.tell_installed(config.name, views, own, change.transaction)

    def request(self, config: TrustpointConfig, challenge: str, *, regenerate: bool) -> Future[None] | None:
        """Begin an enrollment with another authority: by cut and paste make the requests and return None; from a
        server ask for the certificates, until the future tells the end of the first turn.

        Raises EnrollmentUnderWayError, NotAuthenticatedError, ChallengeMissingError, KeyNotFoundError, and what
        place_orders and KeyStore.make raise. The future raises EnrollmentRejectedError.
        """
        context, name = self._context, config.name
        if context.records.find(name) is not None:
            raise EnrollmentUnderWayError(name)
        current = context.store.stored(name)
        if not any(stored.role is CertificateRole.CA for stored in current):
            raise NotAuthenticatedError(name)
        by_hand = config.method is EnrollmentMethod.TERMINAL
        holder = None if by_hand else self._credentials.holder(config, current)
        self._check_challenge(config, challenge, holder)
        new = self._credentials.new_pair(config) if regenerate else None
        keys = self._credentials.keys_in_service(config) if new is None else new.private_keys
        orders = tuple(place_orders(config, keys, challenge, holder, context.clock.now()))
        state = EnrollmentState.PENDING if by_hand else EnrollmentState.REQUESTING
        enrollment = Enrollment(
            name,
            config.method,
            state,
            holder is not None,
            context.clock.now(),
            tuple(order.record for order in orders),
        )
        with context.changing(name) as change:
            if context.records.find(name, change.transaction) is not None:
                raise EnrollmentUnderWayError(name)
            context.store.remove(name, Slot.GRANTED, change.transaction)
            context.kept_keys.discard(name, KeySlot.INCOMING, change.transaction)
            if new is not None:
                context.kept_keys.keep(name, new, change.transaction)
            context.records.begin(enrollment, change.transaction)
            context.records.succeeded(name, change.transaction)
        if by_hand:
            return None
        self._unanswered[name] = orders
        return context.scheduler.run(lambda: self._first_turn(name))

    def cancel(self, name: str) -> bool:
        """End the enrollment that is under way; whether there was one."""
        with self._context.changing(name) as change:
            ended = self.forget(name, change.transaction)
            if ended:
                self._context.records.succeeded(name, change.transaction)
        return ended

    def forget(self, name: str, transaction: Transaction) -> bool:
        """The same as a part of something else."""
        context = self._context
        context.store.remove(name, Slot.GRANTED, transaction)
        context.kept_keys.discard(name, KeySlot.INCOMING, transaction)
        transaction.after_commit(lambda: context.scheduler.cancel(_key(name)))
        transaction.after_commit(lambda: self._forget_unanswered(name))
        return context.records.end(name, transaction)

    def resume(self) -> None:
        """After a start: go on with what was under way."""
        for name in self._context.records.names():
            enrollment = self._context.records.find(name)
            if enrollment is not None and enrollment.method is not EnrollmentMethod.TERMINAL:
                now = self._context.clock.now()
                # The clock may have been set back since.
                latest = now + timedelta(seconds=max(_PATIENCE))
                log.info("trustpoint %s: going on with its enrollment", name)
                self._plan(name, at=min(enrollment.next_attempt or now, latest))

    def complete(
        self, config: TrustpointConfig, granted: Sequence[StoredCertificate], transaction: Transaction
    ) -> bool:
        """Take certificates for requests that are open; whether that was the last of them.

        Raises KeyChangedError when the key pair was replaced since it was asked for, and as KeyStore.store_sealed does.
        """
        context, name = self._context, config.name
        enrollment = context.records.find(name, transaction)
        assert enrollment is not None, "there are open requests"
        context.store.put(name, Slot.GRANTED, granted, transaction)
        waiting = context.store.stored(name, Slot.GRANTED, transaction)
        if {stored.role for stored in waiting} != {request.role for request in enrollment.requests}:
            return False
        if context.kept_keys.has(name, KeySlot.INCOMING, transaction):
            context.kept_keys.put_into_service(name, transaction)
        else:
            context.kept_keys.discard(name, KeySlot.PREVIOUS, transaction)
        if not context.has_keys_of(waiting, transaction):
            raise KeyChangedError(name, "router")
        views = context.store.install(name, waiting, transaction)
        self.forget(name, transaction)
        context.records.succeeded(name, transaction)
        context.tell_installed(name, views, waiting, transaction)
        return True

    def _exchange_keys(self, config: TrustpointConfig, new: NewKeyPair | None, change: Change) -> None:
        kept = self._context.kept_keys
        if new is None:
            kept.discard(config.name, KeySlot.PREVIOUS, change.transaction)
        else:
            kept.keep(config.name, new, change.transaction)
            kept.put_into_service(config.name, change.transaction)

    def _check_challenge(self, config: TrustpointConfig, challenge: str, holder: Holder | None) -> None:
        if config.method is not EnrollmentMethod.SCEP:
            if challenge:
                raise WrongMethodError(
                    "Only a request to a SCEP server has a challenge password: leave it out.", "challenge"
                )
            return
        server = config.server
        assert server is not None
        if not challenge and holder is None and not server.skip_challenge:
            raise ChallengeMissingError(config.name)

    # Asking a server

    async def _first_turn(self, name: str) -> None:
        rejected = await self._turn_or_later(name, first=True)
        if rejected is not None:
            raise EnrollmentRejectedError(rejected)

    async def _turn_or_later(self, name: str, *, first: bool = False) -> str | None:
        """A turn; when it breaks off, it is made again."""
        try:
            return await self._turn(name, first=first)
        except Exception:
            # Mostly the storage can't be used, and nothing was noted.
            log.exception("trustpoint %s: its enrollment broke off, and goes on in a while", name)
            self._plan(name, at=self._context.clock.now() + _PAUSE)
            raise

    async def _turn(self, name: str, *, first: bool) -> str | None:
        """Ask for everything that is open. Returns why the enrollment has failed, if it has."""
        in_thread = self._context.scheduler.in_thread
        prepared = await in_thread(self._prepare, name)
        if prepared is None:
            return None
        config, enrollment, authority, orders = prepared
        if not first:
            enrollment = replace(enrollment, attempts=enrollment.attempts + 1)
        answers: list[Outcome | _Failed]
        try:
            server = server_of(config, self._context.clock)
        except PkiError as error:
            answers = [_Failed(error.message, passing=False)]
        else:
            again = name not in self._unanswered
            async with self._place_at(config):
                answers = [
                    await _ask(server, order, authority, again=again and not _may_be_unsent(order, enrollment))
                    for order in orders
                ]
        return await in_thread(self._conclude, config, enrollment, answers, orders)

    def _place_at(self, config: TrustpointConfig) -> asyncio.Semaphore:
        """A place among those that ask the same server at the same time."""
        assert config.server is not None
        return self._places.setdefault(urlsplit(config.server.url).netloc, asyncio.Semaphore(ASKING_AT_ONCE))

    def _prepare(self, name: str) -> tuple[TrustpointConfig, Enrollment, Authority, tuple[Order, ...]] | None:
        context = self._context
        config, enrollment = context.configs.find(name), context.records.find(name)
        if config is None or enrollment is None or config.method is not enrollment.method:
            if enrollment is not None:
                log.info("trustpoint %s: its configuration has changed, its enrollment is over", name)
                self.cancel(name)
            self._forget_unanswered(name)
            return None
        authority = Authority.of(one for one in context.store.stored(name) if one.role in AUTHORITY_ROLES)
        granted = {stored.role for stored in context.store.stored(name, Slot.GRANTED)}
        orders = self._unanswered.get(name)
        try:
            if orders is None:
                orders = tuple(
                    self._credentials.order_again(config, enrollment, request) for request in enrollment.requests
                )
        except PkiError as error:
            self._reject(name, enrollment, error.message)
            return None
        return config, enrollment, authority, tuple(order for order in orders if order.record.role not in granted)

    def _conclude(
        self,
        config: TrustpointConfig,
        enrollment: Enrollment,
        answers: Sequence[Outcome | _Failed],
        orders: Sequence[Order],
    ) -> str | None:
        context, name = self._context, config.name
        granted = [
            _granted(config, order, answer)
            for order, answer in zip(orders, answers, strict=False)
            if isinstance(answer, Granted)
        ]
        refusal = self._refusal(answers, enrollment, config)
        if refusal is None:
            try:
                with context.changing(name) as change:
                    if not self._is_still(enrollment, change):
                        return None
                    if not (granted and self.complete(config, granted, change.transaction)):
                        self._wait(config, enrollment, answers, change)
                return None
            except PkiError as error:
                refusal = error.message
        self._reject(name, enrollment, refusal)
        return refusal

    def _refusal(
        self, answers: Sequence[Outcome | _Failed], enrollment: Enrollment, config: TrustpointConfig
    ) -> str | None:
        """Why the enrollment is over without a certificate; None if it is not."""
        for answer in answers:
            if isinstance(answer, Rejected):
                refused = f"The certification authority has refused the request: {answer.reason}."
                return f"{refused} {_RESTARTED}" if self._has_lost_challenge(enrollment) else refused
            if isinstance(answer, _Failed) and not answer.passing:
                return answer.message
            if isinstance(answer, Granted) and (defect := self._defect(answer.certificate)) is not None:
                return defect
        assert config.server is not None
        open_ones = [answer for answer in answers if not isinstance(answer, Granted)]
        if open_ones and enrollment.attempts >= config.server.retry_count:
            reason = next((one.message for one in open_ones if isinstance(one, _Failed)), None)
            times = "once" if enrollment.attempts == 1 else f"{enrollment.attempts} times"
            asked = f"The certification authority was asked again {times} without a decision."
            return f"{asked} {reason or 'Have the request approved, and enroll again.'}"
        return None

    def _has_lost_challenge(self, enrollment: Enrollment) -> bool:
        """Whether an earlier process sent a request with a challenge password, and nobody knows if it has arrived."""
        return (
            enrollment.state is EnrollmentState.REQUESTING
            and enrollment.trustpoint not in self._unanswered
            and not all(map(_is_whole, enrollment.requests))
        )

    def _defect(self, certificate: x509.Certificate) -> str | None:
        now = self._context.clock.now()
        if now > certificate.not_valid_after_utc:
            return "The certificate that the certification authority has issued is expired."
        if certificate.not_valid_before_utc > now + _CLOCKS_APART:
            return (
                "The certificate that the certification authority has issued is not valid before"
                f" {certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}: set the clocks right, and enroll again."
            )
        return None

    def _wait(
        self, config: TrustpointConfig, enrollment: Enrollment, answers: Sequence[Outcome | _Failed], change: Change
    ) -> None:
        context, name = self._context, config.name
        assert config.server is not None
        failures = [answer for answer in answers if isinstance(answer, _Failed)]
        unanswered = bool(failures) and enrollment.state is EnrollmentState.REQUESTING
        state = EnrollmentState.REQUESTING if unanswered else EnrollmentState.PENDING
        wanted = [answer.retry_after for answer in answers if isinstance(answer, Pending) and answer.retry_after]
        shortest, longest = _PATIENCE
        seconds = min(max([shortest, *wanted]), longest) if wanted else config.server.retry_period * 60.0
        moment = context.clock.now() + timedelta(seconds=seconds)
        context.records.wait(name, state, enrollment.attempts, moment, change.transaction)
        if failures:
            context.records.failed(name, failures[0].message, change.transaction)
        else:
            context.records.succeeded(name, change.transaction)
        if not unanswered:
            change.transaction.after_commit(lambda: self._forget_unanswered(name))
        change.transaction.after_commit(lambda: self._plan(name, at=moment))

    def _reject(self, name: str, enrollment: Enrollment, reason: str) -> None:
        with self._context.changing(name) as change:
            if self._is_still(enrollment, change):
                self.forget(name, change.transaction)
                self._context.records.failed(name, reason, change.transaction, rejected=True)
                change.reason = reason

    def _is_still(self, enrollment: Enrollment, change: Change) -> bool:
        """Whether the enrollment has not been cancelled, or followed by another one, since it was read."""
        now = self._context.records.find(enrollment.trustpoint, change.transaction)
        return now is not None and now.requests == enrollment.requests

    def _plan(self, name: str, *, at: datetime) -> None:
        async def work() -> None:
            await self._turn_or_later(name)

        self._context.scheduler.at(_key(name), at, work)

    def _forget_unanswered(self, name: str) -> None:
        self._unanswered.pop(name, None)


async def _ask(server: Server, order: Order, authority: Authority, *, again: bool) -> Outcome | _Failed:
    try:
        if again:
            return await server.ask_again(order, authority)
        return await server.ask(order, authority)
    except EnrolmentError as error:
        return _Failed(error.message, is_passing(error))
    except PkiError as error:
        # A TPM that fails may be busy.
        return _Failed(error.message, passing=isinstance(error, TpmFailedError))
    except Exception:
        log.exception("what a certification authority sent can't be dealt with, in a way that nobody has foreseen")
        return _Failed("The agent can't deal with what the certification authority sent: see its log.", passing=False)


def _may_be_unsent(order: Order, enrollment: Enrollment) -> bool:
    """Whether the server may never have got the request, and we still have the whole of it: then it is sent again as it
    was. Of one with a challenge password an earlier process has left the rest, with which a server can be polled."""
    return enrollment.state is EnrollmentState.REQUESTING and _is_whole(order.record)


def _is_whole(record: CertificateRequest) -> bool:
    """Whether the request is kept as it was sent: it has no challenge password."""
    return sha256_text(record.request) == record.sha256


def _granted(config: TrustpointConfig, order: Order, answer: Granted) -> StoredCertificate:
    der = answer.certificate.public_bytes(Encoding.DER)
    return StoredCertificate(order.record.role, der, key=config.keypair, changes=changes_of(answer))


def changes_of(answer: Granted) -> tuple[str, ...]:
    """What the certification authority changed of what was asked for, for a person."""
    return tuple(map(_change, answer.differences))


def _change(difference: Difference) -> str:
    return f"{difference.field}: {difference.received or 'none'} instead of {difference.requested}"


def _key(name: str) -> str:
    """Under which the next turn of a trustpoint is planned."""
    return f"enrollment of {name}"
