"""The form `jws`: a JSON Web Signature (RFC 7515) in flattened JSON, with the nonce in its protected header.

One member a line, in the order protected, payload, signature: docs/signed-forms.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import utils

from agent.integrity.compression import GZIP, NONE, ZSTD, decompressed
from agent.integrity.content import Content, Spool
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
from agent.integrity.forms.envelope_text import MAX_QUOTE_BYTES, digest_of
from agent.integrity.nonce import check_nonce
from agent.integrity.signatures import ALGORITHMS
from agent.integrity.signed_text import (
    MAX_SIGNATURE_BYTES,
    EnvelopeFormatError,
    SignedTextReader,
    base64_text,
    bytes_member,
    certificates_member,
    encoded_url_safe,
    members_of,
    text_member,
)

NAME = "jws"
FIRST_MEMBER = b'"protected"'

#: Our names of algorithms -> those of RFC 7518 section 3.1 and RFC 8037, and for ECDSA the bytes of R and of S.
_ALGORITHMS: dict[str, tuple[str, int]] = {
    "rsa-pkcs1-sha256": ("RS256", 0),
    "ecdsa-sha256": ("ES256", 32),
    "ecdsa-sha384": ("ES384", 48),
    "ecdsa-sha512": ("ES512", 66),
    "ed25519": ("EdDSA", 0),
}
_OURS = {name: (ours, width) for ours, (name, width) in _ALGORITHMS.items()}

#: Compression -> `cty` of anything that is no dossier.
_OTHER_TYPES = {NONE: "octet-stream", GZIP: "gzip", ZSTD: "zstd"}
_COMPRESSIONS = {type_: name for types in (DOSSIER_TYPES, _OTHER_TYPES) for name, type_ in types.items()}


@dataclass(frozen=True, slots=True)
class Header:
    """The protected header. `thumbprint`: SHA-256 of the signer's certificate, None if it has none."""

    algorithm: str
    content_type: str
    nonce: str | None
    thumbprint: bytes | None
    certificates: tuple[bytes, ...]
    tpm_quote: bytes | None

    def text(self) -> bytes:
        """Its one JSON text."""
        members: dict[str, object] = {"alg": self.algorithm, "cty": self.content_type}
        if self.nonce is not None:
            members["nonce"] = self.nonce
        if self.thumbprint is not None:
            members["x5t#S256"] = _url_safe(self.thumbprint)
        if self.certificates:
            members["x5c"] = [base64_text(certificate) for certificate in self.certificates]
        if self.tpm_quote is not None:
            members["tpm-quote"] = base64_text(self.tpm_quote)
        return json.dumps(members, separators=(",", ":")).encode("ascii")


def check(signer: Signer, *, has_quote: bool) -> None:
    if signer.algorithm not in _ALGORITHMS:
        raise UnsupportedFormError(
            "JWS has no algorithm for DSA keys: use another form, or another key for the system trustpoint."
        )


def prepare(payload: Content, order: Order) -> Content:
    return payload


def sign(packed: Content, order: Order, signer: Signer) -> Text:
    name, width = _ALGORITHMS[signer.algorithm]
    types = DOSSIER_TYPES if order.is_dossier else _OTHER_TYPES
    digest = ALGORITHMS[signer.algorithm].digest
    header = Header(
        algorithm=name,
        content_type=types[order.compression],
        nonce=order.nonce,
        thumbprint=hashlib.sha256(signer.chain[0]).digest() if signer.chain else None,
        certificates=signer.chain if order.include_certificate else (),
        tpm_quote=None if order.quote is None else order.quote(digest_of(packed, digest), digest),
    )
    protected = _url_safe(header.text()).encode()
    size = len(protected) + 1 + -(-packed.size * 4 // 3)
    signature = sign_message(signer, size, _message(protected, packed))
    if width:
        r, s = utils.decode_dss_signature(signature)
        signature = r.to_bytes(width, "big") + s.to_bytes(width, "big")

    def text() -> Iterator[bytes]:
        yield b'{\n"protected": "' + protected + b'",\n"payload": "'
        yield from encoded_url_safe(packed)
        yield b'",\n' + _tail(signature)

    return text


def _tail(signature: bytes) -> bytes:
    return f'"signature": "{_url_safe(signature)}"\n}}\n'.encode()


def _message(protected: bytes, packed: Content) -> Iterator[bytes]:
    """The JWS Signing Input (RFC 7515 section 5.1)."""
    yield protected + b"."
    yield from encoded_url_safe(packed)


def read(reader: SignedTextReader, payload: Spool, limit: int) -> Received:
    lines = reader.lines_before("payload")
    protected = text_member(members_of(lines), "protected")
    header = _header(protected)
    if b"".join(lines) != f'"protected": "{_url_safe(header.text())}",\n'.encode():
        raise EnvelopeFormatError("the JWS is not written as an agent writes it")
    reader.payload(payload.write, url_safe=True)
    rest = reader.rest()
    signature = _bytes(text_member(members_of([rest.removesuffix(b"}\n")]), "signature"), MAX_SIGNATURE_BYTES)
    if _tail(signature) != rest:
        raise EnvelopeFormatError("the JWS is not written as an agent writes it")
    ours, width = _OURS.get(header.algorithm, ("", 0))
    algorithm = ALGORITHMS.get(ours)
    compression = _COMPRESSIONS[header.content_type]
    return Received(
        nonce=header.nonce,
        tells_nonce=True,
        algorithm=algorithm,
        algorithm_name=header.algorithm,
        problem="",
        signature=_to_der(signature, width) if width else signature,
        certificates=header.certificates,
        message=lambda: _message(protected.encode("ascii"), payload),
        is_packed=compression != NONE,
        open=lambda: Opened(decompressed(payload, compression, limit=limit), header.nonce),
        payload_digest=None if algorithm is None else digest_of(payload, algorithm.digest),
        tpm_quote=header.tpm_quote,
    )


def _header(protected: str) -> Header:
    try:
        members = json.loads(_bytes(protected, MAX_SIGNATURE_BYTES * 64).decode("ascii"))
    except (ValueError, RecursionError):
        raise EnvelopeFormatError("the protected header is not JSON in ASCII") from None
    if not isinstance(members, dict):
        raise EnvelopeFormatError("the protected header is not a JSON object")
    content_type = text_member(members, "cty")
    if content_type not in _COMPRESSIONS:
        raise EnvelopeFormatError("cty is no type of content that is known here")
    try:
        nonce = check_nonce(text_member(members, "nonce") if "nonce" in members else None)
    except ValueError as error:
        raise EnvelopeFormatError(str(error)) from None
    quote = members.get("tpm-quote")
    return Header(
        algorithm=text_member(members, "alg"),
        content_type=content_type,
        nonce=nonce,
        thumbprint=_bytes(text_member(members, "x5t#S256"), 32) if "x5t#S256" in members else None,
        certificates=certificates_member(members, "x5c"),
        tpm_quote=None if quote is None else bytes_member(quote, "tpm-quote", MAX_QUOTE_BYTES),
    )


def _to_der(signature: bytes, width: int) -> bytes:
    """What another length can't be: a signature that is none, so that it verifies nothing."""
    if len(signature) != 2 * width:
        return b""
    return utils.encode_dss_signature(
        int.from_bytes(signature[:width], "big"), int.from_bytes(signature[width:], "big")
    )


def _url_safe(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _bytes(text: str, max_bytes: int) -> bytes:
    """What a text is the base64url of, if that is its one text."""
    try:
        content = base64.b64decode(text.translate(_STANDARD) + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        content = None
    if content is None or _url_safe(content) != text or len(content) > max_bytes:
        raise EnvelopeFormatError("a member of the JWS is not base64url, or too large")
    return content


_STANDARD = str.maketrans("-_+/", "+/  ")
