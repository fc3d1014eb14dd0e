"""A SCEP client: the operations of RFC 8894 section 4 against one server.

It keeps no state. The caller remembers the CA's certificates and capabilities and, between a request and its polls, the
Transaction. All methods run in the caller's event loop, and raise subclasses of ScepError only; if a TPM holds the key,
also NoTpmError, TpmFailedError, TpmKeyLostError.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from agent.clock import Clock
from agent.pki.crls import is_crl_signed_by
from agent.pki.key_holders import is_held_by_tpm
from agent.pki.scep.algorithms import ScepPolicy
from agent.pki.scep.attributes import MessageType, PkiStatus
from agent.pki.scep.ca_certificates import CaCertificates, read_ca_certificates
from agent.pki.scep.capabilities import MAX_BYTES, Capabilities
from agent.pki.scep.cms import read_certificates, read_crl, verify
from agent.pki.scep.errors import (
    AlgorithmNotAllowedError,
    HttpStatusError,
    MalformedMessageError,
    NotFoundError,
    QueryRefusedError,
    RedirectRefusedError,
    WrongIssuerError,
)
from agent.pki.scep.grants import Outcome, read_outcome
from agent.pki.scep.http import HttpAnswer, Transport, check_url, operation_url
from agent.pki.scep.messages import (
    Answer,
    MessageSigner,
    Sent,
    Transaction,
    build_request,
    certificate_reference,
    enrolment_content,
    read_answer,
)
from agent.pki.signatures import WeakSignatureError
from agent.pki.weaknesses import Weakness

#: Bytes of an answer with certificates.
MAX_ANSWER: Final = 256 * 1024
#: Bytes of an answer with a CRL.
MAX_CRL_ANSWER: Final = 8 * 1024 * 1024
#: Characters of the name that tells several CAs behind one URL apart.
IDENTIFIER_MAX_LENGTH: Final = 255
_CRL_SIGNATURE: Final = "CRL signature"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Found(Generic[_T]):
    """What a query has found. `weaknesses`: what the policy had to allow."""

    found: _T
    weaknesses: tuple[Weakness, ...] = ()


class ScepClient:
    """Speaks with the server at `url`. Making one raises UnsupportedUrlError.

    Args:
        url: as configured; without a path it gets the customary one.
        transport: carries the messages.
        clock: for the validity of CA certificates.
        policy: which weak algorithms are allowed.
        identifier: which of the CAs behind the URL; mostly not needed.
    """

    def __init__(
        self,
        url: str,
        *,
        transport: Transport,
        clock: Clock,
        policy: ScepPolicy | None = None,
        identifier: str | None = None,
    ) -> None:
        self.url = check_url(url)
        self._transport = transport
        self._clock = clock
        self._policy = policy or ScepPolicy()
        self._identifier = identifier[:IDENTIFIER_MAX_LENGTH] if identifier else None

    async def get_ca_caps(self) -> Capabilities:
        """What the CA can; nothing if the server has no answer to that (RFC 8894 section 3.5.1).

        A server that can't be reached is another matter: CaUnreachableError. So is one that is not well, where a CA
        that can nothing is of no use: HttpStatusError.
        """
        try:
            answer = await self._get("GetCACaps", MAX_BYTES)
        except HttpStatusError as error:
            if error.is_server_fault and not self._policy.allow_sha1:
                raise
            return Capabilities()
        except RedirectRefusedError:
            return Capabilities()
        return Capabilities.parse(answer.body)

    async def get_ca_certificates(self) -> CaCertificates:
        """The CA's certificates, which nobody vouches for until somebody compares a fingerprint."""
        answer = await self._get("GetCACert", MAX_ANSWER)
        return CaCertificates.arrange(read_ca_certificates(answer.body), self._clock.now(), self._policy)

    async def get_next_ca(self, ca: CaCertificates) -> CaCertificates:
        """The certificates that the CA will have after its rollover, vouched for by the present CA.

        They may be valid only later.
        """
        answer = await self._get("GetNextCACert", MAX_ANSWER)
        verified = verify(answer.body, (ca.issuer,), self._policy)
        if verified.content is None:
            raise MalformedMessageError("it has no content")
        certificates = read_certificates(verified.content)
        at = max((self._clock.now(), *(certificate.not_valid_before_utc for certificate in certificates)))
        following = CaCertificates.arrange(certificates, at, self._policy)
        return replace(following, weaknesses=tuple(dict.fromkeys(verified.weaknesses + following.weaknesses)))

    async def enroll(
        self, transaction: Transaction, ca: CaCertificates, capabilities: Capabilities, *, renewal: bool = False
    ) -> Outcome:
        """Ask for the certificate: PKCSReq, or with `renewal` RenewalReq.

        The standard has RenewalReq signed by the certificate that is renewed. A PKCSReq may be signed by it too, which
        is how older CAs renew.
        """
        kind = MessageType.RENEWAL_REQ if renewal else MessageType.PKCS_REQ
        return await self._enrolment(kind, transaction, ca, capabilities)

    async def poll(self, transaction: Transaction, ca: CaCertificates, capabilities: Capabilities) -> Outcome:
        """Ask for the certificate of a pending transaction: CertPoll, once called GetCertInitial."""
        return await self._enrolment(MessageType.CERT_POLL, transaction, ca, capabilities)

    async def get_certificate(
        self, serial: int, signer: MessageSigner, ca: CaCertificates, capabilities: Capabilities
    ) -> Found[x509.Certificate]:
        """A certificate that the CA once issued, by its serial number. `signer`: a certificate of the CA and its key.

        Raises also QueryRefusedError, NotFoundError.
        """
        content = certificate_reference(ca.issuer.subject, serial)
        answer = await self._query(MessageType.GET_CERT, content, signer, ca, capabilities, MAX_ANSWER)
        for certificate in read_certificates(answer.content):
            if certificate.serial_number == serial and certificate.issuer == ca.issuer.subject:
                return Found(certificate, answer.weaknesses)
        raise NotFoundError("certificate")

    async def get_crl(
        self, serial: int, signer: MessageSigner, ca: CaCertificates, capabilities: Capabilities
    ) -> Found[x509.CertificateRevocationList]:
        """The CRL for the certificate with this serial number, its signature verified. How old it is, is the caller's
        to judge.

        Raises also QueryRefusedError, NotFoundError, WrongIssuerError.
        """
        content = certificate_reference(ca.issuer.subject, serial)
        answer = await self._query(MessageType.GET_CRL, content, signer, ca, capabilities, MAX_CRL_ANSWER)
        crl = read_crl(answer.content)
        if crl is None:
            raise NotFoundError("CRL")
        self._check_crl(crl, ca.issuer)
        return Found(crl, answer.weaknesses + _crl_weakness(crl))

    async def _enrolment(
        self, kind: MessageType, transaction: Transaction, ca: CaCertificates, capabilities: Capabilities
    ) -> Outcome:
        content = enrolment_content(transaction, kind, ca)
        answer = await self._exchange(kind, content, transaction.id, transaction.signer, ca, capabilities, MAX_ANSWER)
        return read_outcome(answer, transaction.request, ca, self._policy)

    async def _query(
        self,
        kind: MessageType,
        content: bytes,
        signer: MessageSigner,
        ca: CaCertificates,
        capabilities: Capabilities,
        limit: int,
    ) -> Answer:
        transaction_id = secrets.token_hex(20).upper()
        answer = await self._exchange(kind, content, transaction_id, signer, ca, capabilities, limit)
        if answer.status is PkiStatus.FAILURE:
            raise QueryRefusedError(answer.reason)
        if answer.status is PkiStatus.PENDING:
            raise MalformedMessageError("a query can't be pending")
        return answer

    async def _exchange(
        self,
        kind: MessageType,
        content: bytes,
        transaction_id: str,
        signer: MessageSigner,
        ca: CaCertificates,
        capabilities: Capabilities,
        limit: int,
    ) -> Answer:
        """The answer to one message."""
        policy = self._policy
        sent = await _by(signer, lambda: build_request(kind, content, transaction_id, signer, ca, capabilities, policy))
        body = await self._send(sent, capabilities, limit)
        return await _by(signer, lambda: read_answer(body, sent, ca, policy))

    def _check_crl(self, crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> None:
        try:
            signed = is_crl_signed_by(crl, issuer, allow_sha1=self._policy.allow_sha1)
            named = crl.issuer == issuer.subject
        except WeakSignatureError as error:
            raise AlgorithmNotAllowedError(_CRL_SIGNATURE, error.algorithm) from error
        except (UnsupportedAlgorithm, ValueError, TypeError) as error:
            raise MalformedMessageError("its CRL can't be read") from error
        if not (named and signed):
            raise WrongIssuerError("another CA")

    async def _send(self, sent: Sent, capabilities: Capabilities, limit: int) -> bytes:
        if capabilities.post:
            url = operation_url(self.url, "PKIOperation")
            return (await self._transport.post(url, sent.message, limit)).body
        message = base64.b64encode(sent.message).decode()
        return (await self._transport.get(operation_url(self.url, "PKIOperation", message), limit)).body

    async def _get(self, operation: str, limit: int) -> HttpAnswer:
        return await self._transport.get(operation_url(self.url, operation, self._identifier), limit)


async def _by(signer: MessageSigner, work: Callable[[], _T]) -> _T:
    """Work with the signer's key: a TPM takes its time, and others must not wait for it."""
    return await asyncio.to_thread(work) if is_held_by_tpm(signer.key) else work()


def _crl_weakness(crl: x509.CertificateRevocationList) -> tuple[Weakness, ...]:
    digest = crl.signature_hash_algorithm
    return (Weakness(_CRL_SIGNATURE, "sha1"),) if digest is not None and digest.name == "sha1" else ()
