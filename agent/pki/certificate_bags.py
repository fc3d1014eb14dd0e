"""Certificates out of DER, and out of and into a PKCS #7 that is a bag of them (RFC 5652, a SignedData that nobody
signed).

Nothing is verified here. A bag may be in BER: servers and other vendors' tools write it so.
"""

from __future__ import annotations

from collections.abc import Sequence

from asn1crypto import cms, core
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from agent.pki import ber
from agent.pki.errors import MalformedBerError


def read_certificate(der: bytes) -> x509.Certificate:
    """One certificate in DER. Raises MalformedBerError."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        # The library reads these when they are first asked for: now, while its failures are expected.
        _ = certificate.subject, certificate.issuer, certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except Exception as error:
        raise MalformedBerError("a certificate can't be read") from error
    return certificate


def check_extensions(certificate: x509.Certificate) -> None:
    """Raises MalformedBerError when they can't be read, which the library notices when it is first asked for them."""
    try:
        _ = certificate.extensions
    except Exception as error:
        raise MalformedBerError("its extensions are damaged") from error


def read_certificate_bag(data: bytes, limit: int) -> tuple[x509.Certificate, ...]:
    """The certificates of a SignedData, in the order they are in; signatures are not looked at.

    Raises MalformedBerError, also for more than `limit` certificates.
    """
    ber.refuse_endless_numbers(data)
    # asn1crypto reads as it goes, and on hostile bytes raises whatever its code happens to run into.
    try:
        info = cms.ContentInfo.load(data)
        if info["content_type"].native != "signed_data":
            raise MalformedBerError("it is no signed data")
        choices = info["content"]["certificates"]
        if isinstance(choices, core.Void):
            return ()
        if len(choices) > limit:
            raise MalformedBerError(f"it has more than {limit} certificates")
        certificates = [choice.chosen.dump() for choice in choices if choice.name == "certificate"]
    except MalformedBerError:
        raise
    except Exception as error:
        raise MalformedBerError("its certificates can't be read") from error
    return tuple(map(read_certificate, certificates))


def write_certificate_bag(certificates: Sequence[x509.Certificate]) -> bytes:
    """A bag of these certificates in DER. It is a set: it has an order of its own."""
    return pkcs7.serialize_certificates(list(certificates), Encoding.DER)


def is_certificate_bag(data: bytes) -> bool:
    """Whether it looks like a PKCS #7, rather than a certificate."""
    try:
        outer = next(ber.elements(data), None)
        inner = None if outer is None or outer.tag != 0x30 else next(outer.children(), None)
    except MalformedBerError:
        return False
    return inner is not None and inner.tag == 0x06
