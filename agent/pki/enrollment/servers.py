"""The servers of certification authorities behind one face, whatever protocol they speak.

A server is asked for its certificates, for a certificate, and again while it has not decided. Each exchange opens its
own connections: between two polls there may be days. What went wrong is told by the exceptions of enrolment_errors.py
and of the protocols.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography import x509

from agent.clock import Clock
from agent.pki.ca_chain import CaChain
from agent.pki.certificates import CertificateRole
from agent.pki.enrollment.orders import Order
from agent.pki.enrolment_errors import CaUnreachableError, EnrolmentError, HttpStatusError
from agent.pki.enrolment_outcome import Outcome
from agent.pki.est.client import EstClient, Login, fetch_unverified_ca_certificates
from agent.pki.est.urls import check_url as check_est_url
from agent.pki.http import check_vrf
from agent.pki.scep.algorithms import ScepPolicy
from agent.pki.scep.ca_certificates import CaCertificates
from agent.pki.scep.client import ScepClient
from agent.pki.scep.http import HttpTransport
from agent.pki.scep.http import check_url as check_scep_url
from agent.pki.scep.messages import Transaction
from agent.pki.tls import TlsIdentity, TlsSettings
from agent.pki.trustpoint import EnrollmentMethod, EnrollmentServer, RenewalMessage, TrustpointConfig
from agent.pki.trustpoint_store import StoredCertificate
from agent.pki.weaknesses import Weakness

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Authority:
    """The certificates of a certification authority.

    Attributes:
        chain: the top first, the issuing CA last.
        authorities: of registration authorities.
    """

    chain: tuple[x509.Certificate, ...]
    authorities: tuple[x509.Certificate, ...] = ()

    @classmethod
    def of(cls, stored: Iterable[StoredCertificate]) -> Authority:
        """From what is stored of a trustpoint, the nearest to the device first."""
        found = list(stored)
        chain = [one.certificate for one in found if one.role is CertificateRole.CA]
        return cls(tuple(reversed(chain)), tuple(one.certificate for one in found if one.role is CertificateRole.RA))

    @property
    def issuer(self) -> x509.Certificate:
        """The issuing CA."""
        return self.chain[-1]


class Server(Protocol):
    """One server of a certification authority."""

    async def fetch(self) -> Authority:
        """Its certificates, which nobody vouches for yet."""

    async def ask(self, order: Order, authority: Authority) -> Outcome:
        """Ask for the certificate of an order."""

    async def ask_again(self, order: Order, authority: Authority) -> Outcome:
        """Ask whether it has decided."""


def is_passing(error: EnrolmentError) -> bool:
    """Whether the same request may succeed later, without anybody doing anything about it."""
    return isinstance(error, CaUnreachableError) or (isinstance(error, HttpStatusError) and error.is_server_fault)


def check_server(config: TrustpointConfig) -> None:
    """Refuse a server that can't be asked so: UnsupportedUrlError, InvalidVrfError, InvalidLoginError."""
    if config.server is not None:
        check_vrf(config.server.vrf)
        _URL_CHECKS[config.method](config.server.url)
        login_of(config.server)


def server_of(config: TrustpointConfig, clock: Clock) -> Server:
    """The server of a trustpoint whose method has one. Raises UnsupportedUrlError."""
    assert config.server is not None, "the method has a server"
    kind = ScepServer if config.method is EnrollmentMethod.SCEP else EstServer
    return kind(config.name, config.server, clock)


class ScepServer:
    """A SCEP server (RFC 8894)."""

    def __init__(self, trustpoint: str, server: EnrollmentServer, clock: Clock) -> None:
        self._trustpoint = trustpoint
        self._server = server
        self._clock = clock

    async def fetch(self) -> Authority:
        async with self.transport() as transport:
            found = await self.client(transport).get_ca_certificates()
        self.note(found.weaknesses)
        return Authority(found.chain, found.authorities)

    async def ask(self, order: Order, authority: Authority) -> Outcome:
        async with self.transport() as transport:
            client = self.client(transport)
            capabilities = await client.get_ca_caps()
            renewal_req = self._server.renewal_message is RenewalMessage.RENEWAL_REQ
            outcome = await client.enroll(
                _transaction(order, order.message),
                certificates_of(authority),
                capabilities,
                renewal=order.holder is not None and renewal_req and capabilities.renewal,
            )
        self.note(outcome.weaknesses)
        return outcome

    async def ask_again(self, order: Order, authority: Authority) -> Outcome:
        async with self.transport() as transport:
            client = self.client(transport)
            capabilities = await client.get_ca_caps()
            outcome = await client.poll(
                _transaction(order, order.record.request), certificates_of(authority), capabilities
            )
        self.note(outcome.weaknesses)
        return outcome

    def transport(self) -> HttpTransport:
        """A way to the server, to be closed."""
        return HttpTransport(vrf=self._server.vrf, timeout=self._server.timeout)

    def client(self, transport: HttpTransport) -> ScepClient:
        """A client that goes this way."""
        policy = ScepPolicy(allow_sha1=True, allow_des=True) if self._server.allow_weak else None
        return ScepClient(
            self._server.url,
            transport=transport,
            clock=self._clock,
            policy=policy,
            identifier=self._server.ca_identifier,
        )

    def note(self, weaknesses: Iterable[Weakness]) -> None:
        """Log what the trustpoint allows and the server uses."""
        _log_weaknesses(self._trustpoint, weaknesses)


class EstServer:
    """An EST server (RFC 7030). It is verified against the trustpoint's CA; its certificates are fetched from whoever
    answers, since nobody trusts them before a fingerprint is compared (section 4.1.1)."""

    def __init__(self, trustpoint: str, server: EnrollmentServer, clock: Clock) -> None:
        self._trustpoint = trustpoint
        self._server = server
        self._clock = clock

    async def fetch(self) -> Authority:
        found = await fetch_unverified_ca_certificates(
            self._server.url,
            clock=self._clock,
            vrf=self._server.vrf,
            timeout=self._server.timeout,
            allow_sha1=self._server.allow_weak,
        )
        _log_weaknesses(self._trustpoint, found.weaknesses)
        return Authority(found.chain)

    async def ask(self, order: Order, authority: Authority) -> Outcome:
        holder = order.holder
        issuing_first = authority.chain[::-1]
        identity = None if holder is None else TlsIdentity((holder.certificate, *issuing_first), holder.key)
        settings = TlsSettings(authority.chain, identity)
        async with EstClient(
            self._server.url,
            clock=self._clock,
            tls=settings,
            login=login_of(self._server),
            vrf=self._server.vrf,
            timeout=self._server.timeout,
            allow_sha1=self._server.allow_weak,
        ) as client:
            # Other names are another certificate (RFC 7030 section 4.2.2).
            same = holder is not None and _names(x509.load_der_x509_csr(order.record.request)) == _names(
                holder.certificate
            )
            enroll = client.reenroll if same else client.enroll
            outcome = await enroll(order.record.request, CaChain(authority.chain))
        _log_weaknesses(self._trustpoint, outcome.weaknesses)
        return outcome

    async def ask_again(self, order: Order, authority: Authority) -> Outcome:
        # RFC 7030 section 4.2.3: a pending request is sent again as it was.
        return await self.ask(order, authority)


def login_of(server: EnrollmentServer) -> Login | None:
    """User name and password for an EST server, if it is configured with them. Raises InvalidLoginError."""
    if server.username is None or server.password is None:
        return None
    return Login(server.username, server.password)


def _names(of: x509.Certificate | x509.CertificateSigningRequest) -> tuple[x509.Name, frozenset[x509.GeneralName]]:
    try:
        alternative = frozenset(of.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        alternative = frozenset()
    return of.subject, alternative


def _log_weaknesses(trustpoint: str, weaknesses: Iterable[Weakness]) -> None:
    for weakness in weaknesses:
        log.warning("trustpoint %s: %s uses %s", trustpoint, weakness.use, weakness.algorithm)


def certificates_of(authority: Authority) -> CaCertificates:
    """As the SCEP client wants them."""
    return CaCertificates(chain=authority.chain, authorities=authority.authorities)


_URL_CHECKS: Final = {EnrollmentMethod.SCEP: check_scep_url, EnrollmentMethod.EST: check_est_url}


def _transaction(order: Order, request: bytes) -> Transaction:
    assert order.signer is not None, "SCEP orders have one"
    return Transaction(order.record.transaction_id, request, order.signer)
