"""SCEP messages as a CA reads and writes them (RFC 8894 section 3), by asn1crypto and cryptography alone.

Nothing of the agent is imported: a mistake that the agent made in both directions would cancel out. It is strict with
what it reads, because it judges a client, and lets its caller write anything, however wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

from asn1crypto import algos, cms, core, csr, parser
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key

from tests.pki.authorities import Authority

MESSAGE_TYPE = "2.16.840.1.113733.1.9.2"
PKI_STATUS = "2.16.840.1.113733.1.9.3"
FAIL_INFO = "2.16.840.1.113733.1.9.4"
SENDER_NONCE = "2.16.840.1.113733.1.9.5"
RECIPIENT_NONCE = "2.16.840.1.113733.1.9.6"
TRANSACTION_ID = "2.16.840.1.113733.1.9.7"
#: failInfoText as in RFC 8894, and the arc above it, which step-ca uses.
FAIL_INFO_TEXT = "1.3.6.1.5.5.7.24.1"
FAIL_INFO_TEXT_OF_STEP_CA = "1.3.6.1.5.5.7.24"

SUCCESS, FAILURE, PENDING = 0, 2, 3
BAD_ALG, BAD_MESSAGE_CHECK, BAD_REQUEST, BAD_TIME, BAD_CERT_ID = range(5)


class MessageKind(IntEnum):
    """messageType, RFC 8894 section 3.2.1.2."""

    CERT_REP = 3
    RENEWAL_REQ = 17
    PKCS_REQ = 19
    CERT_POLL = 20
    GET_CERT = 21
    GET_CRL = 22


@dataclass(frozen=True)
class _ContentCipher:
    oid: str
    key_bytes: int
    block_bytes: int
    algorithm: Callable[[bytes], CipherAlgorithm]


#: Content encryption by the names that tests use.
CIPHERS = {
    "aes-128": _ContentCipher("aes128_cbc", 16, 16, AES),
    "aes-192": _ContentCipher("aes192_cbc", 24, 16, AES),
    "aes-256": _ContentCipher("aes256_cbc", 32, 16, AES),
    "3des": _ContentCipher("tripledes_3key", 24, 8, TripleDES),
    # Three times the same key: what remains is the single DES.
    "des": _ContentCipher("des", 8, 8, lambda key: TripleDES(key * 3)),
}
DIGESTS = {digest.name: digest for digest in
           (hashes.MD5(), hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512())}  # fmt: skip


class BadMessageError(Exception):
    """A client sent something that is wrong. The text says what."""


def expect(condition: object, complaint: str) -> None:
    if not condition:
        raise BadMessageError(complaint)


def own(certificate: x509.Certificate) -> asn1_x509.Certificate:
    """A certificate as asn1crypto has it."""
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def degenerate(
    certificates: Iterable[x509.Certificate] = (), crls: Iterable[x509.CertificateRevocationList] = ()
) -> bytes:
    """A PKCS #7 that is just a bag."""
    body = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [],
            "encap_content_info": {"content_type": "data"},
            "certificates": [cms.CertificateChoices({"certificate": own(c)}) for c in certificates],
            "crls": [cms.RevocationInfoChoice.load(crl.public_bytes(Encoding.DER)) for crl in crls],
            "signer_infos": [],
        }
    )
    return cms.ContentInfo({"content_type": "signed_data", "content": body}).dump()


def attribute(oid: str, value: core.Asn1Value) -> cms.CMSAttribute:
    """A signed attribute with one value."""
    return cms.CMSAttribute({"type": str(oid), "values": cms.SetOfAny([core.Any(value)])})


def signed(
    content: bytes | None,
    attributes: Iterable[cms.CMSAttribute] | None,
    key: rsa.RSAPrivateKey,
    certificate: x509.Certificate,
    *,
    digest: hashes.HashAlgorithm | None = None,
    declared_digest: str | None = None,
    message_digest: bytes | None = None,
    tamper: Callable[[bytes], bytes] | None = None,
    certificates: Iterable[x509.Certificate] = (),
) -> bytes:
    """SignedData with whatever attributes; None for a signature over the content itself.

    `declared_digest`, `message_digest`: other than the true ones. `tamper`: changes the content after it was signed.
    `certificates`: sent along.
    """
    digest = digest or hashes.SHA256()
    standard = [
        cms.CMSAttribute({"type": "content_type", "values": ["data"]}),
        cms.CMSAttribute({"type": "message_digest", "values": [message_digest or _hash(digest, content or b"")]}),
    ]
    attrs = None if attributes is None else cms.CMSAttributes([*standard, *attributes])
    info = {
        "version": "v1",
        "sid": cms.SignerIdentifier({"issuer_and_serial_number": _reference(certificate)}),
        "digest_algorithm": algos.DigestAlgorithm({"algorithm": declared_digest or digest.name}),
        # The name of the key's algorithm alone: the only one that strongSwan takes.
        "signature_algorithm": {"algorithm": "rsassa_pkcs1v15", "parameters": core.Null()},
        "signature": key.sign((content or b"") if attrs is None else attrs.dump(), padding.PKCS1v15(), digest),
    }
    if attrs is not None:
        info["signed_attrs"] = attrs
    encapsulated: dict[str, object] = {"content_type": "data"}
    if content is not None:
        encapsulated["content"] = core.OctetString(content if tamper is None else tamper(content))
    body = {
        "version": "v1",
        "digest_algorithms": [algos.DigestAlgorithm({"algorithm": digest.name})],
        "encap_content_info": encapsulated,
        "signer_infos": [cms.SignerInfo(info)],
    }
    if sent_along := [cms.CertificateChoices({"certificate": own(c)}) for c in certificates]:
        body["certificates"] = sent_along
    return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(body)}).dump()


def envelope(content: bytes, recipient: x509.Certificate, cipher: str = "aes-128") -> bytes:
    """EnvelopedData for the holder of an RSA certificate. `cipher`: of CIPHERS."""
    algorithm = CIPHERS[cipher]
    key, iv = os.urandom(algorithm.key_bytes), os.urandom(algorithm.block_bytes)
    padder = PKCS7(algorithm.block_bytes * 8).padder()
    encryptor = Cipher(algorithm.algorithm(key), modes.CBC(iv)).encryptor()
    public_key = recipient.public_key()
    assert isinstance(public_key, rsa.RSAPublicKey)
    transport = cms.KeyTransRecipientInfo(
        {
            "version": "v0",
            "rid": cms.RecipientIdentifier({"issuer_and_serial_number": _reference(recipient)}),
            "key_encryption_algorithm": {"algorithm": "rsaes_pkcs1v15", "parameters": core.Null()},
            "encrypted_key": public_key.encrypt(key, padding.PKCS1v15()),
        }
    )
    body = cms.EnvelopedData(
        {
            "version": "v0",
            "recipient_infos": [cms.RecipientInfo({"ktri": transport})],
            "encrypted_content_info": {
                "content_type": "data",
                "content_encryption_algorithm": {"algorithm": algorithm.oid, "parameters": core.OctetString(iv)},
                "encrypted_content": encryptor.update(padder.update(content) + padder.finalize()),
            },
        }
    )
    return cms.ContentInfo({"content_type": "enveloped_data", "content": body}).dump()


def opened(message: bytes, recipient: Authority) -> tuple[bytes, str]:
    """The content of an EnvelopedData for us, and the cipher's name in CIPHERS."""
    outer = cms.ContentInfo.load(message, strict=True)
    expect(outer["content_type"].native == "enveloped_data", "the content is no EnvelopedData")
    mine = _reference(recipient.certificate).dump()
    keys = [
        info.chosen["encrypted_key"].native
        for info in outer["content"]["recipient_infos"]
        if info.name == "ktri" and info.chosen["rid"].chosen.dump() == mine
    ]
    expect(len(keys) == 1, "the envelope is not for this recipient")
    info = outer["content"]["encrypted_content_info"]
    oid = info["content_encryption_algorithm"]["algorithm"].native
    known = [name for name, cipher in CIPHERS.items() if cipher.oid == oid]
    expect(known, f"the content is encrypted by {oid}")
    cipher = CIPHERS[known[0]]
    try:
        key = recipient.key.decrypt(keys[0], padding.PKCS1v15())
        iv = info["content_encryption_algorithm"]["parameters"].native
        decryptor = Cipher(cipher.algorithm(key), modes.CBC(iv)).decryptor()
        unpadder = PKCS7(cipher.block_bytes * 8).unpadder()
        padded = decryptor.update(info["encrypted_content"].native) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize(), known[0]
    except ValueError as error:
        raise BadMessageError(f"the content can't be decrypted: {error}") from error


@dataclass(frozen=True)
class CertificateRequest:
    """A PKCS #10 that a client sent; its signature is right.

    Attributes:
        parsed: as cryptography has it, for subject, key and extensions.
        challenge: the challenge password, None without one.
    """

    parsed: x509.CertificateSigningRequest
    challenge: str | None = field(repr=False)

    @classmethod
    def read(cls, der: bytes) -> CertificateRequest:
        request = csr.CertificationRequest.load(der, strict=True)
        info = request["certification_request_info"]
        key = load_der_public_key(info["subject_pk_info"].dump())
        digest = request["signature_algorithm"]
        chosen = None if digest.signature_algo in ("ed25519", "ed448") else DIGESTS[digest.hash_algo]
        expect(
            _is_signature(key, request["signature"].native, info.dump(), chosen),
            "the PKCS #10 is not signed by its key",
        )
        challenges = [a["values"] for a in info["attributes"] if a["type"].native == "challenge_password"]
        expect(len(challenges) <= 1 and all(len(c) == 1 for c in challenges), "more than one challenge password")
        parsed = x509.load_der_x509_csr(_with_sorted_attributes(request))
        return cls(parsed, str(challenges[0][0].native) if challenges else None)


def _with_sorted_attributes(request: csr.CertificationRequest) -> bytes:
    """strongSwan does not sort them, which cryptography does not forgive. The signature no longer fits."""
    info = request["certification_request_info"]
    attributes = parser.emit(2, 1, 0, b"".join(sorted(item.dump() for item in info["attributes"])))
    parts = (info["version"], info["subject"], info["subject_pk_info"])
    sorted_info = parser.emit(0, 1, 16, b"".join(part.dump() for part in parts) + attributes)
    return parser.emit(0, 1, 16, sorted_info + request["signature_algorithm"].dump() + request["signature"].dump())


@dataclass(frozen=True)
class Request:
    """A message that the CA got, with a right signature.

    Attributes:
        sender: who signed, and gets the answer encrypted.
        content: the decrypted PKCS #10 or reference, in DER.
        cipher, digest: names as in CIPHERS and DIGESTS.
        method: of HTTP.
    """

    kind: MessageKind
    transaction_id: str
    nonce: bytes
    sender: x509.Certificate
    content: bytes = field(repr=False)
    cipher: str
    digest: str
    method: str

    @cached_property
    def csr(self) -> CertificateRequest:
        """What PKCSReq and RenewalReq ask for."""
        return CertificateRequest.read(self.content)

    @property
    def challenge(self) -> str | None:
        return self.csr.challenge


def read_request(message: bytes, recipient: Authority, method: str) -> Request:
    """A pkiMessage for `recipient`. Raises BadMessageError."""
    try:
        return _read_request(message, recipient, method)
    except (ValueError, TypeError, KeyError) as error:
        raise BadMessageError(f"the message can't be read: {error}") from error


def _read_request(message: bytes, recipient: Authority, method: str) -> Request:
    outer = cms.ContentInfo.load(message, strict=True)
    expect(outer["content_type"].native == "signed_data", "the message is no SignedData")
    data = outer["content"]
    expect(len(data["signer_infos"]) == 1, "there is not exactly one signer")
    info = data["signer_infos"][0]
    senders = [c.chosen for c in data["certificates"] if _reference_of(c.chosen).dump() == info["sid"].chosen.dump()]
    expect(len(senders) == 1, "the certificate of the signer is missing")
    sender = x509.load_der_x509_certificate(senders[0].dump())
    digest = DIGESTS[info["digest_algorithm"]["algorithm"].native]
    attrs = info["signed_attrs"]
    values = {}
    for item in attrs:
        expect(item["type"].dotted not in values and len(item["values"]) == 1, "an attribute has several values")
        value = item["values"][0]
        values[item["type"].dotted] = value.parse() if isinstance(value, core.Any) else value
    content = data["encap_content_info"]["content"].native
    expect(values["1.2.840.113549.1.9.4"].native == _hash(digest, content), "messageDigest does not fit the content")
    # What is signed is the SET OF; in its place in the message it has another tag.
    expect(
        _is_signature(sender.public_key(), info["signature"].native, b"\x31" + attrs.dump()[1:], digest),
        "the signature is wrong",
    )
    expect(isinstance(values[MESSAGE_TYPE], core.PrintableString), "messageType is no PrintableString")
    expect(isinstance(values[TRANSACTION_ID], core.PrintableString), "transactionID is no PrintableString")
    expect(len(values[SENDER_NONCE].native) == 16, "senderNonce does not have 16 bytes")
    inner, cipher = opened(content, recipient)
    return Request(
        MessageKind(int(values[MESSAGE_TYPE].native)),
        values[TRANSACTION_ID].native,
        values[SENDER_NONCE].native,
        sender,
        inner,
        cipher,
        digest.name,
        method,
    )


def _reference(certificate: x509.Certificate) -> cms.IssuerAndSerialNumber:
    return _reference_of(own(certificate))


def _reference_of(certificate: asn1_x509.Certificate) -> cms.IssuerAndSerialNumber:
    return cms.IssuerAndSerialNumber({"issuer": certificate.issuer, "serial_number": certificate.serial_number})


def _hash(digest: hashes.HashAlgorithm, content: bytes) -> bytes:
    state = hashes.Hash(digest)
    state.update(content)
    return state.finalize()


def _is_signature(key: object, signature: bytes, data: bytes, digest: hashes.HashAlgorithm | None) -> bool:
    try:
        match key:
            case rsa.RSAPublicKey():
                key.verify(signature, data, padding.PKCS1v15(), digest)
            case ec.EllipticCurvePublicKey():
                key.verify(signature, data, ec.ECDSA(digest))
            case dsa.DSAPublicKey():
                key.verify(signature, data, digest)
            case ed25519.Ed25519PublicKey():
                key.verify(signature, data)
            case _:
                raise BadMessageError("a key of an unknown kind")
    except InvalidSignature:
        return False
    return True
