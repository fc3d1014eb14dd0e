"""The text of a signed envelope, to the byte: docs/envelope.md.

Writing and strict reading only; nothing in here signs or judges. There is exactly one text for an envelope: reading
accepts what writing would have written and refuses everything else (other whitespace, escapes, orders of members,
base64 with stray bits), so that no two different texts are the same envelope.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from agent.integrity.nonce import check_nonce

ENVELOPE_VERSION = 1
#: Version of the layout of the signed bytes.
SIGNATURE_VERSION = 1

MAX_ENVELOPE_CHARACTERS = 256 * 1024 * 1024
MAX_PREAMBLE_CHARACTERS = 4096
MAX_CERTIFICATES = 10
MAX_CERTIFICATE_BYTES = 64 * 1024
MAX_SIGNATURE_BYTES = 16 * 1024

_CERTIFICATES = "signing-certificate"


class EnvelopeFormatError(ValueError):
    """The text is not an envelope. The message says in what, without quoting it."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A signed envelope, taken apart.

    Attributes:
        nonce: the verifier's nonce, or None.
        digest_algorithm, signature_algorithm: names of signatures.ALGORITHMS; not checked here.
        payload: what was signed, together with nonce and version.
        signature: as the algorithm makes it.
        certificates: DER, the signer's first; empty if they were not asked for.
    """

    nonce: str | None
    digest_algorithm: str
    signature_algorithm: str
    payload: bytes
    signature: bytes
    certificates: tuple[bytes, ...]

    @property
    def signed_bytes(self) -> bytes:
        return signed_bytes(self.nonce, self.payload)


def signed_bytes(nonce: str | None, payload: bytes) -> bytes:
    """What the signature is made over: nonce || uint32 big-endian signature-version || payload."""
    return (nonce or "").encode("ascii") + SIGNATURE_VERSION.to_bytes(4, "big") + payload


def write(envelope: Envelope) -> str:
    """The one text of this envelope, with a line feed at its end."""
    members: list[tuple[str, object]] = [
        ("envelope-version", ENVELOPE_VERSION),
        ("nonce", envelope.nonce or ""),
        ("signature-version", SIGNATURE_VERSION),
        ("digest-algorithm", envelope.digest_algorithm),
        ("signature-algorithm", envelope.signature_algorithm),
        ("payload", _base64(envelope.payload)),
        ("signature", _base64(envelope.signature)),
    ]
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in members]
    if envelope.certificates:
        certificates = ",\n".join(f'"{_base64(certificate)}"' for certificate in envelope.certificates)
        lines.append(f'"{_CERTIFICATES}": [\n{certificates}\n]')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read(text: str) -> Envelope:
    """The envelope that `text` is; raises EnvelopeFormatError.

    Lines before the opening brace (a command's timestamp), CR LF line ends and a missing last line feed are tolerated:
    they are what terminals and collectors add to a text.
    """
    if len(text) > MAX_ENVELOPE_CHARACTERS:
        raise EnvelopeFormatError(f"the envelope is larger than {MAX_ENVELOPE_CHARACTERS} characters")
    text = _without_decoration(text)
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        raise EnvelopeFormatError("the envelope is not JSON") from None
    envelope = _from_members(members)
    if write(envelope) != text:
        raise EnvelopeFormatError("the envelope is not written as an agent writes it")
    return envelope


def _without_decoration(text: str) -> str:
    if "\r\n" in text[: MAX_PREAMBLE_CHARACTERS + 2]:
        text = text.replace("\r\n", "\n")
    start = 0 if text.startswith("{\n") else text.find("\n{\n", 0, MAX_PREAMBLE_CHARACTERS) + 1
    if start == 0 and not text.startswith("{\n"):
        raise EnvelopeFormatError("no line with an opening brace alone, which begins an envelope")
    return text[start:] if text.endswith("\n") else text[start:] + "\n"


def _from_members(members: Any) -> Envelope:
    if not isinstance(members, dict):
        raise EnvelopeFormatError("the envelope is not a JSON object")
    for name, supported in (("envelope-version", ENVELOPE_VERSION), ("signature-version", SIGNATURE_VERSION)):
        if members.get(name) != supported:
            raise EnvelopeFormatError(f"{name} is not {supported}, the one that is known here")
    certificates = members.get(_CERTIFICATES, [])
    if not isinstance(certificates, list) or len(certificates) > MAX_CERTIFICATES:
        raise EnvelopeFormatError(f"{_CERTIFICATES} is not a list of at most {MAX_CERTIFICATES} certificates")
    try:
        nonce = check_nonce(_text(members, "nonce") or None)
    except ValueError as error:
        raise EnvelopeFormatError(str(error)) from None
    return Envelope(
        nonce=nonce,
        digest_algorithm=_text(members, "digest-algorithm"),
        signature_algorithm=_text(members, "signature-algorithm"),
        payload=_bytes(_text(members, "payload"), "payload", MAX_ENVELOPE_CHARACTERS),
        signature=_bytes(_text(members, "signature"), "signature", MAX_SIGNATURE_BYTES),
        certificates=tuple(_bytes(each, _CERTIFICATES, MAX_CERTIFICATE_BYTES) for each in certificates),
    )


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise EnvelopeFormatError(f"{name} is missing or is not a string")
    return value


def _bytes(value: object, name: str, max_bytes: int) -> bytes:
    try:
        content = base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        content = None
    if content is None:
        raise EnvelopeFormatError(f"{name} is not base64")
    if len(content) > max_bytes:
        raise EnvelopeFormatError(f"{name} is larger than {max_bytes} bytes")
    return content


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
