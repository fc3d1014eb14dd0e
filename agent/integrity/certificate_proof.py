"""The device's certificates with a signature over them and a nonce: who shows them has the key now.

Signed are nonce || uint32 big-endian signature-version || root || authorities below it || own certificate, all DER: the
layout that collectors of Cisco's SUDI certificates verify. Its signature-version is another one than that of envelopes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agent.integrity.envelope import Signer

SIGNATURE_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class CertificateProof:
    """Certificates, and that their key is here.

    Attributes:
        certificates: name and DER, the root first, the device's own last.
        signature: by the own certificate's key, as signatures.ALGORITHMS has it for this kind of key.
    """

    nonce: bytes
    certificates: tuple[tuple[str, bytes], ...]
    signature: bytes


def signed_bytes(nonce: bytes, certificates: tuple[bytes, ...]) -> bytes:
    """What is signed; the root's certificate first."""
    return nonce + SIGNATURE_VERSION.to_bytes(4, "big") + b"".join(certificates)


def prove_certificates(nonce: bytes, signer: Signer) -> CertificateProof:
    """Raises what the signer raises."""
    ordered = tuple(reversed(signer.chain))
    signature = signer.sign(signed_bytes(nonce, ordered))
    return CertificateProof(nonce, tuple(zip(_names(len(ordered)), ordered, strict=True)), signature)


def _names(count: int) -> list[str]:
    """Of a chain from its root on: "Root", "CA", "CA 2", ..., "Device"."""
    between = [f"CA {number}" if number > 1 else "CA" for number in range(1, count - 1)]
    return ["Root", *between, "Device"][-count:]
