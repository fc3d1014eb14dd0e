"""The values that a TPM's registers must have after a log: each event extends one of them, in every bank.

The kernel extends a bank with that bank's digest of an event's data, and with all ones for a violation. (Kernels before
5.8 extended all banks with the SHA-1 digest and zeros; their other banks can't be replayed so.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from agent.integrity.ima.event import DIGEST_SIZES, ImaEvent

#: The banks that are replayed.
BANKS: Final = ("sha1", "sha256", "sha384")
#: Where the kernel's measurements go, unless its policy says otherwise.
IMA_PCR: Final = 10

Registers = dict[int, dict[str, bytes]]


def hasher(algorithm: str) -> Callable[[bytes], Any]:
    """hashlib's constructor. Where SHA-1 is forbidden for security it says that it isn't for that, which takes time."""
    plain: Callable[..., Any] = getattr(hashlib, algorithm)
    try:
        plain(b"")
    except ValueError:
        return partial(plain, usedforsecurity=False)
    return plain


_HASHERS: Final = {algorithm: hasher(algorithm) for algorithm in DIGEST_SIZES}
_ROWS: Final = [(bank, _HASHERS[bank], b"\xff" * DIGEST_SIZES[bank]) for bank in BANKS]
_BY_SIZE: Final = {size: name for name, size in DIGEST_SIZES.items()}


def template_hash_algorithm(event: ImaEvent) -> str:
    """The algorithm of an event's template hash, which follows from its size."""
    return _BY_SIZE[len(event.template_hash)]


class Replay:
    """Registers while events are added. `registers`: how they begin, by number and bank; others begin with zeros."""

    def __init__(self, registers: Mapping[int, Mapping[str, bytes]] | None = None) -> None:
        self._registers: Registers = {pcr: dict(banks) for pcr, banks in (registers or {}).items()}

    def extend(self, event: ImaEvent) -> bool:
        """Add an event; whether its template hash is that of its data. That of a violation can't be judged."""
        banks = self._registers.get(event.pcr)
        if banks is None:
            banks = self._registers[event.pcr] = {bank: bytes(DIGEST_SIZES[bank]) for bank in BANKS}
        is_violation = event.is_violation
        recorded = event.template_hash
        data = event.data
        is_right = is_violation
        for bank, hash_of, ones in _ROWS:
            digest = ones if is_violation else hash_of(data).digest()
            banks[bank] = hash_of(banks[bank] + digest).digest()
            if digest == recorded:
                is_right = True
        if not is_right and len(recorded) == DIGEST_SIZES["sha512"]:
            return bool(_HASHERS["sha512"](data).digest() == recorded)
        return is_right

    @property
    def registers(self) -> Registers:
        """A copy of all values."""
        return {pcr: dict(banks) for pcr, banks in self._registers.items()}

    @property
    def ima(self) -> dict[str, bytes]:
        """The values of the register of IMA, by bank."""
        return dict(self._registers.get(IMA_PCR) or {bank: bytes(DIGEST_SIZES[bank]) for bank in BANKS})
