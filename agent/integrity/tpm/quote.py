"""A quote with all that is needed to verify it: its text, to the byte as docs/tpm.md has it, and the judgement.

There is exactly one text for a quote; reading refuses every other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from agent.integrity.forms.envelope_text import SIGNATURE_VERSION
from agent.integrity.tpm.attestation import Attestation, AttestationError, read_attestation
from agent.tpm.structures import HASHES, REGISTERS, Algorithm, Signature, read_signature
from agent.tpm.wire import Reader, WireError

QUOTE_VERSION = 1
MAX_QUOTE_BYTES = 32 * 1024
_MAX_PART_BYTES = 4096

#: The hashes that a quote may be signed with. SHA-1 is none of them.
_DIGESTS = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


class QuoteFormatError(ValueError):
    """A text is no quote. The message says in what, without quoting it."""


class QuoteFault(Enum):
    """What is wrong with a quote."""

    BAD = "it can't be read, or the attestation key has not signed it"
    WRONG_EXTRA_DATA = "it is about something else"
    WRONG_VALUES = "the values of the registers are not the quoted ones"


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote of a TPM.

    Attributes:
        attestation_key: SubjectPublicKeyInfo (DER) of the key that signed it. Who vouches for it, is not known here.
        attest: what it has signed, TPMS_ATTEST.
        signature: TPMT_SIGNATURE.
        pcr_values: bank ("sha256") -> register -> value; these are not signed, but digested in `attest`.
    """

    attestation_key: bytes
    attest: bytes
    signature: bytes
    pcr_values: Mapping[str, Mapping[int, bytes]]

    def text(self) -> bytes:
        """The one text of this quote: JSON in ASCII, without spaces."""
        members = {
            "quote-version": QUOTE_VERSION,
            "attestation-key": base64.b64encode(self.attestation_key).decode("ascii"),
            "attest": base64.b64encode(self.attest).decode("ascii"),
            "signature": base64.b64encode(self.signature).decode("ascii"),
            "pcr-values": {
                bank: {str(number): value.hex() for number, value in values.items()}
                for bank, values in self.pcr_values.items()
            },
        }
        return json.dumps(members, separators=(",", ":")).encode("ascii")


@dataclass(frozen=True, slots=True)
class QuoteVerdict:
    """What verification found; `attestation` is None if it can't be read."""

    faults: frozenset[QuoteFault]
    attestation: Attestation | None = None


def extra_data(nonce: str | None, payload_digest: bytes) -> bytes:
    """What a quote in an envelope binds: SHA-256 over nonce || uint32 signature-version || digest(payload), the first
    parts of what the envelope's signature is made over."""
    bound = (nonce or "").encode("ascii") + SIGNATURE_VERSION.to_bytes(4, "big") + payload_digest
    return hashlib.sha256(bound).digest()


def read_quote(text: bytes) -> Quote:
    """Raises QuoteFormatError."""
    if len(text) > MAX_QUOTE_BYTES:
        raise QuoteFormatError(f"the quote is larger than {MAX_QUOTE_BYTES} bytes")
    try:
        members = json.loads(text.decode("ascii"))
    except (ValueError, RecursionError):
        raise QuoteFormatError("the quote is not JSON in ASCII") from None
    if not isinstance(members, dict) or members.get("quote-version") != QUOTE_VERSION:
        raise QuoteFormatError(f"quote-version is not {QUOTE_VERSION}, the one that is known here")
    quote = Quote(
        attestation_key=_bytes(members, "attestation-key"),
        attest=_bytes(members, "attest"),
        signature=_bytes(members, "signature"),
        pcr_values=_values(members.get("pcr-values")),
    )
    if quote.text() != text:
        raise QuoteFormatError("the quote is not written as an agent writes it")
    return quote


def _bytes(members: dict[str, Any], name: str) -> bytes:
    value = members.get(name)
    try:
        content = base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        content = None
    if content is None or len(content) > _MAX_PART_BYTES:
        raise QuoteFormatError(f"{name} is not base64 of at most {_MAX_PART_BYTES} bytes")
    return content


def _values(banks: object) -> dict[str, dict[int, bytes]]:
    numbers = {str(number): number for number in range(REGISTERS)}
    if not isinstance(banks, dict) or not all(isinstance(values, dict) for values in banks.values()):
        raise QuoteFormatError("pcr-values is not what it should be")
    found: dict[str, dict[int, bytes]] = {}
    for bank, values in banks.items():
        try:
            found[bank] = {numbers[number]: bytes.fromhex(value) for number, value in values.items()}
        except (KeyError, TypeError, ValueError):
            raise QuoteFormatError("pcr-values has what is no register or no value") from None
        if bank not in HASHES:
            raise QuoteFormatError("pcr-values has an unknown bank")
    return found


def verify_quote(quote: Quote, wanted: bytes) -> QuoteVerdict:
    """Judge a quote: that its key has signed it, that its extra data are `wanted`, and that its values are the quoted
    ones. Whose the key is, is not known here. Never raises."""
    try:
        attestation = read_attestation(quote.attest)
        reader = Reader(quote.signature)
        signature = read_signature(reader)
        reader.end()
    except (AttestationError, WireError):
        return QuoteVerdict(frozenset({QuoteFault.BAD}))
    faults = set()
    if not _is_signed(quote, signature):
        faults.add(QuoteFault.BAD)
    if attestation.extra_data != wanted:
        faults.add(QuoteFault.WRONG_EXTRA_DATA)
    if not has_values(attestation, quote.pcr_values, signature.digest):
        faults.add(QuoteFault.WRONG_VALUES)
    return QuoteVerdict(frozenset(faults), attestation)


def has_values(attestation: Attestation, values: Mapping[str, Mapping[int, bytes]], digest: str) -> bool:
    """Whether these are the values of exactly the quoted registers; `digest`: the hash of the quote's signature."""
    if {bank: tuple(registers) for bank, registers in values.items()} != attestation.selection:
        return False
    digested = hashlib.new(digest, usedforsecurity=False) if digest in hashlib.algorithms_available else None
    if digested is None:
        return False
    for bank, registers in attestation.selection.items():
        for number in registers:
            digested.update(values[bank][number])
    return digested.digest() == attestation.pcr_digest


def _is_signed(quote: Quote, signature: Signature) -> bool:
    digest = _DIGESTS.get(signature.digest)
    try:
        key = load_der_public_key(quote.attestation_key)
        if digest is None:
            return False
        if isinstance(key, ec.EllipticCurvePublicKey) and signature.scheme is Algorithm.ECDSA:
            key.verify(signature.value, quote.attest, ec.ECDSA(digest))
        elif isinstance(key, rsa.RSAPublicKey) and signature.scheme is Algorithm.RSASSA:
            key.verify(signature.value, quote.attest, padding.PKCS1v15(), digest)
        elif isinstance(key, rsa.RSAPublicKey) and signature.scheme is Algorithm.RSAPSS:
            key.verify(signature.value, quote.attest, padding.PSS(padding.MGF1(digest), padding.PSS.AUTO), digest)
        else:
            return False
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True
