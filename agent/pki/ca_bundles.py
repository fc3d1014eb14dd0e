"""Bundles of CA certificates (the guide: "CA Certificate Bundling in the Trust Pool"): fetched, and read.

A bundle is a PKCS #7 in DER, PEM or base64, or PEM certificates one after the other. Nobody vouches for one that comes
by http, and a signature around a PKCS #7 is not looked at: whoever names the URL decides whom to believe.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from agent.pki.certificate_texts import TextLimits, read_pasted_certificates
from agent.pki.chains import is_ca, subject_of
from agent.pki.http import HttpClient
from agent.pki.import_errors import PastedCertificatesError
from agent.pki.trustpool_errors import (
    AllExpiredError,
    BundleNotThereError,
    InvalidBundleError,
    NotACaInBundleError,
)

#: A bundle of all CAs that browsers trust has 150 certificates in 230 KB.
BUNDLE_MAX_BYTES: Final = 4 * 1024 * 1024
BUNDLE_MAX_CERTIFICATES: Final = 1024

_LIMITS: Final = TextLimits(BUNDLE_MAX_BYTES, BUNDLE_MAX_CERTIFICATES)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is taken of a bundle.

    Attributes:
        certificates: of CAs, in the order of the bundle, each one once.
        expired: how many others were left out, because they have expired.
    """

    certificates: tuple[x509.Certificate, ...]
    expired: int = 0


async def fetch_bundle(url: str, vrf: str | None = None) -> bytes:
    """What is at an encoded URL. A server by https must have a certificate that the system's CAs vouch for.

    Raises BundleNotThereError, and subclasses of HttpError.
    """
    async with HttpClient(vrf=vrf) as client:
        answer = await client.request("GET", url, limit=BUNDLE_MAX_BYTES)
    if answer.status != 200:
        raise BundleNotThereError(url.partition("?")[0], answer.status)
    return answer.body


def read_bundle(data: bytes, at: datetime) -> Bundle:
    """The certificates of a bundle that have not expired at this moment.

    Raises InvalidBundleError, NotACaInBundleError, AllExpiredError.
    """
    try:
        found = read_pasted_certificates(data, _LIMITS)
    except PastedCertificatesError as error:
        raise InvalidBundleError.of(error) from error
    for number, certificate in enumerate(found, 1):
        if not is_ca(certificate):
            raise NotACaInBundleError(number, subject_of(certificate))
    different = dict.fromkeys(found)
    usable = tuple(certificate for certificate in different if at <= certificate.not_valid_after_utc)
    if not usable:
        raise AllExpiredError(len(different))
    return Bundle(usable, len(different) - len(usable))
