"""The form `dsse`: a Dead Simple Signing Envelope (github.com/secure-systems-lab/dsse, version 1).

DSSE has no place for a nonce, so it is in the payload: {"nonce": ..., "dossier": ...}, or {"nonce": ..., "data": ...}
with base64 of anything else. docs/signed-forms.md has it to the byte.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any

from agent.integrity.compression import GZIP, NONE, ZSTD, decompressed
from agent.integrity.content import CHUNK_BYTES, Content, Spool
from agent.integrity.forms.contract import (
    DOSSIER_TYPES,
    Opened,
    Order,
    Received,
    Signer,
    Text,
    UnsupportedFormError,
    sign_message,
)
from agent.integrity.nonce import check_nonce
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
from agent.integrity.spki import spki_sha256

NAME = "dsse"
FIRST_MEMBER = b'"payloadType"'

_OTHER_TYPES = {
    NONE: "vnd.trustconf.data+json",
    GZIP: "vnd.trustconf.data+gzip",
    ZSTD: "vnd.trustconf.data+zstd",
}
#: payloadType -> (is a dossier, compression).
_KINDS = {
    f"application/{type_}": (types is DOSSIER_TYPES, compression)
    for types in (DOSSIER_TYPES, _OTHER_TYPES)
    for compression, type_ in types.items()
}
_CERTIFICATES = "signing-certificate"
#: Bytes of what stands before the payload in the body at most: a nonce of 128 characters, all of them escaped.
_MAX_START = 300


class _Around:
    """A content with bytes before and behind it."""

    def __init__(self, before: bytes, inside: Content, size: int, behind: bytes, *, is_base64: bool) -> None:
        self._before = before
        self._inside = inside
        self._behind = behind
        self._is_base64 = is_base64
        self.size = len(before) + size + len(behind)

    def chunks(self) -> Iterator[bytes]:
        """Its pieces, of CHUNK_BYTES but for the last one."""
        kept = self._before
        for chunk in encoded(self._inside) if self._is_base64 else self._inside.chunks():
            kept += chunk
            while len(kept) >= CHUNK_BYTES:
                yield kept[:CHUNK_BYTES]
                kept = kept[CHUNK_BYTES:]
        kept += self._behind
        for start in range(0, len(kept), CHUNK_BYTES):
            yield kept[start : start + CHUNK_BYTES]

    def close(self) -> None:
        self._inside.close()


def check(signer: Signer, *, has_quote: bool) -> None:
    if has_quote:
        raise UnsupportedFormError("DSSE has no place for a quote of the TPM: use the form envelope or jws.")


def prepare(payload: Content, order: Order) -> Content:
    """The body: the payload with the nonce."""
    start = b'{"nonce": ' + json.dumps(order.nonce or "").encode("ascii")
    if order.is_dossier:
        return _Around(start + b', "dossier": ', payload, payload.size, b"}", is_base64=False)
    size = -(-payload.size // 3) * 4
    return _Around(start + b', "data": "', payload, size, b'"}', is_base64=True)


def sign(packed: Content, order: Order, signer: Signer) -> Text:
    types = DOSSIER_TYPES if order.is_dossier else _OTHER_TYPES
    payload_type = f"application/{types[order.compression]}".encode()
    message = _pae(payload_type, packed)
    signature = sign_message(signer, packed.size + _MAX_START, message)
    key_id = spki_sha256(signer.chain[0]) if signer.chain else ""
    certificates = signer.chain if order.include_certificate else ()

    def text() -> Iterator[bytes]:
        yield b'{\n"payloadType": "' + payload_type + b'",\n"payload": "'
        yield from encoded(packed)
        yield b'",\n' + _tail(key_id, signature, certificates)

    return text


def _pae(payload_type: bytes, body: Content) -> Iterator[bytes]:
    """The Pre-Authentication Encoding: what is signed."""
    yield b"DSSEv1 %d %b %d " % (len(payload_type), payload_type, body.size)
    yield from body.chunks()


def _tail(key_id: str, signature: bytes, certificates: tuple[bytes, ...]) -> bytes:
    members = [f'"keyid": {json.dumps(key_id)}', f'"sig": "{base64_text(signature)}"']
    if certificates:
        listed = ",\n".join(f'"{base64_text(certificate)}"' for certificate in certificates)
        members.append(f'"{_CERTIFICATES}": [\n{listed}\n]')
    return ('"signatures": [\n{\n' + ",\n".join(members) + "\n}\n]\n}\n").encode()


def read(reader: SignedTextReader, payload: Spool, limit: int) -> Received:
    lines = reader.lines_before("payload")
    payload_type = text_member(members_of(lines), "payloadType")
    if b"".join(lines) != f'"payloadType": {json.dumps(payload_type)},\n'.encode() or payload_type not in _KINDS:
        raise EnvelopeFormatError("payloadType is none that is known here")
    reader.payload(payload.write)
    rest = reader.rest()
    members = _signature(members_of([rest.removesuffix(b"}\n")]))
    key_id = text_member(members, "keyid")
    signature = bytes_member(text_member(members, "sig"), "sig", MAX_SIGNATURE_BYTES)
    certificates = certificates_member(members, _CERTIFICATES)
    if _tail(key_id, signature, certificates) != rest:
        raise EnvelopeFormatError("the DSSE envelope is not written as an agent writes it")
    is_dossier, compression = _KINDS[payload_type]

    def opened() -> Opened:
        return _unwrapped(decompressed(payload, compression, limit=limit), is_dossier, limit)

    return Received(
        nonce=None,
        tells_nonce=False,
        algorithm=None,
        algorithm_name=None,
        problem="",
        signature=signature,
        certificates=certificates,
        message=lambda: _pae(payload_type.encode("ascii"), payload),
        is_packed=True,
        open=opened,
    )


def _signature(members: dict[str, Any]) -> dict[str, Any]:
    signatures = members.get("signatures")
    if not isinstance(signatures, list) or len(signatures) != 1 or not isinstance(signatures[0], dict):
        raise EnvelopeFormatError("there is not one signature")
    found: dict[str, Any] = signatures[0]
    return found


def _unwrapped(body: Content, is_dossier: bool, limit: int) -> Opened:
    """The payload and the nonce of a body; raises EnvelopeFormatError for what `prepare` has not made."""
    first = next(iter(body.chunks()), b"")[:_MAX_START]
    name, end = (b', "dossier": ', b"}") if is_dossier else (b', "data": "', b'"}')
    start, found, _ = first.partition(name)
    try:
        nonce = json.loads(start.removeprefix(b'{"nonce": ').decode("ascii")) if found else None
        if not isinstance(nonce, str) or b'{"nonce": ' + json.dumps(nonce).encode() != start:
            raise ValueError("not a nonce")
        checked = check_nonce(nonce or None)
    except (ValueError, RecursionError):
        raise EnvelopeFormatError("the payload does not begin with a nonce") from None
    unpacked = Spool(limit=limit)
    try:
        _copy(body, len(start) + len(name), end, unpacked, is_base64=not is_dossier)
    except BaseException:
        unpacked.close()
        raise
    return Opened(unpacked, checked)


def _copy(body: Content, skipped: int, end: bytes, target: Spool, *, is_base64: bool) -> None:
    """What is in the body between its first `skipped` bytes and `end`."""
    size = body.size - skipped - len(end)
    if size < 0:
        raise EnvelopeFormatError("the payload is cut")
    kept = b""
    tail = b""
    position = 0
    for chunk in body.chunks():
        inside = chunk[max(0, skipped - position) : max(0, skipped + size - position)]
        position += len(chunk)
        tail = (tail + chunk[-len(end) :])[-len(end) :]
        if not is_base64:
            target.write(inside)
            continue
        kept += inside
        whole = len(kept) // 4 * 4
        target.write(_decoded(kept[:whole], last=position >= skipped + size))
        kept = kept[whole:]
    if tail != end or kept:
        raise EnvelopeFormatError("the payload does not end as it must")


def _decoded(text: bytes, *, last: bool) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        content = None
    if content is None or base64.b64encode(content) != text or (not last and text.endswith(b"=")):
        raise EnvelopeFormatError("the data in the payload are not base64")
    return content
