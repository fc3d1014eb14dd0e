"""What is kept in memory of the log of a boot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agent.integrity.ima.blocks import Block
from agent.integrity.ima.replay import Replay
from agent.integrity.ima.seen import SeenHashes
from agent.integrity.ima.source import Boot, LogFile


@dataclass(slots=True)
class State:
    """What is known of the log of a boot."""

    boot: Boot
    file: LogFile
    blocks: list[Block]
    violations: int
    mismatches: int
    replay: Replay
    seen: SeenHashes
    #: False while `seen` lacks what was read before a restart.
    is_complete: bool
    sightings: list[tuple[datetime, int]]
    problem: str = ""
    #: The event that could not be read.
    damaged: int = 0

    @property
    def events(self) -> int:
        return self.blocks[-1].last if self.blocks else 0
