"""One look at a log: what is kept of it is compared, and what is new is added."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from agent.clock import Clock
from agent.host.contract import Host
from agent.integrity.ima import blocks
from agent.integrity.ima.block_builder import BlockBuilder
from agent.integrity.ima.blocks import Block, BlockStore, Index
from agent.integrity.ima.event import ImaEvent, ImaLogError
from agent.integrity.ima.feed import Feed
from agent.integrity.ima.log_state import State
from agent.integrity.ima.position import Failure, FailureKind, LookStoppedError
from agent.integrity.ima.replay import Replay
from agent.integrity.ima.seen import SeenHashes
from agent.integrity.ima.source import MAX_LOG_BYTES, Boot, LogFile
from agent.integrity.ima.templates import TemplateError, measured_file

log = logging.getLogger(__name__)

#: Of looks that found new events; of more, every second one is forgotten.
MAX_SIGHTINGS: Final = 512
#: Failures of one look that are told one by one.
MAX_FAILURES: Final = 100
#: Events between two looks at whether to stop, and two reports of progress.
_PACE: Final = 500


class _LogChangedError(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind)
        self.failure = failure


class Inspection:
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

    def new_state(self, boot: Boot, file: LogFile) -> State:
        """Nothing is known of this log."""
        self._is_changed = True
        return State(boot, file, [], 0, 0, Replay(), SeenHashes(), True, [])

    def restored(self, boot: Boot, file: LogFile) -> State | None:
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
        return State(
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

    def run(self, state: State, *, whole: bool) -> State:
        """The state after the look."""
        try:
            self._read(state, whole)
        except _LogChangedError as changed:
            self._fail(changed.failure)
            state = self.new_state(state.boot, state.file)
            self._read(state, False)
        self._write(state)
        return state

    def _read(self, state: State, whole: bool) -> None:
        known = len(state.blocks)
        first = 0 if whole else max(known - 1, 0)
        feed = feed_from(self._host, state.file, state.blocks[first].offset if state.blocks else 0)
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

    def _again(self, state: State, at: int, content: bytes) -> None:
        """A block that was read before: what it has is remembered, and its file is mended if that is damaged."""
        block = state.blocks[at]
        if not state.is_complete:
            for event in state.file.events([content], before=block.first - 1, offset=block.offset):
                _is_duplicate(state, event)
        if block.stored_bytes and blocks.read_block(self._store, block) is None:
            log.warning("block %s of the IMA cache is damaged and is written again", block.name)
            self.corrupt.append((block.first, block.last))
            state.blocks[at] = replace(block, stored_bytes=blocks.write_block(self._store, block.name, content))

    def _read_on(self, state: State, feed: Feed, last: bytes) -> None:
        """Add what is new. `last`: the bytes of the last block."""
        builder = BlockBuilder(state, self._clock.now(), last)
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

    def _keep(self, state: State, builder: BlockBuilder) -> None:
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

    def _write(self, state: State) -> None:
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


def _is_duplicate(state: State, event: ImaEvent) -> bool:
    # All violations have the same template hash.
    return not event.is_violation and state.seen.add(event.template_hash)


def _described(event: ImaEvent) -> Failure:
    try:
        file = measured_file(event)
    except TemplateError:
        return Failure(FailureKind.TEMPLATE_HASH, event.number)
    return Failure(FailureKind.TEMPLATE_HASH, event.number, file.name, file.digest)


def feed_from(host: Host, file: LogFile, offset: int) -> Feed:
    return Feed(host.read_chunks(file.path, offset=offset, max_bytes=MAX_LOG_BYTES), offset)
