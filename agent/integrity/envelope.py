"""The signed envelope: evidence, the verifier's nonce, a signature, and the signer's certificates on request.

docs/envelope.md defines it to the byte and shows its verification with the openssl command alone. What is signed is
bytes, never re-parsed JSON. The key stays behind `Signer`; this module sees public things only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from cryptography import x509
from cryptography.x509.oid import NameOID

from agent.integrity import envelope_text
from agent.integrity.certificate_path import PathFault, check_path, load_anchors
from agent.integrity.envelope_text import Envelope, EnvelopeFormatError, signed_bytes
from agent.integrity.nonce import check_nonce
from agent.integrity.signatures import ALGORITHMS, is_valid
from agent.integrity.verdict import Failure, Verdict, by_severity

#: A payload above this is refused when signing; its envelope is a third larger.
MAX_PAYLOAD_BYTES = 128 * 1024 * 1024

#: What RFC 4514 has no short names for and a device's certificate has: a report calls it as `show` does.
_DEVICE_ATTRIBUTES = {
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.UNSTRUCTURED_NAME: "unstructuredName",
    x509.ObjectIdentifier("1.2.840.113549.1.9.8"): "unstructuredAddress",
}


class Signer(Protocol):
    """A private key that can be used but not seen.

    Attributes:
        algorithm: a name of signatures.ALGORITHMS that suits the key (signatures.algorithm_for).
        chain: DER certificates, that of the key first, each next one the issuer of the one before.
    """

    @property
    def algorithm(self) -> str: ...

    @property
    def chain(self) -> tuple[bytes, ...]: ...

    def sign(self, data: bytes) -> bytes:
        """The signature over `data` (hashing included)."""


class PayloadTooLargeError(ValueError):
    """The payload is larger than MAX_PAYLOAD_BYTES."""


def sign_envelope(payload: bytes, *, nonce: str | None, signer: Signer, include_certificate: bool) -> str:
    """The text of a signed envelope around `payload`.

    Raises NonceError, PayloadTooLargeError, and what the signer raises.
    """
    check_nonce(nonce)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise PayloadTooLargeError(f"the payload is larger than {MAX_PAYLOAD_BYTES} bytes")
    algorithm = ALGORITHMS[signer.algorithm]
    return envelope_text.write(
        Envelope(
            nonce=nonce,
            digest_algorithm=algorithm.digest,
            signature_algorithm=algorithm.name,
            payload=payload,
            signature=signer.sign(signed_bytes(nonce, payload)),
            certificates=signer.chain if include_certificate else (),
        )
    )


_PATH_FAILURES = {
    PathFault.UNREADABLE: Failure.BAD_CERTIFICATE,
    PathFault.UNTRUSTED: Failure.UNTRUSTED_CHAIN,
    PathFault.WRONG_USAGE: Failure.WRONG_KEY_USAGE,
    PathFault.NOT_YET_VALID: Failure.NOT_YET_VALID,
    PathFault.EXPIRED: Failure.EXPIRED,
}


def verify_envelope(
    text: str,
    trust_anchor: bytes,
    nonce: str | None,
    at: datetime,
    *,
    chain: Sequence[bytes] = (),
) -> Verdict:
    """Judge an envelope; whatever its text is, the answer is a verdict.

    Args:
        text: the envelope as it was received.
        trust_anchor: PEM text of one or more certificates that are trusted as they stand (usually the device's root).
        nonce: the one that was sent, or None to expect an envelope without one.
        at: the moment at which the certificates must be valid; aware.
        chain: DER, signer's first; used if the envelope carries no certificates.

    Raises:
        ValueError: `trust_anchor` holds no certificate.
    """
    anchors = load_anchors(trust_anchor)
    try:
        envelope = envelope_text.read(text)
    except EnvelopeFormatError as error:
        return Verdict((Failure.MALFORMED,), at, detail=str(error))
    algorithm = ALGORITHMS.get(envelope.signature_algorithm)
    failures: set[Failure] = set()
    if envelope.nonce != nonce:
        failures.add(Failure.WRONG_NONCE)
    if algorithm is None:
        failures.add(Failure.UNSUPPORTED_ALGORITHM)
    elif algorithm.digest != envelope.digest_algorithm:
        failures.add(Failure.MALFORMED)
    verdict = Verdict(
        (),
        at,
        detail="digest-algorithm does not go with signature-algorithm" if Failure.MALFORMED in failures else "",
        payload=envelope.payload,
        nonce=envelope.nonce,
        signature_algorithm=envelope.signature_algorithm,
    )
    certificates = envelope.certificates or tuple(chain)
    if not certificates:
        return replace(verdict, failures=by_severity(failures | {Failure.NO_CERTIFICATE}))
    path = check_path(certificates, anchors, at)
    failures.update(_PATH_FAILURES[fault] for fault in path.faults)
    leaf = path.leaf
    if leaf is None:
        return replace(verdict, failures=by_severity(failures))
    if algorithm and not is_valid(algorithm, leaf.public_key(), envelope.signature, envelope.signed_bytes):
        failures.add(Failure.BAD_SIGNATURE)
    return replace(
        verdict,
        failures=by_severity(failures),
        signer=leaf.subject.rfc4514_string(_DEVICE_ATTRIBUTES),
        issuer=leaf.issuer.rfc4514_string(_DEVICE_ATTRIBUTES),
        serial_number=leaf.serial_number,
        valid_until=leaf.not_valid_after_utc,
    )
