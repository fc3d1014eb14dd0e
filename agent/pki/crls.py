"""Certificate revocation lists: read, checked against their issuer, and fetched from where a certificate says that its
list is (the guide: "crypto ca crl request"; RFC 5280 section 5, RFC 2585 for HTTP).

Nothing is kept here. A list is worth something only when a CA that is trusted signed it, and while it is the latest.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from agent.pki.chains import readable_name
from agent.pki.errors import PkiError
from agent.pki.http import HttpClient, check_url
from agent.pki.http_errors import InvalidUrlError
from agent.pki.signatures import WeakSignatureError, check_digest, is_signed_by

#: Bytes of a list: one of 200,000 certificates.
CRL_MAX_BYTES: Final = 8 * 1024 * 1024

_PEM: Final = b"-----BEGIN X509 CRL-----"


class CrlError(PkiError):
    """A revocation list can't be had, or can't be used."""


class CrlUrlError(CrlError):
    """Lists are not fetched from such a URL."""

    def __init__(self) -> None:
        super().__init__("A revocation list is fetched from an http:// or https:// URL without user name.")


class CrlStatusError(CrlError):
    """The server has no list there. `status`: of HTTP."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(
            f"The server at {url} has no revocation list there: it answered with the HTTP status {status}."
        )
        self.status = status


class UnreadableCrlError(CrlError):
    """It is no list."""

    def __init__(self) -> None:
        super().__init__("What was fetched is no revocation list, neither in DER nor in PEM, or it is damaged.")


class UnknownCrlIssuerError(CrlError):
    """Nobody can tell whether the list is genuine. `issuer`: who it says that it is from."""

    def __init__(self, issuer: str) -> None:
        super().__init__(
            f"The revocation list is from {issuer}, and no trustpoint has a certificate of this authority:"
            " authenticate it first."
        )
        self.issuer = issuer


class CrlSignatureError(CrlError):
    """The list was not signed by the authority that it names."""

    def __init__(self, issuer: str) -> None:
        super().__init__(f"The revocation list was not signed by {issuer}: it was changed, or is a forgery.")
        self.issuer = issuer


class CrlOutOfDateError(CrlError):
    """There should be a newer list. `since`: the moment from which on."""

    def __init__(self, since: datetime) -> None:
        super().__init__(f"The revocation list is out of date since {since:%Y-%m-%d %H:%M} UTC.")
        self.since = since


async def fetch_crl(url: str, *, timeout: float) -> x509.CertificateRevocationList:
    """The list at an http or https URL, as whoever answers has it: see check_crl. `timeout`: seconds.

    Raises CrlUrlError, CrlStatusError, UnreadableCrlError, and subclasses of HttpError.
    """
    try:
        encoded = check_url(url)
    except InvalidUrlError as error:
        raise CrlUrlError from error
    async with HttpClient(timeout=timeout) as http:
        answer = await http.request("GET", encoded, limit=CRL_MAX_BYTES)
    if answer.status != 200:
        raise CrlStatusError(url.partition("?")[0], answer.status)
    return read_crl(answer.body)


def read_crl(data: bytes) -> x509.CertificateRevocationList:
    """A list in DER or PEM; no signature is looked at. Raises UnreadableCrlError."""
    try:
        crl = x509.load_pem_x509_crl(data) if data.lstrip().startswith(_PEM) else x509.load_der_x509_crl(data)
        # The library reads these only when asked; then they may be found wrong.
        _ = (crl.issuer, crl.last_update_utc, crl.next_update_utc, len(crl))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UnreadableCrlError from error
    return crl


def check_crl(crl: x509.CertificateRevocationList, authorities: Iterable[x509.Certificate], now: datetime) -> None:
    """Whether one of these authorities signed the list, and it is the latest at `now`.

    SHA-1 is not taken. Raises UnknownCrlIssuerError, CrlSignatureError, CrlOutOfDateError.
    """
    issuer = readable_name(crl.issuer)
    named = [authority for authority in authorities if authority.subject == crl.issuer]
    if not named:
        raise UnknownCrlIssuerError(issuer)
    if not any(_is_from(crl, authority) for authority in named):
        raise CrlSignatureError(issuer)
    if crl.next_update_utc is not None and now > crl.next_update_utc:
        raise CrlOutOfDateError(crl.next_update_utc)


def is_crl_signed_by(
    crl: x509.CertificateRevocationList, issuer: x509.Certificate, *, allow_sha1: bool = False
) -> bool:
    """Whether the key of `issuer` signed the list.

    Raises WeakSignatureError, and UnsupportedAlgorithm, ValueError or TypeError for a signature that can't be read.
    """
    digest = crl.signature_hash_algorithm
    check_digest(digest, allow_sha1=allow_sha1)
    return is_signed_by(
        issuer.public_key(), crl.signature, crl.tbs_certlist_bytes, digest, crl.signature_algorithm_parameters
    )


def _is_from(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        return is_crl_signed_by(crl, authority)
    except (WeakSignatureError, UnsupportedAlgorithm, ValueError, TypeError):
        return False
