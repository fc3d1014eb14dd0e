"""TLS of this device as a client: whom it trusts, and who it is.

Rules: a server is verified against certificates that the caller names, never against the system's unless told so; its
name or address is one of its alternative names; TLS is 1.2 or newer. A private key gets into OpenSSL without ever being
in a file that others could read or a disk could keep. Knows no protocol above TLS.
"""

from __future__ import annotations

import os
import secrets
import ssl
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from agent.pki.certificate_parts import key_info
from agent.pki.chains import subject_of
from agent.pki.errors import PkiError
from agent.pki.keys import PrivateKey


class TlsSettingsError(PkiError):
    """Base: there can be no TLS as it is wanted."""


class NoTrustAnchorError(TlsSettingsError):
    """There is nothing to verify a server against."""

    def __init__(self) -> None:
        super().__init__("No CA certificate is trusted for the server's TLS; authenticate the trustpoint first.")


class UnusableAnchorError(TlsSettingsError):
    """TLS can't use a certificate as trust anchor. `subject`: whose."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"The certificate of {subject} can't be used to verify a TLS server.")
        self.subject = subject


class UnusableIdentityError(TlsSettingsError):
    """TLS can't use a certificate and key of this device."""


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """Who this device is in TLS.

    Attributes:
        chain: its certificate, then those of the CAs above it, the issuing one first; the root may be left out.
        key: of the first one. Never shown.
    """

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How to speak TLS with a server.

    Attributes:
        anchors: the server's certificate is issued below one of these, or is one of them. No root is needed.
        identity: shown to a server that asks for it.
        system_anchors: the CAs of the system are trusted too.
    """

    anchors: tuple[x509.Certificate, ...] = ()
    identity: TlsIdentity | None = None
    system_anchors: bool = False


def client_context(settings: TlsSettings) -> ssl.SSLContext:
    """For connections to a server that is verified.

    Raises NoTrustAnchorError, UnusableAnchorError, UnusableIdentityError.
    """
    if not settings.anchors and not settings.system_anchors:
        raise NoTrustAnchorError
    context = _context()
    # The common name is no name of a server (RFC 9525 section 2).
    context.hostname_checks_common_name = False
    # A CA that is trusted without its root (RFC 5280 section 6.1.1 d wants no root).
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    for anchor in settings.anchors:
        try:
            context.load_verify_locations(cadata=anchor.public_bytes(Encoding.DER))
        except (ssl.SSLError, ValueError) as error:
            raise UnusableAnchorError(subject_of(anchor)) from error
    if settings.system_anchors:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if settings.identity is not None:
        _load_identity(context, settings.identity)
        # Servers that ask for a certificate only after they have seen the request.
        context.post_handshake_auth = True
    return context


def unverified_context() -> ssl.SSLContext:
    """For a connection to whoever answers. Nothing may be sent on it that is anybody's secret, and nothing that comes
    is to be believed. This device shows no certificate."""
    context = _context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _load_identity(context: ssl.SSLContext, identity: TlsIdentity) -> None:
    """OpenSSL takes certificate and key from files: this one is in memory, without a name, and holds the key encrypted
    with a password that nobody else ever knows."""
    _check_identity(identity)
    password = secrets.token_hex(32).encode()
    try:
        key = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
        content = b"".join((key, *(certificate.public_bytes(Encoding.PEM) for certificate in identity.chain)))
        descriptor = os.memfd_create("tls-identity", os.MFD_CLOEXEC)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(content)
            context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=password)
        finally:
            os.close(descriptor)
    except (ssl.SSLError, ValueError) as error:
        raise UnusableIdentityError(
            f"TLS can't use the certificate of {subject_of(identity.chain[0])} and its key: they may be too weak."
        ) from error
    except OSError as error:
        raise UnusableIdentityError(
            "The key can't be handed to TLS: this system has no memory files, or no /proc."
        ) from error


def _check_identity(identity: TlsIdentity) -> None:
    if not identity.chain:
        raise UnusableIdentityError("There is no certificate to show to the server; enroll the trustpoint first.")
    if isinstance(identity.key, dsa.DSAPrivateKey):
        raise UnusableIdentityError("DSA keys are not used in TLS; enroll with a key pair of another type.")
    if key_info(identity.key) != key_info(identity.chain[0]):
        raise UnusableIdentityError(
            f"The certificate of {subject_of(identity.chain[0])} is not for the key pair in use; enroll again."
        )
