"""The log of this boot, read piece by piece as it grows.

What was read is kept as blocks (blocks.py). A look at the log reads the last block again and goes on from there; a look
at all of it compares every block with the log. Within one boot a log only grows: one that is shorter than before, or
that has other bytes where it had some, has been tampered with. It is then read anew from the start.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from agent.clock import Clock
from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.errors import unavailable
from agent.integrity.ima import blocks
from agent.integrity.ima.blocks import MAX_BLOCK_BYTES, Block, BlockStore, Index
from agent.integrity.ima.event import ImaEvent, ImaLogError
from agent.integrity.ima.feed import Feed
from agent.integrity.ima.replay import Registers, Replay
from agent.integrity.ima.seen import SeenHashes
from agent.integrity.ima.source import MAX_LOG_BYTES, Boot, LogFile, damaged, find_log, read_boot
from agent.integrity.ima.templates import TemplateError, measured_file

log = logging.getLogger(__name__)

#: Of looks that found new events; of more, every second one is forgotten.
MAX_SIGHTINGS: Final = 512
#: Failures of one look that are told one by one.
MAX_FAILURES: Final = 100
#: Events between two looks at whether to stop, and two reports of progress.
_PACE: Final = 500


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


class _LogChangedError(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind)
        self.failure = failure


@dataclass(slots=True)
class _State:
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


class KeptLog:
    """The IMA log of one host. Any thread may call it; one looks at a time."""

    def __init__(self, host: Host, clock: Clock, store: BlockStore) -> None:
        self._host = host
        self._clock = clock
        self._store = store
        self._lock = threading.Lock()
        self._state: _State | None = None
        self._sightings: tuple[tuple[datetime, int], ...] = ()
        #: Events that the look under way has read.
        self.progress = 0

    def look(self, *, whole: bool = False, is_stopped: Callable[[], bool] = lambda: False) -> Look:
        """Read what is new; with `whole`, compare also what was read before. Raises SourceUnavailableError,
        LookStoppedError."""
        with self._lock:
            file, boot = find_log(self._host), read_boot(self._host)
            look = _Look(self._host, self._clock, self._store, is_stopped, self._report)
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
                    feed = _feed(self._host, position.file, block.offset)
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


class _Look:
    """One look at the log."""

    def __init__(
        self,
        host: Host,
        clock: Clock,
        store: BlockStore,
        is_stopped: Callable[[], bool],
        report: Callable[[int], None],
    ) -> None:
        self._host = host
        self._clock = clock
        self._store = store
        self._is_stopped = is_stopped
        self._report = report
        self.blocks_read = 0
        self.new_events = 0
        self.failures: list[Failure] = []
        self.corrupt: list[tuple[int, int]] = []
        self._is_changed = False

    def new_state(self, boot: Boot, file: LogFile) -> _State:
        """Nothing is known of this log."""
        self._is_changed = True
        return _State(boot, file, [], 0, 0, Replay(), SeenHashes(), True, [])

    def restored(self, boot: Boot, file: LogFile) -> _State | None:
        """What was written down of this log before the agent was restarted."""
        try:
            index = blocks.read_index(self._store)
        except ValueError as error:
            log.warning("the index of the IMA cache is damaged (%s) and is made anew", error)
            self.corrupt.append((0, 0))
            return None
        if index is None or index.boot_id != boot.id:
            return None
        if LogFile(index.path, index.form, index.bank) != file:
            return None
        # The start as it was first known: the kernel derives it from its clock, which may have been set since.
        return _State(
            Boot(index.boot_id, index.start),
            file,
            list(index.blocks),
            index.violations,
            index.mismatches,
            Replay(index.registers),
            SeenHashes(),
            not index.blocks,
            list(index.sightings),
        )

    def run(self, state: _State, *, whole: bool) -> _State:
        """The state after the look."""
        try:
            self._read(state, whole)
        except _LogChangedError as changed:
            self._fail(changed.failure)
            state = self.new_state(state.boot, state.file)
            self._read(state, False)
        self._write(state)
        return state

    def _read(self, state: _State, whole: bool) -> None:
        known = len(state.blocks)
        first = 0 if whole else max(known - 1, 0)
        feed = _feed(self._host, state.file, state.blocks[first].offset if state.blocks else 0)
        content = b""
        for at in range(first, known):
            block = state.blocks[at]
            content = feed.take(block.size)
            self._compare(block, content)
            self.blocks_read += 1
            if whole:
                self._again(state, at, content)
        state.is_complete = True
        self._read_on(state, feed, content)

    def _compare(self, block: Block, content: bytes) -> None:
        self._pause(block.last)
        if len(content) < block.size:
            raise _LogChangedError(Failure(FailureKind.SHRANK, block.first))
        if hashlib.sha256(content).digest() != block.digest:
            raise _LogChangedError(Failure(FailureKind.CHANGED, block.first))

    def _again(self, state: _State, at: int, content: bytes) -> None:
        """A block that was read before: what it has is remembered, and its file is mended if that is damaged."""
        block = state.blocks[at]
        if not state.is_complete:
            for event in state.file.events([content], before=block.first - 1, offset=block.offset):
                _is_duplicate(state, event)
        if block.stored_bytes and blocks.read_block(self._store, block) is None:
            log.warning("block %s of the IMA cache is damaged and is written again", block.name)
            self.corrupt.append((block.first, block.last))
            state.blocks[at] = replace(block, stored_bytes=blocks.write_block(self._store, block.name, content))

    def _read_on(self, state: _State, feed: Feed, last: bytes) -> None:
        """Add what is new. `last`: the bytes of the last block."""
        builder = _Builder(state, self._clock.now(), last)
        events = state.file.events(builder.tee(feed.rest()), before=state.events, offset=feed.position)
        known_damage, state.damaged, state.problem = state.damaged, 0, ""
        while True:
            try:
                event = next(events, None)
            except ImaLogError as error:
                if known_damage != error.number:
                    self._fail(Failure(FailureKind.DAMAGED, error.number))
                state.damaged, state.problem = error.number, error.message
                break
            if event is None:
                break
            if not state.replay.extend(event):
                state.mismatches += 1
                self._fail(_described(event))
            state.violations += event.is_violation
            builder.add(event, is_duplicate=_is_duplicate(state, event))
            self.new_events += 1
            if event.number % _PACE == 0:
                self._pause(event.number)
            if builder.is_full:
                self._keep(state, builder)
        self._keep(state, builder)
        if self.new_events:
            state.sightings.append((self._clock.now(), state.events))
            if len(state.sightings) > MAX_SIGHTINGS:
                del state.sightings[1::2]

    def _keep(self, state: _State, builder: _Builder) -> None:
        made = builder.finish()
        if made is None:
            return
        block, content, is_new = made
        block = replace(block, stored_bytes=blocks.write_block(self._store, block.name, content))
        self.blocks_read += 1
        if is_new:
            state.blocks.append(block)
        else:
            state.blocks[-1] = block

    def _write(self, state: _State) -> None:
        total = 0
        for at in range(len(state.blocks) - 1, -1, -1):
            total += state.blocks[at].stored_bytes
            if total > blocks.MAX_CACHE_BYTES and state.blocks[at].stored_bytes:
                state.blocks[at] = replace(state.blocks[at], stored_bytes=0)
        if not (self._is_changed or self.new_events or self.corrupt):
            return
        blocks.write_index(
            self._store,
            Index(
                state.boot.id,
                state.boot.start,
                state.file.path,
                state.file.form,
                state.file.bank,
                tuple(state.blocks),
                state.violations,
                state.mismatches,
                state.replay.registers,
                tuple(state.sightings),
            ),
        )
        self._store.keep_only({blocks.INDEX, *(block.name for block in state.blocks if block.stored_bytes)})

    def _fail(self, failure: Failure) -> None:
        log.warning("integrity failure of the IMA log: %s at event %d", failure.kind, failure.event)
        if len(self.failures) < MAX_FAILURES:
            self.failures.append(failure)

    def _pause(self, event: int) -> None:
        self._report(event)
        if self._is_stopped():
            raise LookStoppedError


class _Builder:
    """Puts new events into blocks, the last one of which may have some already."""

    def __init__(self, state: _State, now: datetime, last: bytes) -> None:
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


def _position(state: _State) -> Position:
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


def _is_duplicate(state: _State, event: ImaEvent) -> bool:
    # All violations have the same template hash.
    return not event.is_violation and state.seen.add(event.template_hash)


def _described(event: ImaEvent) -> Failure:
    try:
        file = measured_file(event)
    except TemplateError:
        return Failure(FailureKind.TEMPLATE_HASH, event.number)
    return Failure(FailureKind.TEMPLATE_HASH, event.number, file.name, file.digest)


def _feed(host: Host, file: LogFile, offset: int) -> Feed:
    return Feed(host.read_chunks(file.path, offset=offset, max_bytes=MAX_LOG_BYTES), offset)


def _taken(feed: Feed, block: Block) -> bytes:
    """A block's bytes from the log itself."""
    try:
        content = feed.take(min(block.size, MAX_BLOCK_BYTES))
    except HostError as error:
        raise unavailable(error) from None
    if hashlib.sha256(content).digest() != block.digest:
        raise damaged("the IMA log has changed while it was read")
    return content
