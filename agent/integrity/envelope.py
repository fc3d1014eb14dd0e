"""The signed envelope: evidence, the verifier's nonce, a signature, and the signer's certificates on request.

docs/envelope.md defines it to the byte and shows its verification with the openssl command alone. What is signed is
bytes, never re-parsed JSON. The key stays behind `Signer`; this module sees public things only. Nothing in here holds a
payload: it is read from a Content and written to a Spool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from cryptography import x509
from cryptography.x509.oid import NameOID

from agent.integrity import envelope_text
from agent.integrity.certificate_path import PathFault, check_path, load_anchors
from agent.integrity.compression import NONE, CompressionError, compressed, decompressed
from agent.integrity.content import Content, Spool, SpoolLimitError
from agent.integrity.envelope_text import Envelope, Head, digest_of, signed_bytes
from agent.integrity.nonce import check_nonce
from agent.integrity.signatures import ALGORITHMS, is_valid
from agent.integrity.signed_text import EnvelopeFormatError, SignedTextReader
from agent.integrity.verdict import Failure, Verdict, by_severity

#: A payload above this is refused when signing, and when verifying; its envelope is a third larger.
MAX_PAYLOAD_BYTES = 512 * 1024 * 1024

#: What RFC 4514 has no short names for and a device's certificate has: a report calls it as `show` does.
DEVICE_ATTRIBUTES = {
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.UNSTRUCTURED_NAME: "unstructuredName",
    x509.ObjectIdentifier("1.2.840.113549.1.9.8"): "unstructuredAddress",
}

#: Gets the digest of a payload and the name of the digest's algorithm, gives the bytes of `tpm-quote`.
Quoter = Callable[[bytes, str], bytes]


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


@dataclass(frozen=True, slots=True)
class SignedContent:
    """A signed text around a payload, which it has taken over. A Content, but for the size of its chunks."""

    payload: Content
    text: Callable[[], Iterator[bytes]]

    @property
    def size(self) -> int:
        """Bytes, about."""
        return self.payload.size * 4 // 3

    def chunks(self) -> Iterator[bytes]:
        """The text, ASCII, in pieces of any size."""
        return self.text()

    def close(self) -> None:
        self.payload.close()


def sign_envelope(
    payload: Content,
    *,
    nonce: str | None,
    signer: Signer,
    include_certificate: bool,
    compression: str = NONE,
    quote: Quoter | None = None,
    folder: Path | None = None,
) -> SignedContent:
    """The text of a signed envelope around `payload`, which belongs to it from then on.

    Args:
        compression: a name of compression.COMPRESSIONS.
        quote: makes the member `tpm-quote` for a payload (None: the envelope has none).
        folder: where a compressed payload is kept meanwhile.

    Raises NonceError, PayloadTooLargeError, SpoolError, and what signer and quote raise; `payload` is closed then.
    """
    try:
        check_nonce(nonce)
        if payload.size > MAX_PAYLOAD_BYTES:
            raise PayloadTooLargeError(f"the payload is larger than {MAX_PAYLOAD_BYTES} bytes")
        packed = compressed(payload, compression, folder=folder, limit=MAX_PAYLOAD_BYTES)
    except BaseException:
        payload.close()
        raise
    try:
        algorithm = ALGORITHMS[signer.algorithm]
        digest = digest_of(packed, algorithm.digest)
        head = Head(
            nonce=nonce,
            digest_algorithm=algorithm.digest,
            signature_algorithm=algorithm.name,
            compression=compression,
            tpm_quote=None if quote is None else quote(digest, algorithm.digest),
        )
        signature = signer.sign(signed_bytes(head, digest))
    except BaseException:
        packed.close()
        raise
    certificates = signer.chain if include_certificate else ()
    return SignedContent(packed, lambda: envelope_text.write(head, packed, signature, certificates))


def payload_signed_by(source: BinaryIO, keys: Iterable[object], *, limit: int) -> Content | None:
    """The payload of an envelope that one of the public keys has signed, whatever its certificates say; None if none
    has.

    Raises EnvelopeFormatError, CompressionError, SpoolError (above `limit` bytes, or no room on the disk).
    """
    payload = Spool(limit=limit)
    envelope = envelope_text.read(SignedTextReader(source), payload)
    if not any(_is_signed_by(envelope, key) for key in keys):
        return None
    return decompressed(payload, envelope.head.compression, limit=limit)


def _is_signed_by(envelope: Envelope, key: object) -> bool:
    algorithm = ALGORITHMS.get(envelope.head.signature_algorithm)
    if algorithm is None or algorithm.digest != envelope.head.digest_algorithm or envelope.payload_digest is None:
        return False
    return is_valid(algorithm, key, envelope.signature, signed_bytes(envelope.head, envelope.payload_digest))


_PATH_FAILURES = {
    PathFault.UNREADABLE: Failure.BAD_CERTIFICATE,
    PathFault.UNTRUSTED: Failure.UNTRUSTED_CHAIN,
    PathFault.WRONG_USAGE: Failure.WRONG_KEY_USAGE,
    PathFault.NOT_YET_VALID: Failure.NOT_YET_VALID,
    PathFault.EXPIRED: Failure.EXPIRED,
}


def verify_envelope(
    source: BinaryIO,
    trust_anchor: bytes,
    nonce: str | None,
    at: datetime,
    *,
    chain: Sequence[bytes] = (),
) -> Verdict:
    """Judge a signed text in any of its forms; whatever it is, the answer is a verdict.

    It is read once, in constant memory. The verdict's `payload` is a Content (chunks(), size): the payload unpacked, in
    a file without a name.

    Args:
        source: the envelope as it was received, open for reading in binary; read to its end, not closed.
        trust_anchor: PEM text of one or more certificates that are trusted as they stand (usually the device's root).
        nonce: the one that was sent, or None to expect an envelope without one.
        at: the moment at which the certificates must be valid; aware.
        chain: DER, signer's first; used if the envelope carries no certificates.

    Raises:
        ValueError: `trust_anchor` holds no certificate.
        OSError: `source` can't be read.
        SpoolFullError: there is no room for the payload in the system's place for temporary files.
    """
    anchors = load_anchors(trust_anchor)
    payload = Spool(limit=MAX_PAYLOAD_BYTES)
    try:
        envelope = envelope_text.read(SignedTextReader(source), payload)
    except (EnvelopeFormatError, SpoolLimitError) as error:
        return Verdict((Failure.MALFORMED,), at, detail=f"{error}")
    failures, verdict = _judged_head(envelope, payload, nonce, at)
    certificates = envelope.certificates or tuple(chain)
    if not certificates:
        return replace(verdict, failures=by_severity(failures | {Failure.NO_CERTIFICATE}))
    path = check_path(certificates, anchors, at)
    failures.update(_PATH_FAILURES[fault] for fault in path.faults)
    leaf = path.leaf
    if leaf is None:
        return replace(verdict, failures=by_severity(failures))
    if not failures & {Failure.UNSUPPORTED_ALGORITHM, Failure.MALFORMED}:
        verdict = _judged_payload(envelope, leaf, payload, failures, verdict)
    return replace(
        verdict,
        failures=by_severity(failures),
        signer=leaf.subject.rfc4514_string(DEVICE_ATTRIBUTES),
        issuer=leaf.issuer.rfc4514_string(DEVICE_ATTRIBUTES),
        serial_number=leaf.serial_number,
        valid_until=leaf.not_valid_after_utc,
    )


def _judged_head(envelope: Envelope, payload: Spool, nonce: str | None, at: datetime) -> tuple[set[Failure], Verdict]:
    """What can be said without a certificate."""
    head = envelope.head
    failures: set[Failure] = set()
    if head.nonce != nonce:
        failures.add(Failure.WRONG_NONCE)
    algorithm = ALGORITHMS.get(head.signature_algorithm)
    detail = ""
    if algorithm is None:
        failures.add(Failure.UNSUPPORTED_ALGORITHM)
    elif algorithm.digest != head.digest_algorithm:
        failures.add(Failure.MALFORMED)
        detail = "digest-algorithm does not go with signature-algorithm"
    return failures, Verdict(
        (),
        at,
        detail=detail,
        payload=payload if head.compression == NONE else None,
        nonce=head.nonce,
        signature_algorithm=head.signature_algorithm,
        payload_digest=envelope.payload_digest,
        tpm_quote=head.tpm_quote,
    )


def _judged_payload(
    envelope: Envelope, leaf: x509.Certificate, payload: Spool, failures: set[Failure], verdict: Verdict
) -> Verdict:
    """The signature, and what it vouches for: nothing is unpacked that nobody has signed."""
    if not _is_signed_by(envelope, leaf.public_key()):
        failures.add(Failure.BAD_SIGNATURE)
        return verdict
    try:
        unpacked = decompressed(payload, envelope.head.compression, limit=MAX_PAYLOAD_BYTES)
    except (CompressionError, SpoolLimitError) as error:
        failures.add(Failure.MALFORMED)
        return replace(verdict, detail=str(error))
    return replace(verdict, payload=unpacked)
