"""Certificates as a person pastes them into the guide's dialogues ("How to Use Multi-Tier CA for Trustpoint
Authentication", "Configure Certificate Enrollment Using Cut-and-Paste"), or uploads them.

Taken are PEM with any text around the blocks, PKCS #7 bags in PEM, base64 or BER, and one certificate in base64
without PEM lines or in DER. A line "quit" ends the paste, as it ends the dialogue. Nothing is verified here, and the
order is kept: chains.py makes a chain of them.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from agent.pki import ber
from agent.pki.certificate_bags import check_extensions, is_certificate_bag, read_certificate, read_certificate_bag
from agent.pki.errors import MalformedBerError
from agent.pki.import_errors import (
    BrokenBase64Error,
    NotACertificateError,
    NothingPastedError,
    OtherPemBlockError,
    PastedCertificatesError,
    PasteTooLargeError,
    PrivateKeyPastedError,
    SeveralCertificatesError,
    TruncatedPemBlockError,
)

#: Bytes of what is pasted.
PASTED_MAX_BYTES: Final = 256 * 1024
#: Certificates in it, those in PKCS #7 bags counted one by one.
PASTED_MAX_CERTIFICATES: Final = 64


@dataclass(frozen=True, slots=True)
class TextLimits:
    """How much is read. `size`: bytes, of text characters; `certificates`: those in PKCS #7 bags counted one by one."""

    size: int
    certificates: int


PASTED_LIMITS: Final = TextLimits(PASTED_MAX_BYTES, PASTED_MAX_CERTIFICATES)

_MARKER: Final = re.compile(r"-----(?P<edge>BEGIN|END) (?P<label>[A-Z0-9][A-Z0-9 #.]{0,63})-----")
_QUIT: Final = re.compile(r"^[ \t]*quit[ \t\r]*$", re.MULTILINE)
_CERTIFICATE_LABELS: Final = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
_BAG_LABELS: Final = frozenset({"PKCS7", "CMS", "PKCS #7 SIGNED DATA"})
_PRIVATE_KEY_LABEL_END: Final = "PRIVATE KEY"

_BYTE_ORDER_MARK: Final = "\ufeff"
_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
#: The version at the beginning of a private key: 0 (PKCS #1, PKCS #8) or 1 (SEC 1, RFC 5958).
_PRIVATE_KEY_VERSIONS: Final = frozenset({b"\0", b"\1"})


def read_pasted_certificates(pasted: str | bytes, limits: TextLimits = PASTED_LIMITS) -> tuple[x509.Certificate, ...]:
    """The certificates in what was pasted, at least one, in its order. Raises a PastedCertificatesError."""
    if len(pasted) > limits.size:
        raise PasteTooLargeError(f"{limits.size // 1024} KiB")
    if isinstance(pasted, bytes):
        if _is_binary(pasted):
            return _checked(_read_binary(pasted, "This", limits))
        pasted = pasted.decode("utf-8", "replace")
    pasted = pasted.removeprefix(_BYTE_ORDER_MARK)
    markers = list(_MARKER.finditer(pasted))
    if any(marker["label"].endswith(_PRIVATE_KEY_LABEL_END) for marker in markers):
        raise PrivateKeyPastedError
    if not markers:
        return _checked(_read_bare(pasted, limits))
    found: list[x509.Certificate] = []
    for number, (label, text) in enumerate(_blocks(pasted, markers), 1):
        found += _read_block(label, text, number, limits)
        if len(found) > limits.certificates:
            raise PasteTooLargeError(f"{limits.certificates} certificates")
    return _checked(tuple(found))


def _checked(certificates: tuple[x509.Certificate, ...]) -> tuple[x509.Certificate, ...]:
    if not certificates:
        raise NothingPastedError
    for number, certificate in enumerate(certificates, 1):
        # Now, while there is somebody to tell.
        try:
            check_extensions(certificate)
        except MalformedBerError as error:
            raise NotACertificateError(f"Certificate {number}", error.reason) from error
    return certificates


def _is_binary(data: bytes) -> bool:
    """Whether it is DER or BER: a SEQUENCE that is too long for a short length, which no text begins with."""
    return data[:1] == bytes([_SEQUENCE]) and data[1:2] >= b"\x80"


def _blocks(text: str, markers: list[re.Match[str]]) -> Iterator[tuple[str, str]]:
    """The PEM blocks up to a line "quit" outside of them: label, and what is between the lines."""
    begin: re.Match[str] | None = None
    end = 0
    number = 1
    for marker in markers:
        if begin is None:
            if _QUIT.search(text, end, marker.start()):
                return
            if marker["edge"] == "END":
                raise TruncatedPemBlockError(number)
            begin = marker
            continue
        if marker["edge"] == "BEGIN" or marker["label"] != begin["label"]:
            raise TruncatedPemBlockError(number)
        yield begin["label"], text[begin.end() : marker.start()]
        begin, end, number = None, marker.end(), number + 1
    if begin is not None:
        raise TruncatedPemBlockError(number)


def _read_block(label: str, text: str, number: int, limits: TextLimits) -> tuple[x509.Certificate, ...]:
    if label not in _CERTIFICATE_LABELS | _BAG_LABELS:
        raise OtherPemBlockError(label)
    data = _decode(text, number)
    what = f"PEM block {number}"
    return _read_bag(data, what, limits) if label in _BAG_LABELS else (_read_one(data, what),)


def _read_bare(text: str, limits: TextLimits) -> tuple[x509.Certificate, ...]:
    """From base64 without PEM lines."""
    if end := _QUIT.search(text):
        text = text[: end.start()]
    if not text.strip():
        raise NothingPastedError
    return _read_binary(_decode(text, None), "This", limits)


def _decode(text: str, block: int | None) -> bytes:
    try:
        return b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BrokenBase64Error(block) from error


def _read_binary(data: bytes, what: str, limits: TextLimits) -> tuple[x509.Certificate, ...]:
    return _read_bag(data, what, limits) if is_certificate_bag(data) else (_read_one(data, what),)


def _read_bag(data: bytes, what: str, limits: TextLimits) -> tuple[x509.Certificate, ...]:
    try:
        return read_certificate_bag(data, limits.certificates)
    except MalformedBerError as error:
        raise NotACertificateError(what, error.reason) from error


def _read_one(data: bytes, what: str) -> x509.Certificate:
    try:
        return read_certificate(data)
    except MalformedBerError as error:
        raise _diagnose(data, what) from error


def _diagnose(data: bytes, what: str) -> PastedCertificatesError:
    """Why this is no certificate."""
    try:
        found = list(ber.elements(data))
        parts = list(found[0].children()) if found and found[0].tag == _SEQUENCE else []
    except MalformedBerError as error:
        return NotACertificateError(what, error.reason)
    if parts and parts[0].tag == _INTEGER and parts[0].contents in _PRIVATE_KEY_VERSIONS:
        return PrivateKeyPastedError()
    if len(found) > 1 and all(element.tag == _SEQUENCE for element in found):
        return SeveralCertificatesError()
    return NotACertificateError(what, "it is something else, or damaged")
