"""What comes in the body of an answer: DER in base64 (RFC 8951 section 3), certificates, or words for a person.

Servers differ in what they write: base64 in lines or in one, PEM around it, DER as it is, and header fields that say so
or don't. What it is follows from the bytes.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from cryptography import x509

from agent.pki.certificate_bags import read_certificate_bag
from agent.pki.chains import printable
from agent.pki.enrolment_errors import MalformedMessageError
from agent.pki.errors import MalformedBerError
from agent.pki.http import HttpAnswer

#: Certificates in one answer: eight tiers, and those of a rollover.
MAX_CERTIFICATES: Final = 32

_DER_SEQUENCE: Final = 0x30
_SPACE: Final = b" \t\r\n"
_PEM: Final = re.compile(rb"\s*-----BEGIN [A-Z0-9 #]+-----\s*\n(.*)\n-----END [A-Z0-9 #]+-----\s*", re.DOTALL)
#: Types of bodies whose words are for a person, the empty one being that of a server that names none.
_WORDS: Final = frozenset({"text/plain", "application/octet-stream", ""})


def read_der(body: bytes) -> bytes:
    """The DER of a body. Raises MalformedMessageError."""
    # A SEQUENCE never begins with the character 0 in base64.
    if body[:1] == bytes([_DER_SEQUENCE]):
        return body
    pem = _PEM.fullmatch(body)
    text = body if pem is None else pem.group(1)
    try:
        der = base64.b64decode(text.translate(None, _SPACE), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedMessageError("it is not in base64") from error
    if not der:
        raise MalformedMessageError("it is empty")
    return der


def read_certificates(body: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a certificates-only PKCS #7, in no order, without any check. Raises MalformedMessageError."""
    der = read_der(body)
    try:
        certificates = read_certificate_bag(der, MAX_CERTIFICATES)
    except MalformedBerError as error:
        raise MalformedMessageError(error.reason) from error
    if not certificates:
        raise MalformedMessageError("it has no certificates")
    return certificates


def read_words(answer: HttpAnswer) -> str:
    """What the server says to a person, short and in printable characters; empty for pages and other data."""
    if answer.content_type not in _WORDS:
        return ""
    return printable(" ".join(answer.body.decode(errors="replace").split()))
