"""New events become blocks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

from agent.integrity.ima import blocks
from agent.integrity.ima.blocks import Block
from agent.integrity.ima.event import ImaEvent
from agent.integrity.ima.log_state import State


class BlockBuilder:
    """Puts new events into blocks, the last one of which may have some already."""

    def __init__(self, state: State, now: datetime, last: bytes) -> None:
        self._state = state
        self._now = now
        self._raw = bytearray()
        self._last: Block | None = None
        if state.blocks and not state.blocks[-1].is_full:
            self._last = state.blocks[-1]
            self._raw += last
        self._begin(state.blocks[-1].end if state.blocks else 0)

    def _begin(self, offset: int) -> None:
        last = self._last
        self._offset = last.offset if last else offset
        self._end = offset
        self._first = last.first if last else self._state.events + 1
        self._number = last.last if last else self._state.events
        self._duplicates = last.duplicates if last else 0
        self._registers = last.registers if last else self._state.replay.registers
        self._created = last.created if last else self._now
        self._added = 0

    def tee(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """`chunks`, which are kept."""
        for chunk in chunks:
            self._raw += chunk
            yield chunk

    def add(self, event: ImaEvent, *, is_duplicate: bool) -> None:
        self._number = event.number
        self._end = event.end
        self._duplicates += is_duplicate
        self._added += 1

    @property
    def is_full(self) -> bool:
        return self._number - self._first + 1 >= blocks.BLOCK_EVENTS or self._end - self._offset >= blocks.BLOCK_BYTES

    def finish(self) -> tuple[Block, bytes, bool] | None:
        """The block so far, its bytes, and whether it is another one than the last; None if nothing was added."""
        if not self._added:
            return None
        size = self._end - self._offset
        content = bytes(self._raw[:size])
        block = Block(
            self._first,
            self._number,
            self._offset,
            size,
            hashlib.sha256(content).digest(),
            self._duplicates,
            self._created,
            self._now,
            self._registers,
        )
        is_new = self._last is None
        del self._raw[:size]
        self._last = None
        self._state_after(block)
        return block, content, is_new

    def _state_after(self, block: Block) -> None:
        self._offset = self._end = block.end
        self._first, self._number = block.last + 1, block.last
        self._duplicates = self._added = 0
        self._registers = self._state.replay.registers
        self._created = self._now
