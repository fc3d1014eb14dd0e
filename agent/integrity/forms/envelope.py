"""The form `envelope`: ours. docs/envelope.md."""

from __future__ import annotations

from agent.integrity.compression import NONE, decompressed
from agent.integrity.content import Content, Spool
from agent.integrity.forms import envelope_text
from agent.integrity.forms.contract import Opened, Order, Received, Signer, Text
from agent.integrity.forms.envelope_text import Head, digest_of, signed_bytes
from agent.integrity.signatures import ALGORITHMS
from agent.integrity.signed_text import SignedTextReader

NAME = "envelope"
#: What tells this form from others.
FIRST_MEMBER = b'"envelope-version"'


def check(signer: Signer, *, has_quote: bool) -> None:
    return


def prepare(payload: Content, order: Order) -> Content:
    return payload


def sign(packed: Content, order: Order, signer: Signer) -> Text:
    algorithm = ALGORITHMS[signer.algorithm]
    digest = digest_of(packed, algorithm.digest)
    head = Head(
        nonce=order.nonce,
        digest_algorithm=algorithm.digest,
        signature_algorithm=algorithm.name,
        compression=order.compression,
        tpm_quote=None if order.quote is None else order.quote(digest, algorithm.digest),
    )
    signature = signer.sign(signed_bytes(head, digest))
    certificates = signer.chain if order.include_certificate else ()
    return lambda: envelope_text.write(head, packed, signature, certificates)


def read(reader: SignedTextReader, payload: Spool, limit: int) -> Received:
    envelope = envelope_text.read(reader, payload)
    head = envelope.head
    algorithm = ALGORITHMS.get(head.signature_algorithm)
    fits = algorithm is None or algorithm.digest == head.digest_algorithm
    digest = envelope.payload_digest
    return Received(
        nonce=head.nonce,
        tells_nonce=True,
        algorithm=algorithm,
        algorithm_name=head.signature_algorithm,
        problem="" if fits else "digest-algorithm does not go with signature-algorithm",
        signature=envelope.signature,
        certificates=envelope.certificates,
        message=lambda: () if digest is None else (signed_bytes(head, digest),),
        is_packed=head.compression != NONE,
        open=lambda: Opened(decompressed(payload, head.compression, limit=limit), head.nonce),
        payload_digest=digest,
        tpm_quote=head.tpm_quote,
    )
