"""Cryptographic Message Syntax (RFC 5652) as far as SCEP uses it: one signer, one recipient, RSA.

Rules: nothing of a message is believed before its signature is verified with the key of a certificate that the caller
chose; certificates inside of a message are never used for that. A signature is verified over the attributes' bytes as
they came. The digest is the one of `digestAlgorithm`: several servers name another one in the signature algorithm.

asn1crypto reads the structures, cryptography writes them (cms_structures.py) and does all cryptography. Knows nothing
of SCEP's attributes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, Final

from asn1crypto import cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from agent.pki import ber, certificate_bags
from agent.pki.errors import MalformedBerError
from agent.pki.scep import cms_structures as structures
from agent.pki.scep.algorithms import (
    ContentCipher,
    Digest,
    ScepPolicy,
    cipher_weakness,
    digest_weakness,
    find_cipher,
    find_digest,
)
from agent.pki.scep.attributes import Attribute, SignedAttributes
from agent.pki.scep.cms_structures import AlgorithmWithNull, CmsAttribute, IssuerAndSerial
from agent.pki.scep.errors import (
    BadSignatureError,
    ContentChangedError,
    DecryptionError,
    MalformedMessageError,
    NotForUsError,
    ScepError,
    UnknownSignerError,
    UnsupportedAlgorithmError,
    UnsupportedKeyError,
)
from agent.pki.weaknesses import Weakness

#: Certificates in one message: eight tiers, and RAs.
MAX_CERTIFICATES: Final = 32
#: Recipients of one message.
MAX_RECIPIENTS: Final = 16

_RSA_SIGNATURES: Final = frozenset(
    {"rsassa_pkcs1v15", "sha1_rsa", "sha224_rsa", "sha256_rsa", "sha384_rsa", "sha512_rsa"}
)
_RSA_ENCRYPTION: Final = "1.2.840.113549.1.1.1"


@dataclass(frozen=True, slots=True)
class Verified:
    """A message whose signature was verified.

    Attributes:
        content: what was signed, None if the message has no content.
        attributes: the signed attributes; empty if it has none.
        signer: which of the certificates made the signature.
        weaknesses: what the policy had to allow.
    """

    content: bytes | None
    attributes: SignedAttributes
    signer: x509.Certificate
    weaknesses: tuple[Weakness, ...]


def sign(
    content: bytes,
    attributes: Sequence[CmsAttribute],
    key: rsa.RSAPrivateKey,
    certificate: x509.Certificate,
    digest: Digest,
) -> bytes:
    """SignedData in DER over `content` and these attributes, the signer's certificate inside."""
    signed = asn1.SetOf(
        [
            CmsAttribute.of(structures.CONTENT_TYPE, structures.DATA),
            CmsAttribute.of(structures.MESSAGE_DIGEST, _digest(content, digest)),
            *attributes,
        ]
    )
    algorithm = AlgorithmWithNull.of(structures.DIGESTS[digest.name])
    signer = structures.SignerInfo(
        version=1,
        sid=IssuerAndSerial.of(certificate),
        digest_algorithm=algorithm,
        signed_attributes=signed,
        signature_algorithm=AlgorithmWithNull.of(structures.RSA_ENCRYPTION),
        signature=key.sign(asn1.encode_der(signed), padding.PKCS1v15(), digest),
    )
    body = structures.SignedData(
        version=1,
        digest_algorithms=asn1.SetOf([algorithm]),
        encapsulated=structures.EncapsulatedContent(content_type=structures.DATA, content=content),
        certificates=asn1.SetOf([structures.tlv(certificate.public_bytes(Encoding.DER))]),
        signers=asn1.SetOf([signer]),
    )
    return asn1.encode_der(structures.SignedMessage(content_type=structures.SIGNED_DATA, content=body))


def encrypt(content: bytes, recipient: x509.Certificate, cipher: ContentCipher) -> bytes:
    """EnvelopedData in DER. Raises UnsupportedKeyError for a recipient without RSA key."""
    public_key = _public_key(recipient)
    if not isinstance(public_key, rsa.RSAPublicKey):
        raise UnsupportedKeyError("The CA has no RSA certificate to encrypt for, and SCEP needs one.")
    key, iv = secrets.token_bytes(cipher.key_bytes), secrets.token_bytes(cipher.block_bytes)
    try:
        wrapped = public_key.encrypt(key, padding.PKCS1v15())
    except ValueError as error:
        raise UnsupportedKeyError("The RSA key of the CA is too short to encrypt for.") from error
    to = structures.Recipient(
        version=0,
        rid=IssuerAndSerial.of(recipient),
        key_encryption_algorithm=AlgorithmWithNull.of(structures.RSA_ENCRYPTION),
        encrypted_key=wrapped,
    )
    encrypted = structures.EncryptedContent(
        content_type=structures.DATA,
        algorithm=structures.AlgorithmWithIv(algorithm=x509.ObjectIdentifier(cipher.oid), parameters=iv),
        content=cipher.encrypt(key, iv, content),
    )
    body = structures.EnvelopedData(version=0, recipients=asn1.SetOf([to]), encrypted=encrypted)
    return asn1.encode_der(structures.EnvelopedMessage(content_type=structures.ENVELOPED_DATA, content=body))


def verify(message: bytes, signers: Sequence[x509.Certificate], policy: ScepPolicy) -> Verified:
    """Verify a SignedData that one of `signers` must have signed.

    Raises MalformedMessageError, UnknownSignerError, BadSignatureError, ContentChangedError, AlgorithmNotAllowedError,
    UnsupportedAlgorithmError.
    """
    with _reading("its signed data"):
        data = _load(message, "signed_data")
        if len(data["signer_infos"]) != 1:
            raise MalformedMessageError("it has not exactly one signer")
        info = data["signer_infos"][0]
        signer = next((c for c in signers if _identifies(info["sid"], c)), None)
        if signer is None:
            raise UnknownSignerError
        digest = find_digest(info["digest_algorithm"]["algorithm"].native, "answer signature", policy)
        content_type, content = _encapsulated(data)
        signed = b"" if content is None else content
        attributes = SignedAttributes({})
        if isinstance(info["signed_attrs"], cms.CMSAttributes):
            # RFC 5652 section 5.4: the tag of a SET instead of the [0] that it was sent with.
            raw = info["signed_attrs"].contents
            attributes = SignedAttributes.read(info["signed_attrs"])
            if attributes.oid(Attribute.CONTENT_TYPE) != content_type:
                raise MalformedMessageError("its content type is not the one that was signed")
            _check_signature(info, signer, b"\x31" + _length(len(raw)) + raw, digest)
            if not compare_digest(attributes.octets(Attribute.MESSAGE_DIGEST), _digest(signed, digest)):
                raise ContentChangedError
        else:
            _check_signature(info, signer, signed, digest)
    return Verified(content, attributes, signer, digest_weakness(digest, "answer signature"))


def decrypt(
    message: bytes, certificate: x509.Certificate, key: rsa.RSAPrivateKey, policy: ScepPolicy
) -> tuple[bytes, tuple[Weakness, ...]]:
    """The content of an EnvelopedData for `certificate`, whose key is `key`.

    Raises MalformedMessageError, NotForUsError, DecryptionError, AlgorithmNotAllowedError, UnsupportedAlgorithmError.
    """
    with _reading("its enveloped data"):
        data = _load(message, "enveloped_data")
        wrapped = _encrypted_key(data["recipient_infos"], certificate)
        info = data["encrypted_content_info"]
        algorithm = info["content_encryption_algorithm"]
        cipher = find_cipher(algorithm["algorithm"].dotted, "answer encryption", policy)
        iv = ber.octets(next(ber.elements(algorithm["parameters"].dump())))
        encrypted = _third(info.contents)
    try:
        content_key = key.decrypt(wrapped, padding.PKCS1v15())
    except ValueError as error:
        raise DecryptionError from error
    return cipher.decrypt(content_key, iv, encrypted), cipher_weakness(cipher, "answer encryption")


def read_certificates(message: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a SignedData, in the order they are in; no signature is looked at."""
    with _reading("its certificates"):
        return certificate_bags.read_certificate_bag(message, MAX_CERTIFICATES)


def read_certificate(der: bytes) -> x509.Certificate:
    """One certificate in DER. Raises MalformedMessageError."""
    with _reading("a certificate"):
        return certificate_bags.read_certificate(der)


def read_crl(message: bytes) -> x509.CertificateRevocationList | None:
    """The first CRL of a SignedData; no signature is looked at."""
    with _reading("its CRL"):
        choices = _load(message, "signed_data")["crls"]
        if isinstance(choices, core.Void) or len(choices) == 0:
            return None
        return x509.load_der_x509_crl(choices[0].chosen.dump())


def _check_signature(info: Any, signer: x509.Certificate, data: bytes, digest: Digest) -> None:
    algorithm = info["signature_algorithm"]["algorithm"].native
    key = _public_key(signer)
    if algorithm not in _RSA_SIGNATURES or not isinstance(key, rsa.RSAPublicKey):
        raise UnsupportedAlgorithmError("answer signature", str(algorithm))
    try:
        key.verify(info["signature"].native, data, padding.PKCS1v15(), digest)
    except InvalidSignature as error:
        raise BadSignatureError from error


def _encrypted_key(recipients: Any, certificate: x509.Certificate) -> bytes:
    """The content key, encrypted for us."""
    if len(recipients) > MAX_RECIPIENTS:
        raise MalformedMessageError(f"it has more than {MAX_RECIPIENTS} recipients")
    for recipient in recipients:
        if recipient.name == "ktri" and _identifies(recipient.chosen["rid"], certificate):
            algorithm = recipient.chosen["key_encryption_algorithm"]["algorithm"]
            if algorithm.dotted != _RSA_ENCRYPTION:
                raise UnsupportedAlgorithmError("answer encryption", algorithm.dotted)
            return bytes(recipient.chosen["encrypted_key"].native)
    raise NotForUsError


def _encapsulated(data: Any) -> tuple[str, bytes | None]:
    """Content type and content of a SignedData."""
    info = data["encap_content_info"]
    parts = list(ber.elements(info.contents))
    content_type = str(info["content_type"].dotted)
    if len(parts) < 2:
        return content_type, None
    content = next(parts[1].children(), None)
    if content is None:
        return content_type, None
    if content.tag & ~0x20 != 0x04:
        raise MalformedMessageError("its content is no octet string")
    return content_type, ber.octets(content)


def _third(contents: bytes) -> bytes:
    """The [0] OCTET STRING of an EncryptedContentInfo."""
    parts = list(ber.elements(contents))
    if len(parts) < 3 or parts[2].tag & ~0x20 != 0x80:
        raise MalformedMessageError("it has no encrypted content")
    return ber.octets(parts[2])


def _identifies(identifier: Any, certificate: x509.Certificate) -> bool:
    """Whether a SignerIdentifier or RecipientIdentifier means this certificate."""
    own = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
    if identifier.name == "issuer_and_serial_number":
        chosen = identifier.chosen
        if chosen["serial_number"].native != own.serial_number:
            return False
        # Names are mostly the same to the byte; comparing them as names costs a hundred times as much.
        issuer = chosen["issuer"]
        return bool(issuer.dump() == own.issuer.dump() or issuer == own.issuer)
    return bool(identifier.chosen.native == own.key_identifier)


def _public_key(certificate: x509.Certificate) -> object:
    """The public key, None for one that the library doesn't know."""
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def _load(message: bytes, content_type: str) -> Any:
    ber.refuse_endless_numbers(message)
    info = cms.ContentInfo.load(message)
    if info["content_type"].native != content_type:
        raise MalformedMessageError(f"it is no {content_type.replace('_', ' ')}")
    return info["content"]


def _digest(data: bytes, digest: Digest) -> bytes:
    state = hashes.Hash(digest)
    state.update(data)
    return state.finalize()


def _length(length: int) -> bytes:
    """A length in DER."""
    if length < 0x80:
        return bytes([length])
    size = (length.bit_length() + 7) // 8
    return bytes([0x80 | size]) + length.to_bytes(size, "big")


@contextmanager
def _reading(part: str) -> Iterator[None]:
    """asn1crypto reads as it goes, and on hostile bytes raises whatever its code happens to run into."""
    try:
        yield
    except ScepError:
        raise
    except MalformedBerError as error:
        raise MalformedMessageError(error.reason) from error
    except Exception as error:
        raise MalformedMessageError(f"{part} can't be read") from error
