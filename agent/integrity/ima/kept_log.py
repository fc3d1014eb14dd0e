"""The log of this boot, read piece by piece as it grows.

What was read is kept as blocks (blocks.py). A look at the log reads the last block again and goes on from there; a look
at all of it compares every block with the log. Within one boot a log only grows: one that is shorter than before, or
that has other bytes where it had some, has been tampered with. It is then read anew from the start.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from datetime import datetime

from agent.clock import Clock
from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.errors import unavailable
from agent.integrity.ima import blocks
from agent.integrity.ima.blocks import MAX_BLOCK_BYTES, Block, BlockStore
from agent.integrity.ima.event import ImaEvent
from agent.integrity.ima.feed import Feed
from agent.integrity.ima.log_state import State
from agent.integrity.ima.looking import Inspection, feed_from
from agent.integrity.ima.position import Look, Position
from agent.integrity.ima.replay import Replay
from agent.integrity.ima.source import damaged, find_log, read_boot


class KeptLog:
    """The IMA log of one host. Any thread may call it; one looks at a time."""

    def __init__(self, host: Host, clock: Clock, store: BlockStore) -> None:
        self._host = host
        self._clock = clock
        self._store = store
        self._lock = threading.Lock()
        self._state: State | None = None
        self._sightings: tuple[tuple[datetime, int], ...] = ()
        #: Events that the look under way has read.
        self.progress = 0

    def look(self, *, whole: bool = False, is_stopped: Callable[[], bool] = lambda: False) -> Look:
        """Read what is new; with `whole`, compare also what was read before. Raises SourceUnavailableError,
        LookStoppedError."""
        with self._lock:
            file, boot = find_log(self._host), read_boot(self._host)
            look = Inspection(self._host, self._clock, self._store, is_stopped, self._report)
            self._report(0)
            # A look that does not come to its end leaves nothing in memory: the next one begins with what is kept.
            state, self._state = self._state, None
            if state is None:
                state = look.restored(boot, file)
            if state is None or state.boot.id != boot.id or state.file != file:
                state = look.new_state(boot, file)
            try:
                state = look.run(state, whole=whole or not state.is_complete)
            except HostError as error:
                raise unavailable(error) from None
            self._state = state
            self._sightings = tuple(state.sightings)
            return Look(_position(state), look.blocks_read, look.new_events, tuple(look.failures), tuple(look.corrupt))

    def events(self, position: Position, after: int = 0, until: int | None = None) -> Iterator[ImaEvent]:
        """The events of a position with numbers from `after` + 1 to `until`. Raises SourceUnavailableError."""
        last = position.events if until is None else min(until, position.events)
        feed: Feed | None = None
        for block in position.blocks:
            if block.last <= after:
                continue
            if block.first > last:
                return
            content = blocks.read_block(self._store, block)
            if content is None:
                if feed is None or feed.position != block.offset:
                    feed = feed_from(self._host, position.file, block.offset)
                content = _taken(feed, block)
            for event in position.file.events([content], before=block.first - 1, offset=block.offset):
                if after < event.number <= last:
                    yield event

    def registers_before(self, position: Position, event: int) -> dict[str, bytes]:
        """The register of IMA before the event of that number, by bank. Raises SourceUnavailableError."""
        block = next((each for each in position.blocks if each.first <= event <= each.last), None)
        if block is None:
            return position.replay
        replay = Replay(block.registers)
        for before in self.events(position, block.first - 1, event - 1):
            replay.extend(before)
        return replay.ima

    def events_seen_until(self, time: datetime) -> int:
        """How many events the agent had seen at that time: all later ones are newer."""
        return max((events for seen, events in self._sightings if seen <= time), default=0)

    def _report(self, events: int) -> None:
        self.progress = events


def _position(state: State) -> Position:
    return Position(
        state.boot,
        state.file,
        state.events,
        tuple(state.blocks),
        state.violations,
        state.mismatches,
        state.replay.registers,
        state.problem,
    )


def _taken(feed: Feed, block: Block) -> bytes:
    """A block's bytes from the log itself."""
    try:
        content = feed.take(min(block.size, MAX_BLOCK_BYTES))
    except HostError as error:
        raise unavailable(error) from None
    if hashlib.sha256(content).digest() != block.digest:
        raise damaged("the IMA log has changed while it was read")
    return content
