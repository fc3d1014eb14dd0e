"""A CA that speaks SCEP: bytes in, bytes out, no socket.

It does what no packaged server does: chains of any length, RAs, pending requests, refusals with reasons, GetCert,
GetCRL, rollover. It behaves by its Rules, which a test may change at any time, and misbehaves as its next Reply or
MessageFault says. It judges what it gets: whatever is wrong with a request stands in `complaints`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from asn1crypto import cms, core
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.peers.scep_messages import (
    BAD_ALG,
    BAD_CERT_ID,
    BAD_MESSAGE_CHECK,
    BAD_REQUEST,
    BAD_TIME,
    DIGESTS,
    FAIL_INFO,
    FAIL_INFO_TEXT,
    FAILURE,
    MESSAGE_TYPE,
    PENDING,
    PKI_STATUS,
    RECIPIENT_NONCE,
    SENDER_NONCE,
    SUCCESS,
    TRANSACTION_ID,
    BadMessageError,
    MessageKind,
    Request,
    attribute,
    degenerate,
    envelope,
    expect,
    own,
    read_request,
    signed,
)
from tests.peers.scep_rules import Answering, Rejection, Reply, Rules
from tests.pki.authorities import Authority, key_usage, line

_ENROLMENTS = (MessageKind.PKCS_REQ, MessageKind.RENEWAL_REQ)
#: Extensions of a request that make it into the certificate.
_COPIED = (x509.SubjectAlternativeName, x509.KeyUsage, x509.ExtendedKeyUsage)


class Ra(Enum):
    """Registration authorities before the CA: none, one for everything, one to sign and one to encrypt."""

    NONE = "none"
    ONE = "one"
    SPLIT = "split"


#: Key numbers and key usages of each; the first signs and the last decrypts.
_REGISTRARS = {
    Ra.NONE: (),
    Ra.ONE: ((2, ("digital_signature", "key_encipherment")),),
    Ra.SPLIT: ((2, ("digital_signature",)), (3, ("key_encipherment",))),
}


@dataclass
class _Transaction:
    request: Request
    waits: float
    certificate: x509.Certificate | None = None


class _RefusedError(Exception):
    def __init__(self, fail_info: int | None, text: str, text_oid: str = FAIL_INFO_TEXT) -> None:
        super().__init__(text)
        self.rejection = Rejection(fail_info, text, text_oid)


class ScepCa:
    """Speaks SCEP for `issuer`. `make` builds a whole one.

    Args:
        issuer: who signs certificates.
        chain: the CA certificates of GetCACert, from the root on.
        authorities: the RA certificates of GetCACert.
        recipient: whose key decrypts requests.
        signer: whose key signs answers.
        now: the time.
        rules: fields of Rules.

    Attributes:
        rules: to be changed at any time.
        requests: every message, in order.
        operations: every operation, in order: "GetCACaps", "PKIOperation" and so on.
        complaints: what was wrong with requests.
        issued: certificates by serial number.
        ca_answer: of GetCACert, instead of the right one.
        next_ca: the whole answer to GetNextCACert, instead of what prepare_rollover makes.
    """

    def __init__(
        self,
        issuer: Authority,
        *,
        chain: Iterable[x509.Certificate] | None = None,
        authorities: Iterable[x509.Certificate] = (),
        recipient: Authority | None = None,
        signer: Authority | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        **rules: Any,
    ) -> None:
        self.issuer = issuer
        self.chain = tuple(chain or (issuer.certificate,))
        self.authorities = tuple(authorities)
        self.recipient = recipient or issuer
        self.signer = signer or issuer
        self.rules = Rules(**rules)
        self.requests: list[Request] = []
        self.operations: list[str] = []
        self.complaints: list[str] = []
        self.issued: dict[int, x509.Certificate] = {}
        self.ca_answer = b""
        self.next_ca = b""
        self._now = now
        self._next: ScepCa | None = None
        self._former: list[Authority] = []
        self._revoked: dict[int, datetime] = {}
        self._transactions: dict[str, _Transaction] = {}
        self._replies: list[Answering] = [Reply()]
        self._changed = threading.Condition(threading.RLock())

    @classmethod
    def make(
        cls, tiers: int = 1, ra: Ra = Ra.NONE, *, name: str = "Tier", days: float = 3650, **options: Any
    ) -> ScepCa:
        """A chain of so many CAs, valid since yesterday, with RAs. `options`: of the constructor."""
        now = options.get("now", lambda: datetime.now(UTC))
        valid = {"start": now().replace(microsecond=0) - timedelta(days=1), "days": days}
        chain = line(tiers, name=name, **valid)
        issuer = chain[-1]
        registrars = [
            issuer.sub(f"RA {number}", key, ca=False, usage=key_usage(**dict.fromkeys(usages, True)), **valid)
            for number, (key, usages) in enumerate(_REGISTRARS[ra], 1)
        ]
        return cls(
            issuer,
            chain=[authority.certificate for authority in chain],
            authorities=[authority.certificate for authority in registrars],
            signer=registrars[0] if registrars else None,
            recipient=registrars[-1] if registrars else None,
            **options,
        )

    # What a test says and asks.

    def answer_with(self, *replies: Answering, **changes: Any) -> None:
        """How to answer messages: one of `replies` each, the last one for all that follow. Or `changes` of Reply for
        all; without any, honestly again.

        A function of (ca, request) decides for each message:
        `lambda ca, request: Reply(status=PENDING) if "router1" in ca.subject_of(request) else Reply()`
        """
        with self._changed:
            self._replies = list(replies) or [Reply(**changes)]

    def approve(self, transaction_id: str | None = None) -> None:
        """Somebody decided: the next poll gets its certificate. All transactions, or one."""
        with self._changed:
            for known, transaction in self._transactions.items():
                if transaction_id in (None, known):
                    transaction.waits = 0

    def revoke(self, certificate: x509.Certificate) -> None:
        """Put a certificate on the CRL."""
        with self._changed:
            self._revoked[certificate.serial_number] = self._now()

    def wait_for(self, count: int, kind: MessageKind | None = None, timeout: float = 30) -> list[Request]:
        """Wait until `count` messages (of a kind) have come, and return them."""
        with self._changed:
            seen = self._changed.wait_for(lambda: len(self._of_kind(kind)) >= count, timeout)
            assert seen, f"{len(self._of_kind(kind))} messages instead of {count}: {self.requests} {self.complaints}"
            return self._of_kind(kind)

    def prepare_rollover(self, tiers: int = 1, *, key: int = 6) -> ScepCa:
        """The CA that will be: GetNextCACert tells of it, and it is returned."""
        chain = line(tiers, name="Next", start=self._now().replace(microsecond=0) - timedelta(days=1), key=key)
        self._next = ScepCa(chain[-1], chain=[authority.certificate for authority in chain], now=self._now)
        return self._next

    def roll_over(self) -> None:
        """The CA that will be is; certificates of the former one still renew."""
        with self._changed:
            assert self._next is not None, "prepare_rollover first"
            self._former.append(self.issuer)
            self.issuer = self.recipient = self.signer = self._next.issuer
            self.chain, self.authorities, self._next = self._next.chain, (), None

    def subject_of(self, request: Request) -> str:
        """Of the PKCS #10 that an enrolment or poll is about; empty for a query."""
        if request.kind in _ENROLMENTS:
            return request.csr.parsed.subject.rfc4514_string()
        transaction = self._transactions.get(request.transaction_id)
        return transaction.request.csr.parsed.subject.rfc4514_string() if transaction else ""

    def crl(self) -> x509.CertificateRevocationList:
        """The CRL as of now, valid for a week."""
        now = self._now()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.issuer.certificate.subject)
            .last_update(now)
            .next_update(now + timedelta(days=7))
        )
        for serial, when in self._revoked.items():
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self.issuer.key, hashes.SHA256())

    @property
    def root(self) -> x509.Certificate:
        return self.chain[0]

    def pem(self, *certificates: x509.Certificate) -> str:
        """Certificates in PEM; without arguments the whole chain from the root on."""
        return "".join(c.public_bytes(Encoding.PEM).decode() for c in certificates or self.chain)

    # What clients ask.

    def capabilities(self) -> bytes | int:
        """GetCACaps: the body, or an HTTP status."""
        self._note("GetCACaps")
        return self.rules.caps

    def ca_certificates(self) -> tuple[bytes, bool]:
        """GetCACert: the body, and whether it is a bag of certificates instead of a single one."""
        self._note("GetCACert")
        several = len(self.chain) + len(self.authorities) > 1
        if self.ca_answer:
            return self.ca_answer, True
        if several:
            return degenerate((*self.authorities, *self.chain)), True
        return self.chain[0].public_bytes(Encoding.DER), False

    def next_ca_certificates(self) -> bytes | None:
        """GetNextCACert, signed by the present CA; None when none is planned."""
        self._note("GetNextCACert")
        if self.next_ca or self._next is None or not self.rules.lists("GetNextCACert"):
            return self.next_ca or None
        return signed(degenerate(self._next.chain), [], self.issuer.key, self.issuer.certificate)

    def operate(self, message: bytes, method: str) -> bytes:
        """PKIOperation. Raises BadMessageError when there is nobody to answer to."""
        with self._changed:
            self._note("PKIOperation")
            try:
                expect(method != "POST" or self.rules.lists("POSTPKIOperation") or self.rules.lists("SCEPStandard"),
                       "POST, which is not among the capabilities")  # fmt: skip
                request = self.read(message, method)
            except BadMessageError as error:
                self.complaints.append(str(error))
                raise
            answering = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
            self.requests.append(request)
            self._changed.notify_all()
            return self.answer(request, answering(self, request))

    def read(self, message: bytes, method: str) -> Request:
        return read_request(message, self.recipient, method)

    def answer(self, request: Request, reply: Reply) -> bytes:
        """The CertRep."""
        attributes: dict[str, Any] = {
            MESSAGE_TYPE: core.PrintableString("3"),
            TRANSACTION_ID: core.PrintableString(request.transaction_id),
            SENDER_NONCE: core.OctetString(b"n" * 16),
            RECIPIENT_NONCE: core.OctetString(request.nonce),
        }
        status, bag, failure = self._outcome(request, reply)
        attributes |= {PKI_STATUS: core.PrintableString(str(status)), **failure, **reply.attributes}
        built = [attribute(oid, value) for oid, value in attributes.items() if value is not None]
        content = b"" if self.rules.empty_content else None
        if status == SUCCESS:
            cipher = reply.cipher or self.rules.cipher
            seal = reply.enveloped or (lambda content, certificate: envelope(content, certificate, cipher))
            content = seal(bag, reply.encrypt_for or request.sender)
        signer = reply.signer or self.signer
        options = {"digest": DIGESTS[self.rules.digest], "certificates": [signer.certificate], **reply.options}
        message = signed(content, [*built, *reply.extra], signer.key, signer.certificate, **options)
        return message if reply.mangle is None else reply.mangle(message)

    def issue(self, request: Request) -> x509.Certificate:
        """What a request with a PKCS #10 asks for."""
        wanted = request.csr.parsed
        certificate = self.issuer.issue(
            self.rules.rename(wanted.subject) if self.rules.rename else wanted.subject,
            wanted.public_key(),
            [extension for extension in wanted.extensions if isinstance(extension.value, _COPIED)],
            start=self._now().replace(microsecond=0) + self.rules.not_before,
            days=self.rules.lifetime / timedelta(days=1),
        )
        self.issued[certificate.serial_number] = certificate
        return certificate

    # How it decides.

    def _note(self, operation: str) -> None:
        with self._changed:
            self.operations.append(operation)

    def _of_kind(self, kind: MessageKind | None) -> list[Request]:
        return [request for request in self.requests if kind in (None, request.kind)]

    def _outcome(self, request: Request, reply: Reply) -> tuple[int, bytes, dict[str, Any]]:
        """pkiStatus, the bag for the envelope, and the attributes of a failure."""
        if reply.rejection is not None:
            return FAILURE, b"", _failure(reply.rejection)
        try:
            bag = reply.content
            if bag is None and reply.certificates is not None:
                bag = degenerate(reply.certificates)
            if reply.status is not None:
                if request.kind in _ENROLMENTS:
                    self._transactions.setdefault(request.transaction_id, _Transaction(request, self.rules.pending))
                if reply.status == SUCCESS and bag is None:
                    bag = self._grant(self._transactions[request.transaction_id])
                return reply.status, bag or b"", {}
            if bag is not None:
                return SUCCESS, bag, {}
            bag = self._decide(request)
            return (PENDING, b"", {}) if bag is None else (SUCCESS, bag, {})
        except _RefusedError as error:
            return FAILURE, b"", _failure(error.rejection)

    def _decide(self, request: Request) -> bytes | None:
        """The bag that is asked for; None when it has to wait."""
        for algorithm in (request.cipher, request.digest):
            if not self.rules.allows(algorithm):
                self._refuse(BAD_ALG, f"{algorithm} is not among the capabilities")
        match request.kind:
            case MessageKind.PKCS_REQ | MessageKind.RENEWAL_REQ:
                return self._progress(self._begin(request))
            case MessageKind.CERT_POLL:
                return self._progress(self._find(request))
            case MessageKind.GET_CERT:
                serial = self._serial(request)
                known = {**self.issued, **{c.serial_number: c for c in self.chain}}
                if serial not in known:
                    raise _RefusedError(BAD_CERT_ID, "no such certificate")
                return degenerate([known[serial]])
            case MessageKind.GET_CRL:
                self._serial(request)
                return degenerate(crls=[self.crl()])
        self._refuse(BAD_REQUEST, f"a message of type {request.kind}")
        raise AssertionError

    def _refuse(self, fail_info: int, complaint: str) -> None:
        """The client did something that a right one does not."""
        self.complaints.append(complaint)
        raise _RefusedError(fail_info, complaint)

    def _begin(self, request: Request) -> _Transaction:
        known = self._transactions.get(request.transaction_id)
        if known is not None:
            if known.request.content != request.content:
                self._refuse(BAD_REQUEST, "a transaction begins twice, with another PKCS #10")
            return known
        try:
            wanted = request.csr.parsed.public_key()
        except (BadMessageError, ValueError, KeyError) as error:
            self._refuse(BAD_MESSAGE_CHECK, f"the PKCS #10 can't be read: {error}")
        holder = self._holds_certificate(request.sender)
        if not holder:
            if request.kind is MessageKind.RENEWAL_REQ:
                self._refuse(BAD_REQUEST, "RenewalReq is not signed by a certificate of this CA")
            if request.sender.issuer != request.sender.subject:
                self._refuse(BAD_REQUEST, "the request is signed by a certificate of another CA")
            if isinstance(wanted, rsa.RSAPublicKey) and wanted != request.sender.public_key():
                self._refuse(BAD_REQUEST, "the request is not signed by the key that it is about")
        if request.kind is MessageKind.RENEWAL_REQ and not (
            self.rules.lists("Renewal") or self.rules.lists("SCEPStandard")
        ):
            self._refuse(BAD_REQUEST, "RenewalReq, which is not among the capabilities")
        needed = self.rules.challenge is not None and (not holder or self.rules.renewal_needs_challenge)
        if needed and request.challenge != self.rules.challenge:
            raise _RefusedError(BAD_REQUEST, "wrong challenge password")
        return self._transactions.setdefault(request.transaction_id, _Transaction(request, self.rules.pending))

    def _find(self, request: Request) -> _Transaction:
        transaction = self._transactions.get(request.transaction_id)
        if transaction is None:
            raise _RefusedError(BAD_CERT_ID, "no such transaction")
        issuer, subject = core.SequenceOf.load(request.content, spec=core.Any)
        # strongSwan names the RA.
        if issuer.dump() not in [who.certificate.subject.public_bytes() for who in (self.issuer, self.signer)]:
            self._refuse(BAD_CERT_ID, "the poll names another CA")
        if subject.dump() != transaction.request.csr.parsed.subject.public_bytes():
            self._refuse(BAD_CERT_ID, "the poll names another subject")
        if request.sender.public_key() != transaction.request.sender.public_key():
            self._refuse(BAD_MESSAGE_CHECK, "the poll is signed by another key than the request")
        return transaction

    def _progress(self, transaction: _Transaction) -> bytes | None:
        if self.rules.rejection is not None:
            rejection = self.rules.rejection
            raise _RefusedError(rejection.fail_info, rejection.text, rejection.text_oid)
        if transaction.waits > 0:
            transaction.waits -= 1
            return None
        return self._grant(transaction)

    def _grant(self, transaction: _Transaction) -> bytes:
        """The same request gets the same certificate, however often an answer is lost."""
        transaction.certificate = transaction.certificate or self.issue(transaction.request)
        return degenerate([transaction.certificate])

    def _holds_certificate(self, sender: x509.Certificate) -> bool:
        """Whether this CA issued the signer's certificate. Refuses one that is no longer good."""
        if not any(_is_issued_by(sender, issuer.certificate) for issuer in (self.issuer, *self._former)):
            return False
        if not sender.not_valid_before_utc <= self._now() <= sender.not_valid_after_utc:
            raise _RefusedError(BAD_TIME, "the certificate of the signer is not valid")
        if sender.serial_number in self._revoked:
            raise _RefusedError(BAD_REQUEST, "the certificate of the signer is revoked")
        return True

    def _serial(self, request: Request) -> int:
        named = cms.IssuerAndSerialNumber.load(request.content, strict=True)
        if named["issuer"].dump() != own(self.issuer.certificate).subject.dump():
            raise _RefusedError(BAD_CERT_ID, "another CA")
        return int(named["serial_number"].native)


def _failure(rejection: Rejection) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if rejection.fail_info is not None:
        values[FAIL_INFO] = core.PrintableString(str(rejection.fail_info))
    if rejection.text:
        values[rejection.text_oid] = core.UTF8String(rejection.text)
    return values


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject or certificate == issuer:
        return False
    key = issuer.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    try:
        key.verify(
            certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(),
            certificate.signature_hash_algorithm,
        )  # fmt: skip
    except InvalidSignature:
        return False
    return True
