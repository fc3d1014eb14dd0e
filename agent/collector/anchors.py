"""Whom to trust: the root certificate of each device, taken over once, when somebody has compared its fingerprint.

A root that comes over SSH from a host whose key is known is offered, not trusted: a person (or a --fingerprint that
they got in another way) decides. Evidence is never judged by a certificate that came with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from agent.clock import yang_date_and_time
from agent.collector.asking import NO_NCCLIENT
from agent.collector.errors import NoEvidenceError, Obstacle, TargetError
from agent.collector.ssh import Access, connected
from agent.collector.targets import Target
from agent.integrity.certificate_path import load_anchors
from agent.integrity.envelope import DEVICE_ATTRIBUTES


@dataclass(frozen=True, slots=True)
class Anchor:
    """A certificate that may be trusted."""

    certificate: x509.Certificate

    @property
    def sha256(self) -> str:
        """Of the certificate, lower-case hexadecimal."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def lines(self) -> Sequence[str]:
        """What somebody compares."""
        shown = self.sha256.upper()
        return (
            f"subject:     {self.certificate.subject.rfc4514_string(DEVICE_ATTRIBUTES)}",
            f"valid until: {yang_date_and_time(self.certificate.not_valid_after_utc)}",
            f"SHA-256:     {':'.join(shown[at : at + 2] for at in range(0, len(shown), 2))}",
        )

    def is_called(self, fingerprint: str) -> bool:
        """Whether this is its SHA-256 fingerprint, with colons or without."""
        return fingerprint.replace(":", "").replace(" ", "").lower() == self.sha256


def offered_anchor(target: Target, access: Access) -> Anchor:
    """The root certificate that the device shows. Raises NoEvidenceError."""
    try:
        from agent.collector.netconf import read_root
    except ImportError as error:
        raise NoEvidenceError(Obstacle.FAILED, NO_NCCLIENT) from error
    with connected(target, access) as transport:
        text = read_root(transport, access.time_limit)
    try:
        return read_anchor(text.encode())
    except TargetError as error:
        raise NoEvidenceError(Obstacle.BAD_ANSWER, "the device shows no certificate that can be read") from error


def read_anchor(pem: bytes) -> Anchor:
    """The certificate in a PEM file. Raises TargetError."""
    try:
        (certificate,) = load_anchors(pem)
    except ValueError:
        raise TargetError("not a PEM file of one certificate") from None
    return Anchor(certificate)


def is_now_valid(anchor: Anchor, at: datetime) -> bool:
    """Whether it is between its two dates."""
    return anchor.certificate.not_valid_before_utc <= at <= anchor.certificate.not_valid_after_utc
