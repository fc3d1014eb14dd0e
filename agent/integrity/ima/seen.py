"""Which template hashes came before: exact, in 8 bytes each, for logs of a million events."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import chain
from typing import Final

#: New ones are in a set until there are so many.
_RECENT: Final = 32768


class SeenHashes:
    """A growing set of digests. Their first 8 bytes stand for them."""

    def __init__(self) -> None:
        self._recent: set[int] = set()
        #: Sorted, each at least twice as long as the next one.
        self._runs: list[array[int]] = []

    def add(self, digest: bytes) -> bool:
        """Add a digest; whether it was there before."""
        value = int.from_bytes(digest[:8], "little")
        if value in self._recent:
            return True
        for run in self._runs:
            at = bisect_left(run, value)
            if at < len(run) and run[at] == value:
                return True
        self._recent.add(value)
        if len(self._recent) >= _RECENT:
            self._keep()
        return False

    def _keep(self) -> None:
        merged = array("Q", sorted(self._recent))
        self._recent = set()
        while self._runs and len(self._runs[-1]) < 2 * len(merged):
            merged = array("Q", sorted(chain(self._runs.pop(), merged)))
        self._runs.append(merged)
