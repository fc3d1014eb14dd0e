"""What is known of a log up to some event, and what a look at it has found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.integrity.ima.blocks import Block
from agent.integrity.ima.replay import Registers, Replay
from agent.integrity.ima.source import Boot, LogFile


class FailureKind(StrEnum):
    """What is wrong with a log."""

    TEMPLATE_HASH = "template-hash-mismatch"
    SHRANK = "log-shrank"
    CHANGED = "log-changed"
    DAMAGED = "log-damaged"


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that must not be.

    Attributes:
        event: the number of the event, or of the first one of the block, that it is about.
        name, digest: of what that event measured; b"" if it tells nothing.
    """

    kind: FailureKind
    event: int
    name: bytes = b""
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Position:
    """A log up to some event.

    Attributes:
        boot: the start of the kernel.
        file: the log.
        events: how many.
        blocks: those that they are kept in.
        violations, duplicates, mismatches: how many of them.
        registers: after them.
        problem: why the log could not be read on from there; "" if its end was reached.
    """

    boot: Boot
    file: LogFile
    events: int
    blocks: tuple[Block, ...]
    violations: int
    mismatches: int
    registers: Registers
    problem: str = ""

    @property
    def duplicates(self) -> int:
        return sum(block.duplicates for block in self.blocks)

    @property
    def replay(self) -> dict[str, bytes]:
        """The register of IMA after all events, by bank."""
        return Replay(self.registers).ima


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the log has found: where it ends, blocks that had to be read, and what is wrong."""

    position: Position
    blocks_read: int
    new_events: int
    failures: tuple[Failure, ...]
    #: (first, last) of blocks whose files were damaged; (0, 0) for the index.
    corrupt: tuple[tuple[int, int], ...]


class LookStoppedError(Exception):
    """`is_stopped` said so."""
