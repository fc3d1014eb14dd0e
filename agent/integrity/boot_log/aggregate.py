"""Whether the first measurement of IMA, `boot_aggregate`, agrees with the boot log: it ties the two logs together.

It is a digest over the registers 0 to 9 of the bank of its algorithm; with SHA-1, and in kernels before 5.8, over the
registers 0 to 7, then of the bank of SHA-1 (security/integrity/ima/ima_crypto.c).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from agent.integrity.ima.event import DIGEST_SIZES
from agent.integrity.ima.templates import MeasuredFile

NAME: Final = b"boot_aggregate"


class Aggregate(StrEnum):
    """What can be said of it."""

    MATCH = "match"
    MISMATCH = "mismatch"
    #: The kernel wrote zeros: when IMA began there was no TPM.
    NO_TPM = "no-tpm"
    #: There is no such measurement, or no boot log to compare it with.
    UNKNOWN = "unknown"


def judge(first: MeasuredFile | None, registers: Mapping[str, Mapping[int, bytes]]) -> Aggregate:
    """Judge the first measurement of a log by the replayed registers of a boot log ({} if there is none)."""
    if first is None or first.name != NAME or first.algorithm not in DIGEST_SIZES:
        return Aggregate.UNKNOWN
    if not any(first.digest):
        return Aggregate.NO_TPM
    candidates = [
        _over(registers[bank], count, first.algorithm)
        for bank, count in ((first.algorithm, 10), (first.algorithm, 8), ("sha1", 8))
        if bank in registers
    ]
    if not candidates:
        return Aggregate.UNKNOWN
    return Aggregate.MATCH if first.digest in candidates else Aggregate.MISMATCH


def _over(registers: Mapping[int, bytes], count: int, algorithm: str) -> bytes:
    size = len(registers[0])
    values = b"".join(registers.get(number, bytes(size)) for number in range(count))
    return hashlib.new(algorithm, values, usedforsecurity=False).digest()
