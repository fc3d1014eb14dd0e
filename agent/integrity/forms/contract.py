"""What every form of a signed text does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from agent.integrity.compression import GZIP, NONE, ZSTD
from agent.integrity.content import Content, Spool
from agent.integrity.signatures import ALGORITHMS, MAX_WHOLE_BYTES, Algorithm, message_digest
from agent.integrity.signed_text import SignedTextReader

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

    def sign_digest(self, digest: bytes) -> bytes:
        """The signature over what has this digest, by the hash of `algorithm`; not with Ed25519."""


class UnsupportedFormError(ValueError):
    """The form has no way to do what is asked; `message` says what else to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class WholeTextTooLargeError(UnsupportedFormError):
    """Ed25519 would have to sign more than MAX_WHOLE_BYTES at once."""

    def __init__(self) -> None:
        super().__init__(
            f"With an Ed25519 key, this form signs at most {MAX_WHOLE_BYTES} bytes: compress them, use the form"
            " envelope, or another key for the system trustpoint."
        )


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be signed.

    Attributes:
        nonce: the verifier's, or None.
        is_dossier: the payload is a dossier; else it is anything.
        compression: a name of compression.COMPRESSIONS.
        include_certificate: the signer's certificates are added.
        quote: makes a TPM's quote for the payload, or None.
    """

    nonce: str | None
    is_dossier: bool
    compression: str
    include_certificate: bool
    quote: Quoter | None = None


class Text(Protocol):
    """A signed text, ready to be sent."""

    def __call__(self) -> Iterator[bytes]:
        """Its pieces."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a signature vouches for: the payload, unpacked, and the nonce."""

    payload: Content
    nonce: str | None


@dataclass(frozen=True, slots=True)
class Received:
    """A signed text, taken apart.

    Attributes:
        nonce: as the text says it; None if there is none, or if it is to be known only after the signature.
        tells_nonce: `nonce` is known before the signature.
        algorithm: of the signature; None if the key alone tells it, or if it is not known here.
        algorithm_name: as the text names it, None if it does not.
        problem: in what the text contradicts itself, else "".
        signature: as the library takes it.
        certificates: DER, the signer's first; empty if they were not asked for.
        message: what was signed, in pieces; can be read more than once.
        is_packed: the payload says nothing before `open`.
        open: the payload behind a good signature; raises EnvelopeFormatError, CompressionError, SpoolError.
        payload_digest: by the algorithm's digest, if the form has such a thing.
        tpm_quote: what a TPM says of this payload, or None.
    """

    nonce: str | None
    tells_nonce: bool
    algorithm: Algorithm | None
    algorithm_name: str | None
    problem: str
    signature: bytes
    certificates: tuple[bytes, ...]
    message: Callable[[], Iterable[bytes]]
    is_packed: bool
    open: Callable[[], Opened]
    payload_digest: bytes | None = None
    tpm_quote: bytes | None = None


class Form(Protocol):
    """A form: a module with these functions."""

    def check(self, signer: Signer, *, has_quote: bool) -> None:
        """Raises UnsupportedFormError for a key, or a quote, that there is no place for."""

    def prepare(self, payload: Content, order: Order) -> Content:
        """What is signed as payload: `payload` itself, or something around it; not compressed yet."""

    def sign(self, packed: Content, order: Order, signer: Signer) -> Text:
        """Sign what `prepare` gave, compressed. Raises WholeTextTooLargeError and what signer and quote raise."""

    def read(self, reader: SignedTextReader, payload: Spool, limit: int) -> Received:
        """Take a text apart; its payload goes to `payload`. Raises EnvelopeFormatError, SpoolError. `limit`: bytes of
        what is unpacked."""


def sign_message(signer: Signer, size: int, message: Iterable[bytes]) -> bytes:
    """The signature over a message of `size` bytes that comes in pieces. Raises WholeTextTooLargeError."""
    algorithm = ALGORITHMS[signer.algorithm]
    if algorithm.hash is not None:
        return signer.sign_digest(message_digest(algorithm, message))
    if size > MAX_WHOLE_BYTES:
        raise WholeTextTooLargeError
    return signer.sign(b"".join(message))


#: Media types of what is signed, by whether it is a dossier and by compression, without "application/".
DOSSIER_TYPES: Mapping[str, str] = MappingProxyType(
    {
        NONE: "vnd.trustconf.dossier+json",
        GZIP: "vnd.trustconf.dossier+gzip",
        ZSTD: "vnd.trustconf.dossier+zstd",
    }
)
