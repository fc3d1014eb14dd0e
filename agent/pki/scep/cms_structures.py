"""The structures of CMS that we write (RFC 5652): one signer, one recipient, no choice of anything. Data only.

These are written by the declarative DER encoder of cryptography, which is strict and quick. What others send is read by
asn1crypto (cms.py), since it is not always DER.
"""

from __future__ import annotations

from typing import Annotated, Final

from cryptography import x509
from cryptography.hazmat import asn1

DATA: Final = x509.ObjectIdentifier("1.2.840.113549.1.7.1")
SIGNED_DATA: Final = x509.ObjectIdentifier("1.2.840.113549.1.7.2")
ENVELOPED_DATA: Final = x509.ObjectIdentifier("1.2.840.113549.1.7.3")
CONTENT_TYPE: Final = x509.ObjectIdentifier("1.2.840.113549.1.9.3")
MESSAGE_DIGEST: Final = x509.ObjectIdentifier("1.2.840.113549.1.9.4")
#: Digests by their names in the cryptography library.
DIGESTS: Final = {
    "sha1": x509.ObjectIdentifier("1.3.14.3.2.26"),
    "sha256": x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1"),
    "sha384": x509.ObjectIdentifier("2.16.840.1.101.3.4.2.2"),
    "sha512": x509.ObjectIdentifier("2.16.840.1.101.3.4.2.3"),
}
RSA_ENCRYPTION: Final = x509.ObjectIdentifier("1.2.840.113549.1.1.1")


def tlv(der: bytes) -> asn1.TLV:
    """DER as it is, for a place that takes anything."""
    return asn1.decode_der(asn1.TLV, der)


@asn1.sequence
class AlgorithmWithNull:
    """AlgorithmIdentifier, the parameters NULL, which every receiver understands (RFC 3370, RFC 5754 section 2)."""

    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null

    @classmethod
    def of(cls, algorithm: x509.ObjectIdentifier) -> AlgorithmWithNull:
        return cls(algorithm=algorithm, parameters=asn1.Null())


@asn1.sequence
class AlgorithmWithIv:
    """AlgorithmIdentifier of a block cipher, the parameters its initialization vector."""

    algorithm: x509.ObjectIdentifier
    parameters: bytes


@asn1.sequence
class CmsAttribute:
    """Attribute, RFC 5652 section 5.3."""

    type: x509.ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]

    @classmethod
    def of(cls, kind: x509.ObjectIdentifier, value: object) -> CmsAttribute:
        """An attribute with one value: bytes, a string of asn1, or an ObjectIdentifier."""
        return cls(type=kind, values=asn1.SetOf([tlv(asn1.encode_der(value))]))


@asn1.sequence
class IssuerAndSerial:
    """IssuerAndSerialNumber, RFC 5652 section 10.2.4."""

    issuer: asn1.TLV
    serial_number: int

    @classmethod
    def of(cls, certificate: x509.Certificate) -> IssuerAndSerial:
        return cls(issuer=tlv(certificate.issuer.public_bytes()), serial_number=certificate.serial_number)


@asn1.sequence
class SignerInfo:
    """SignerInfo, RFC 5652 section 5.3."""

    version: int
    sid: IssuerAndSerial
    digest_algorithm: AlgorithmWithNull
    signed_attributes: Annotated[asn1.SetOf[CmsAttribute], asn1.Implicit(0)]
    signature_algorithm: AlgorithmWithNull
    signature: bytes


@asn1.sequence
class EncapsulatedContent:
    """EncapsulatedContentInfo, RFC 5652 section 5.2."""

    content_type: x509.ObjectIdentifier
    content: Annotated[bytes, asn1.Explicit(0)]


@asn1.sequence
class SignedData:
    """SignedData, RFC 5652 section 5.1."""

    version: int
    digest_algorithms: asn1.SetOf[AlgorithmWithNull]
    encapsulated: EncapsulatedContent
    certificates: Annotated[asn1.SetOf[asn1.TLV], asn1.Implicit(0)]
    signers: asn1.SetOf[SignerInfo]


@asn1.sequence
class Recipient:
    """KeyTransRecipientInfo, RFC 5652 section 6.2.1."""

    version: int
    rid: IssuerAndSerial
    key_encryption_algorithm: AlgorithmWithNull
    encrypted_key: bytes


@asn1.sequence
class EncryptedContent:
    """EncryptedContentInfo, RFC 5652 section 6.1."""

    content_type: x509.ObjectIdentifier
    algorithm: AlgorithmWithIv
    content: Annotated[bytes, asn1.Implicit(0)]


@asn1.sequence
class EnvelopedData:
    """EnvelopedData, RFC 5652 section 6.1."""

    version: int
    recipients: asn1.SetOf[Recipient]
    encrypted: EncryptedContent


@asn1.sequence
class SignedMessage:
    """ContentInfo with SignedData, RFC 5652 section 3."""

    content_type: x509.ObjectIdentifier
    content: Annotated[SignedData, asn1.Explicit(0)]


@asn1.sequence
class EnvelopedMessage:
    """ContentInfo with EnvelopedData, RFC 5652 section 3."""

    content_type: x509.ObjectIdentifier
    content: Annotated[EnvelopedData, asn1.Explicit(0)]
