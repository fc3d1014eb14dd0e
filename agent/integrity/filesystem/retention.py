"""Which snapshots are kept.

Increments say nothing without the full snapshot before them. So snapshots come in generations, a full one and its
increments, and go by generations: the oldest one goes when there are too many snapshots or too many bytes, the newest
never does. A generation ends when it has half of what is allowed, and the next snapshot is a full one. What is left
begins with a full snapshot, whose previous digest is the anchor to what is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.integrity.filesystem.store import Snapshot


@dataclass(frozen=True, slots=True)
class Retention:
    """What may be kept: snapshots (2 at least) and bytes."""

    count: int
    size: int

    def wants_full(self, snapshots: Sequence[Snapshot]) -> bool:
        """Whether the next snapshot begins a generation. `snapshots`: those that there are, oldest first."""
        newest = _generations(snapshots)[-1:]
        if not newest:
            return True
        return len(newest[0]) >= self.count // 2 or sum(each.size for each in newest[0]) >= self.size // 2

    def first_kept(self, snapshots: Sequence[Snapshot]) -> int:
        """The number of the first snapshot that stays; 0 if there are none."""
        generations = _generations(snapshots)
        while len(generations) > 1 and self._is_too_much(generations):
            generations.pop(0)
        return generations[0][0].number if generations else 0

    def _is_too_much(self, generations: Sequence[Sequence[Snapshot]]) -> bool:
        count = sum(map(len, generations))
        return count > self.count or sum(each.size for part in generations for each in part) > self.size


def _generations(snapshots: Sequence[Snapshot]) -> list[list[Snapshot]]:
    generations: list[list[Snapshot]] = []
    for each in snapshots:
        if each.is_full or not generations:
            generations.append([])
        generations[-1].append(each)
    return generations
