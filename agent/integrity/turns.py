"""One dossier at a time: whoever else wants one waits in line, and gives up their place when they have gone.

Collecting reads half the machine. So it is done in one thread, which is niced, while those who wait for it look every
now and then whether anybody still waits for them.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from agent.clock import Clock
from agent.integrity.dossier import CollectionStoppedError, SectionResult
from agent.integrity.niceness import be_nice

log = logging.getLogger(__name__)

#: Who waits beside the one whose dossier is being collected.
MAX_WAITING = 8
#: Seconds in line after which somebody is sent away.
WAITING_SECONDS = 120.0
#: Seconds between two looks at whether the client is still there.
_LOOK_SECONDS = 0.25

Abandoned = Callable[[], bool]
Result = TypeVar("Result")


class QueueFullError(Exception):
    """MAX_WAITING others wait already."""


class QueueTimeoutError(Exception):
    """The turn did not come within WAITING_SECONDS."""


@dataclass(slots=True)
class Turn:
    """A collection under way (dossier.Watch). Written by its thread, read by any.

    Attributes:
        user: for whom.
        started: when the turn came.
        section: what is being collected, None before the first section.
        size: bytes so far.
    """

    user: str
    started: datetime
    section: str | None = None
    size: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """End it soon."""
        self._stop.set()

    def begin(self, section: str) -> None:
        self.section = section
        self._check()

    def progress(self, size: int) -> None:
        self.size = size
        self._check()

    def end(self, result: SectionResult) -> None:
        log.info("dossier for %s: %s: %s, %d bytes", self.user, result.name, result.code.value, result.size)

    def _check(self) -> None:
        if self._stop.is_set():
            raise CollectionStoppedError


class Turns:
    """The line. Any thread may call it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._line: deque[object] = deque()
        self._current: Turn | None = None

    @property
    def current(self) -> Turn | None:
        return self._current

    @property
    def waiting(self) -> int:
        """How many wait in line."""
        return len(self._line)

    def run(
        self, user: str, abandoned: Abandoned, work: Callable[[Turn], Result], discard: Callable[[Result], None]
    ) -> Result:
        """What `work` gives, done in a thread of its own when the turn comes.

        `abandoned` tells whether the client has gone; `discard` gets the result that nobody waited for.

        Raises QueueFullError, QueueTimeoutError, CollectionStoppedError, and what `work` raises.
        """
        turn = self._wait_for_turn(user, abandoned)
        job = _Job(turn, work, discard, self._give_back)
        try:
            threading.Thread(target=job.run, name="dossier", daemon=True).start()
        except RuntimeError:
            self._give_back(turn)
            raise
        while not job.done.wait(_LOOK_SECONDS):
            if abandoned():
                log.info("the dossier for %s is stopped: nobody waits for it any more", user)
                job.abandon()
                raise CollectionStoppedError
        return job.result()

    def stop(self) -> None:
        """End the collection under way: the agent stops."""
        turn = self._current
        if turn is not None:
            turn.stop()

    def _wait_for_turn(self, user: str, abandoned: Abandoned) -> Turn:
        ticket = object()
        with self._changed:
            if len(self._line) >= MAX_WAITING:
                raise QueueFullError
            self._line.append(ticket)
            deadline = self._clock.monotonic() + WAITING_SECONDS
            try:
                while self._current is not None or self._line[0] is not ticket:
                    self._changed.wait(_LOOK_SECONDS)
                    if abandoned():
                        raise CollectionStoppedError
                    if self._clock.monotonic() >= deadline:
                        raise QueueTimeoutError
                self._current = Turn(user, self._clock.now())
                return self._current
            finally:
                self._line.remove(ticket)
                self._changed.notify_all()

    def _give_back(self, turn: Turn) -> None:
        with self._changed:
            if self._current is turn:
                self._current = None
                self._changed.notify_all()


class _Job(Generic[Result]):
    """One piece of work in its thread."""

    def __init__(
        self,
        turn: Turn,
        work: Callable[[Turn], Result],
        discard: Callable[[Result], None],
        give_back: Callable[[Turn], None],
    ) -> None:
        self.done = threading.Event()
        self._turn = turn
        self._work = work
        self._discard = discard
        self._give_back = give_back
        self._lock = threading.Lock()
        self._abandoned = False
        self._results: list[Result] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        be_nice()
        try:
            result = self._work(self._turn)
            with self._lock:
                abandoned = self._abandoned
                if not abandoned:
                    self._results.append(result)
            if abandoned:
                self._discard(result)
        except BaseException as error:  # told to whoever waits
            self._error = error
        finally:
            self._give_back(self._turn)
            self.done.set()

    def abandon(self) -> None:
        """Nobody waits any more."""
        self._turn.stop()
        with self._lock:
            self._abandoned = True
            results, self._results = self._results, []
        for result in results:
            self._discard(result)

    def result(self) -> Result:
        if self._error is not None:
            raise self._error
        return self._results[0]
