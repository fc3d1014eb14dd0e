"""What a SCEP server can be asked besides enrolling: certificates that it issued, its CRL, its next certificates
(RFC 8894 sections 3.3.4 and 4.7). Nothing is kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeVar

from cryptography import x509

from agent.pki.certificates import CertificateRole
from agent.pki.enrollment.context import Context
from agent.pki.enrollment.errors import WrongMethodError
from agent.pki.enrollment.servers import Authority, ScepServer, certificates_of
from agent.pki.errors import NotAuthenticatedError, NotEnrolledError
from agent.pki.scep.client import Found, ScepClient
from agent.pki.scep.messages import MessageSigner
from agent.pki.trustpoint import EnrollmentMethod, TrustpointConfig
from agent.pki.trustpoint_store import AUTHORITY_ROLES, StoredCertificate

#: Seconds of each exchange at most; whoever asks waits for the answer.
QUERY_TIMEOUT: Final = 5.0

_T = TypeVar("_T")


class Queries:
    """Asks SCEP servers. Any thread may call it, and waits for the answer."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def certificate(self, config: TrustpointConfig, serial: int) -> x509.Certificate:
        """A certificate that the server has issued. Raises NotEnrolledError, and as ScepClient.get_certificate does."""
        server, authority, signer = self._server(config), self._authority(config), self._signer(config)

        async def ask(client: ScepClient) -> Found[x509.Certificate]:
            capabilities = await client.get_ca_caps()
            return await client.get_certificate(serial, signer, certificates_of(authority), capabilities)

        return self._answer(server, ask)

    def crl(self, config: TrustpointConfig) -> x509.CertificateRevocationList:
        """The CRL for the trustpoint's certificate. Raises NotEnrolledError, and as ScepClient.get_crl does."""
        server, authority, signer = self._server(config), self._authority(config), self._signer(config)
        serial = self._own(config).certificate.serial_number

        async def ask(client: ScepClient) -> Found[x509.CertificateRevocationList]:
            capabilities = await client.get_ca_caps()
            return await client.get_crl(serial, signer, certificates_of(authority), capabilities)

        return self._answer(server, ask)

    def next_ca(self, config: TrustpointConfig) -> tuple[x509.Certificate, ...]:
        """The chain after the rollover, the issuing CA first. Raises as ScepClient.get_next_ca does."""
        server, authority = self._server(config), self._authority(config)

        async def ask(client: ScepClient) -> Found[tuple[x509.Certificate, ...]]:
            following = await client.get_next_ca(certificates_of(authority))
            return Found(following.chain[::-1], following.weaknesses)

        return self._answer(server, ask)

    def _server(self, config: TrustpointConfig) -> ScepServer:
        if config.method is not EnrollmentMethod.SCEP or config.server is None:
            raise WrongMethodError(
                f"Only a SCEP server can be asked for that: the enrollment url of trustpoint {config.name} is another"
                " one's."
            )
        patient = min(config.server.timeout, QUERY_TIMEOUT)
        return ScepServer(config.name, replace(config.server, timeout=patient), self._context.clock)

    def _authority(self, config: TrustpointConfig) -> Authority:
        stored = [one for one in self._context.store.stored(config.name) if one.role in AUTHORITY_ROLES]
        if not stored:
            raise NotAuthenticatedError(config.name)
        return Authority.of(stored)

    def _own(self, config: TrustpointConfig) -> StoredCertificate:
        for stored in self._context.store.stored(config.name):
            if stored.role in (CertificateRole.ROUTER, CertificateRole.ROUTER_SIGNATURE):
                return stored
        raise NotEnrolledError(config.name)

    def _signer(self, config: TrustpointConfig) -> MessageSigner:
        own = self._own(config)
        assert own.key is not None, "the device's own"
        return MessageSigner.holder(self._context.key_store.private_key(own.key.type, own.key.label), own.der)

    def _answer(self, server: ScepServer, ask: Callable[[ScepClient], Awaitable[Found[_T]]]) -> _T:
        async def work() -> _T:
            async with server.transport() as transport:
                answer = await ask(server.client(transport))
            server.note(answer.weaknesses)
            return answer.found

        return self._context.scheduler.run(work).result()
