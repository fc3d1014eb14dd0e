"""The signed envelope: evidence, the verifier's nonce, a signature, and the signer's certificates on request.

docs/envelope.md defines it to the byte and shows its verification with the openssl command alone; docs/signed-forms.md
does so for JWS and DSSE. What is signed is bytes, never re-parsed JSON. The key stays behind `Signer`; this module sees
public things only. Nothing in here holds a payload: it is read from a Content and written to a Spool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from cryptography import x509
from cryptography.x509.oid import NameOID

from agent.integrity.certificate_path import PathFault, check_path, load_anchors
from agent.integrity.compression import NONE, CompressionError, compressed
from agent.integrity.content import Content, Spool, SpoolLimitError
from agent.integrity.forms import dsse, envelope, jws
from agent.integrity.forms.contract import Form, Order, Quoter, Received, Signer
from agent.integrity.nonce import check_nonce
from agent.integrity.signatures import ALGORITHMS, UnsupportedKeyError, algorithm_for, is_valid_over
from agent.integrity.signed_text import EnvelopeFormatError, SignedTextReader
from agent.integrity.verdict import Failure, Verdict, by_severity

__all__ = [
    "FORMS",
    "MAX_PAYLOAD_BYTES",
    "PayloadTooLargeError",
    "Quoter",
    "SignedContent",
    "Signer",
    "payload_signed_by",
    "sign_envelope",
    "verify_envelope",
]

#: A payload above this is refused when signing, and when verifying; its envelope is a third larger.
MAX_PAYLOAD_BYTES = 512 * 1024 * 1024

#: What RFC 4514 has no short names for and a device's certificate has: a report calls it as `show` does.
DEVICE_ATTRIBUTES = {
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.UNSTRUCTURED_NAME: "unstructuredName",
    x509.ObjectIdentifier("1.2.840.113549.1.9.8"): "unstructuredAddress",
}

#: By name; the first member of a text tells which it is.
FORMS: dict[str, Form] = {form.NAME: form for form in (envelope, jws, dsse)}
_BY_FIRST_MEMBER: dict[bytes, Form] = {form.FIRST_MEMBER: form for form in (envelope, jws, dsse)}


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
    form: str = envelope.NAME,
    is_dossier: bool = False,
) -> SignedContent:
    """The text of a signed envelope around `payload`, which belongs to it from then on.

    Args:
        compression: a name of compression.COMPRESSIONS.
        quote: makes the quote of a TPM for a payload (None: there is to be none).
        folder: where a compressed payload is kept meanwhile.
        form: a name of FORMS.
        is_dossier: the payload is a dossier; the other forms say so.

    Raises NonceError, PayloadTooLargeError, UnsupportedFormError, SpoolError, and what signer and quote raise; then
    `payload` is closed.
    """
    order = Order(nonce, is_dossier, compression, include_certificate, quote)
    held = payload
    try:
        check_nonce(nonce)
        FORMS[form].check(signer, has_quote=quote is not None)
        if payload.size > MAX_PAYLOAD_BYTES:
            raise PayloadTooLargeError(f"the payload is larger than {MAX_PAYLOAD_BYTES} bytes")
        held = FORMS[form].prepare(payload, order)
        held = compressed(held, compression, folder=folder, limit=MAX_PAYLOAD_BYTES)
        return SignedContent(held, FORMS[form].sign(held, order, signer))
    except BaseException:
        held.close()
        raise


def payload_signed_by(source: BinaryIO, keys: Iterable[object], *, limit: int) -> Content | None:
    """The payload of an envelope that one of the public keys has signed, whatever its certificates say; None if none
    has.

    Raises EnvelopeFormatError, CompressionError, SpoolError (above `limit` bytes, or no room on the disk).
    """
    received = envelope.read(SignedTextReader(source), Spool(limit=limit), limit)
    if received.problem or not any(_is_signed_by(received, key) for key in keys):
        return None
    return received.open().payload


def _is_signed_by(received: Received, key: object) -> bool:
    algorithm = received.algorithm
    return algorithm is not None and is_valid_over(algorithm, key, received.signature, received.message())


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
        received = _read(SignedTextReader(source), payload)
    except (EnvelopeFormatError, SpoolLimitError) as error:
        return Verdict((Failure.MALFORMED,), at, detail=f"{error}")
    failures: set[Failure] = set()
    if received.tells_nonce and received.nonce != nonce:
        failures.add(Failure.WRONG_NONCE)
    if received.algorithm is None and received.algorithm_name is not None:
        failures.add(Failure.UNSUPPORTED_ALGORITHM)
    elif received.problem:
        failures.add(Failure.MALFORMED)
    verdict = Verdict(
        (),
        at,
        detail=received.problem,
        payload=None if received.is_packed else payload,
        nonce=received.nonce,
        signature_algorithm=received.algorithm_name,
        payload_digest=received.payload_digest,
        tpm_quote=received.tpm_quote,
    )
    certificates = received.certificates or tuple(chain)
    if not certificates:
        return replace(verdict, failures=by_severity(failures | {Failure.NO_CERTIFICATE}))
    path = check_path(certificates, anchors, at)
    failures.update(_PATH_FAILURES[fault] for fault in path.faults)
    leaf = path.leaf
    if leaf is None:
        return replace(verdict, failures=by_severity(failures))
    if not failures & {Failure.UNSUPPORTED_ALGORITHM, Failure.MALFORMED}:
        verdict = _judged_payload(received, leaf.public_key(), nonce, failures, verdict)
    return replace(
        verdict,
        failures=by_severity(failures),
        signer=leaf.subject.rfc4514_string(DEVICE_ATTRIBUTES),
        issuer=leaf.issuer.rfc4514_string(DEVICE_ATTRIBUTES),
        serial_number=leaf.serial_number,
        valid_until=leaf.not_valid_after_utc,
    )


def _read(reader: SignedTextReader, payload: Spool) -> Received:
    form = _BY_FIRST_MEMBER.get(reader.line_starting())
    if form is None:
        raise EnvelopeFormatError("it begins like none of the forms that are known here")
    return form.read(reader, payload, MAX_PAYLOAD_BYTES)


def _judged_payload(
    received: Received, key: object, nonce: str | None, failures: set[Failure], verdict: Verdict
) -> Verdict:
    """The signature, and what it vouches for: nothing is unpacked that nobody has signed."""
    if received.algorithm is None:
        # The form leaves it to the key.
        try:
            received = replace(received, algorithm=ALGORITHMS[algorithm_for(key)])
        except UnsupportedKeyError:
            failures.add(Failure.UNSUPPORTED_ALGORITHM)
            return verdict
    assert received.algorithm is not None
    verdict = replace(verdict, signature_algorithm=received.algorithm_name or received.algorithm.name)
    if not _is_signed_by(received, key):
        failures.add(Failure.BAD_SIGNATURE)
        return verdict
    try:
        opened = received.open()
    except (EnvelopeFormatError, CompressionError, SpoolLimitError) as error:
        failures.add(Failure.MALFORMED)
        return replace(verdict, detail=str(error))
    if opened.nonce != nonce:
        failures.add(Failure.WRONG_NONCE)
    return replace(verdict, payload=opened.payload, nonce=opened.nonce)
