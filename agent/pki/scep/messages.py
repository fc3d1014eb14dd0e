"""SCEP messages (RFC 8894 section 3): requests built, and answers checked against the request that they answer.

No I/O, no time, no state: a Transaction is all that there is to remember between a request and a poll days later.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Final

from asn1crypto import cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from agent.pki.keys import KeyType, PrivateKey, generate_private_key
from agent.pki.scep import cms as scep_cms
from agent.pki.scep.algorithms import (
    ScepPolicy,
    choose_cipher,
    choose_digest,
    cipher_weakness,
    digest_weakness,
)
from agent.pki.scep.attributes import (
    NONCE_BYTES,
    Attribute,
    FailInfo,
    MessageType,
    PkiStatus,
    SignedAttributes,
    request_attributes,
)
from agent.pki.scep.ca_certificates import CaCertificates
from agent.pki.scep.capabilities import Capabilities
from agent.pki.scep.errors import MalformedMessageError, UnsupportedKeyError, WrongNonceError, WrongTransactionError
from agent.pki.weaknesses import Weakness

#: The self-signed certificate of a request is valid so long, for as long as a request may be pending.
SIGNER_LIFETIME: Final = timedelta(days=365)
#: The clock of the CA may be behind ours.
_CLOCK_TOLERANCE: Final = timedelta(days=1)
_TEMPORARY_KEY_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class MessageSigner:
    """Who signs requests and decrypts the answers: an RSA key with its certificate.

    Attributes:
        certificate: self-signed, or the one that is renewed.
        temporary: the key was made for one transaction, and is kept with it.
    """

    key: rsa.RSAPrivateKey = field(repr=False)
    certificate: x509.Certificate
    temporary: bool = False

    @classmethod
    def for_key(cls, key: PrivateKey, subject: x509.Name, now: datetime) -> MessageSigner:
        """For a first request: the key signs for itself. Another than an RSA key can't, and gets a temporary RSA key;
        making that takes tenths of a second, so that an event loop should leave this to a thread."""
        if isinstance(key, rsa.RSAPrivateKey):
            return cls(key, _self_signed(key, subject, now))
        made = generate_private_key(KeyType.RSA, _TEMPORARY_KEY_BITS)
        assert isinstance(made, rsa.RSAPrivateKey)
        return cls(made, _self_signed(made, subject, now), temporary=True)

    @classmethod
    def holder(cls, key: PrivateKey, certificate: bytes) -> MessageSigner:
        """For a renewal or a query: the certificate in service (DER) with its key. Raises UnsupportedKeyError."""
        if not isinstance(key, rsa.RSAPrivateKey):
            raise UnsupportedKeyError(
                "Only an RSA key signs messages of SCEP, and the certificate in service is for another one."
            )
        return cls(key, scep_cms.read_certificate(certificate))

    @classmethod
    def restore(cls, key_der: bytes, certificate: bytes) -> MessageSigner:
        """From what `temporary_key` and `certificate` gave, a restart ago."""
        key = load_der_private_key(key_der, None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(key, rsa.RSAPrivateKey)
        return cls(key, scep_cms.read_certificate(certificate), temporary=True)

    def temporary_key(self) -> bytes:
        """The key in PKCS #8, to be sealed and kept with the transaction. Only for a temporary one."""
        assert self.temporary
        return self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@dataclass(frozen=True, slots=True)
class Transaction:
    """One enrolment, from the request to its end. It may outlive the process.

    Attributes:
        id: new for every transaction; with the same one, CAs hand out the certificate of the last time.
        request: the PKCS #10 in DER. It holds the challenge password.
        signer: of its messages.
    """

    id: str
    request: bytes = field(repr=False)
    signer: MessageSigner

    @classmethod
    def begin(cls, request: bytes, signer: MessageSigner) -> Transaction:
        return cls(secrets.token_hex(20).upper(), request, signer)


@dataclass(frozen=True, slots=True)
class Sent:
    """A request, and what its answer must be like.

    Attributes:
        message: the pkiMessage in DER.
        nonce: the answer's recipientNonce.
    """

    message: bytes
    transaction_id: str
    nonce: bytes
    signer: MessageSigner
    weaknesses: tuple[Weakness, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A CertRep that is from our CA and answers our request.

    Attributes:
        content: the PKCS #7 in it, decrypted; only with SUCCESS.
        fail_info, fail_info_text: only with FAILURE; a CA may send a number that means nothing.
        weaknesses: of request and answer.
    """

    status: PkiStatus
    content: bytes
    fail_info: FailInfo | None
    fail_info_text: str
    weaknesses: tuple[Weakness, ...]

    @property
    def reason(self) -> str:
        """Why the CA refuses, for a person: its own text, and what the number means."""
        meaning = "no reason given" if self.fail_info is None else self.fail_info.explanation
        return f"{self.fail_info_text} ({meaning})" if self.fail_info_text else meaning


def enrolment_content(transaction: Transaction, message_type: MessageType, ca: CaCertificates) -> bytes:
    """What the messages of an enrolment are about: the PKCS #10, or issuer and subject for CertPoll."""
    if message_type is not MessageType.CERT_POLL:
        return transaction.request
    subject = x509.load_der_x509_csr(transaction.request).subject
    # IssuerAndSubject, RFC 8894 section 3.3.3: a SEQUENCE of two names.
    names = (asn1_x509.Name.load(name.public_bytes()) for name in (ca.issuer.subject, subject))
    return bytes(core.SequenceOf(list(names), spec=asn1_x509.Name).dump())


def certificate_reference(issuer: x509.Name, serial: int) -> bytes:
    """What GetCert and GetCRL are about: IssuerAndSerialNumber in DER."""
    name = asn1_x509.Name.load(issuer.public_bytes())
    return bytes(cms.IssuerAndSerialNumber({"issuer": name, "serial_number": serial}).dump())


def build_request(
    message_type: MessageType,
    content: bytes,
    transaction_id: str,
    signer: MessageSigner,
    ca: CaCertificates,
    capabilities: Capabilities,
    policy: ScepPolicy,
) -> Sent:
    """A pkiMessage. Raises UnsupportedKeyError, AlgorithmNotAllowedError for a CA that can only what is forbidden."""
    digest = choose_digest(capabilities, policy)
    cipher = choose_cipher(capabilities, policy)
    nonce = secrets.token_bytes(NONCE_BYTES)
    try:
        message = scep_cms.sign(
            scep_cms.encrypt(content, ca.recipient, cipher),
            request_attributes(message_type, transaction_id, nonce),
            signer.key,
            signer.certificate,
            digest,
        )
    except ValueError as error:
        raise UnsupportedKeyError(f"A key of {signer.key.key_size} bits is too short to sign the request.") from error
    weaknesses = digest_weakness(digest, "request signature") + cipher_weakness(cipher, "request encryption")
    return Sent(message, transaction_id, nonce, signer, weaknesses)


def read_answer(body: bytes, sent: Sent, ca: CaCertificates, policy: ScepPolicy) -> Answer:
    """The answer to `sent`, every check of RFC 8894 done. Raises subclasses of ScepError only."""
    verified = scep_cms.verify(body, ca.signers, policy)
    attributes = verified.attributes
    _check_addressed(attributes, sent)
    number = attributes.number(Attribute.PKI_STATUS)
    if number not in list(PkiStatus):
        raise MalformedMessageError(f"the status {number} means nothing")
    status = PkiStatus(number)
    content = b""
    weaknesses = sent.weaknesses + verified.weaknesses
    if status is PkiStatus.SUCCESS:
        if not verified.content:
            raise MalformedMessageError("it grants, and has no content")
        signer = sent.signer
        content, weak = scep_cms.decrypt(verified.content, signer.certificate, signer.key, policy)
        weaknesses += weak
    failed = status is PkiStatus.FAILURE
    return Answer(
        status,
        content,
        _fail_info(attributes) if failed else None,
        attributes.fail_info_text() if failed else "",
        weaknesses,
    )


def _check_addressed(attributes: SignedAttributes, sent: Sent) -> None:
    transaction_id = attributes.text(Attribute.TRANSACTION_ID)
    if not compare_digest(transaction_id.encode(errors="replace"), sent.transaction_id.encode()):
        raise WrongTransactionError(sent.transaction_id, transaction_id[:128])
    if not compare_digest(attributes.octets(Attribute.RECIPIENT_NONCE), sent.nonce):
        raise WrongNonceError
    if attributes.number(Attribute.MESSAGE_TYPE) != MessageType.CERT_REP:
        raise MalformedMessageError("it is no CertRep")


def _fail_info(attributes: SignedAttributes) -> FailInfo | None:
    if Attribute.FAIL_INFO not in attributes:
        return None
    number = attributes.number(Attribute.FAIL_INFO)
    return FailInfo(number) if number in list(FailInfo) else None


def _self_signed(key: rsa.RSAPrivateKey, subject: x509.Name, now: datetime) -> x509.Certificate:
    """RFC 8894 section 2.3: the subject of the request, for signatures and for the answer's encryption."""
    usage = x509.KeyUsage(True, False, True, False, False, False, False, False, False)
    start = now.replace(microsecond=0) - _CLOCK_TOLERANCE
    try:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + _CLOCK_TOLERANCE + SIGNER_LIFETIME)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
    except ValueError as error:
        raise UnsupportedKeyError(f"A key of {key.key_size} bits is too short to sign a request.") from error
