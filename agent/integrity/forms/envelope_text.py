"""The text of a signed envelope, to the byte: docs/envelope.md.

Writing and strict reading only; nothing in here signs or judges. There is exactly one text for an envelope: reading
accepts what writing would have written and refuses everything else (other whitespace, escapes, orders of members,
base64 with stray bits), so that no two different texts are the same envelope.

A new member goes into the head, which the signature covers as it stands: a field of Head, a line in Head.text, and its
reading in _head.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agent.integrity.compression import COMPRESSIONS
from agent.integrity.content import Content
from agent.integrity.nonce import check_nonce
from agent.integrity.signatures import DIGESTS
from agent.integrity.signed_text import (
    MAX_SIGNATURE_BYTES,
    EnvelopeFormatError,
    SignedTextReader,
    base64_text,
    bytes_member,
    certificates_member,
    encoded,
    members_of,
    text_member,
)

ENVELOPE_VERSION = 2
#: Version of the layout of the signed bytes.
SIGNATURE_VERSION = 2

MAX_QUOTE_BYTES = 64 * 1024

_QUOTE = "tpm-quote"
_CERTIFICATES = "signing-certificate"


@dataclass(frozen=True, slots=True)
class Head:
    """What stands in an envelope before its payload.

    Attributes:
        nonce: the verifier's nonce, or None.
        digest_algorithm, signature_algorithm: names of signatures.ALGORITHMS; not checked here.
        compression: a name of COMPRESSIONS: how the payload is to be unpacked after it is verified.
        tpm_quote: what a TPM says of this payload, or None; opaque here.
    """

    nonce: str | None
    digest_algorithm: str
    signature_algorithm: str
    compression: str
    tpm_quote: bytes | None = None

    def text(self) -> bytes:
        """Its lines, the last one with a comma and a line feed as well."""
        members: list[tuple[str, object]] = [
            ("envelope-version", ENVELOPE_VERSION),
            ("nonce", self.nonce or ""),
            ("signature-version", SIGNATURE_VERSION),
            ("digest-algorithm", self.digest_algorithm),
            ("signature-algorithm", self.signature_algorithm),
            ("payload-compression", self.compression),
        ]
        if self.tpm_quote is not None:
            members.append((_QUOTE, base64_text(self.tpm_quote)))
        return "".join(f"{json.dumps(name)}: {json.dumps(value)},\n" for name, value in members).encode()


@dataclass(frozen=True, slots=True)
class Envelope:
    """A signed envelope, taken apart, but for its payload.

    Attributes:
        payload_digest: of the payload by `head.digest_algorithm`; None if that is not known here.
        signature: as the algorithm makes it.
        certificates: DER, the signer's first; empty if they were not asked for.
    """

    head: Head
    payload_digest: bytes | None
    signature: bytes
    certificates: tuple[bytes, ...]


def digest_of(content: Content, digest_algorithm: str) -> bytes:
    """The digest of a payload. KeyError for an algorithm that is not in DIGESTS."""
    digest = DIGESTS[digest_algorithm]()
    for chunk in content.chunks():
        digest.update(chunk)
    return digest.digest()


def signed_bytes(head: Head, payload_digest: bytes) -> bytes:
    """What the signature is made over:
    nonce || uint32 big-endian signature-version || digest(payload) || digest(head)."""
    nonce = (head.nonce or "").encode("ascii")
    head_digest = DIGESTS[head.digest_algorithm](head.text()).digest()
    return nonce + SIGNATURE_VERSION.to_bytes(4, "big") + payload_digest + head_digest


def write(head: Head, payload: Content, signature: bytes, certificates: tuple[bytes, ...]) -> Iterator[bytes]:
    """The one text of this envelope in pieces, with a line feed at its end."""
    yield b"{\n" + head.text() + b'"payload": "'
    yield from encoded(payload)
    yield b'",\n' + _tail(signature, certificates)


def _tail(signature: bytes, certificates: tuple[bytes, ...]) -> bytes:
    lines = [f'"signature": "{base64_text(signature)}"']
    if certificates:
        listed = ",\n".join(f'"{base64_text(certificate)}"' for certificate in certificates)
        lines.append(f'"{_CERTIFICATES}": [\n{listed}\n]')
    return (",\n".join(lines) + "\n}\n").encode()


def read(reader: SignedTextReader, payload: Any) -> Envelope:
    """The envelope that `reader` is at; its payload is written to `payload`, a Spool. Raises EnvelopeFormatError."""
    lines = reader.lines_before("payload")
    head = _head(members_of(lines))
    if head.text() != b"".join(lines):
        raise EnvelopeFormatError("the envelope is not written as an agent writes it")
    digest = DIGESTS[head.digest_algorithm]() if head.digest_algorithm in DIGESTS else None

    def take(piece: bytes) -> None:
        payload.write(piece)
        if digest is not None:
            digest.update(piece)

    reader.payload(take)
    rest = reader.rest()
    members = members_of([rest.removesuffix(b"}\n")])
    signature = bytes_member(text_member(members, "signature"), "signature", MAX_SIGNATURE_BYTES)
    certificates = certificates_member(members, _CERTIFICATES)
    if _tail(signature, certificates) != rest:
        raise EnvelopeFormatError("the envelope is not written as an agent writes it")
    return Envelope(head, None if digest is None else digest.digest(), signature, certificates)


def _head(members: dict[str, Any]) -> Head:
    for name, supported in (("envelope-version", ENVELOPE_VERSION), ("signature-version", SIGNATURE_VERSION)):
        if members.get(name) != supported:
            raise EnvelopeFormatError(f"{name} is not {supported}, the one that is known here")
    try:
        nonce = check_nonce(text_member(members, "nonce") or None)
    except ValueError as error:
        raise EnvelopeFormatError(str(error)) from None
    compression = text_member(members, "payload-compression")
    if compression not in COMPRESSIONS:
        raise EnvelopeFormatError(f"payload-compression is none of {', '.join(sorted(COMPRESSIONS))}")
    quote = members.get(_QUOTE)
    return Head(
        nonce=nonce,
        digest_algorithm=text_member(members, "digest-algorithm"),
        signature_algorithm=text_member(members, "signature-algorithm"),
        compression=compression,
        tpm_quote=None if quote is None else bytes_member(quote, _QUOTE, MAX_QUOTE_BYTES),
    )
