"""Time limits: one thread that runs short actions when their time has come.

Actions must not block (cutting a socket doesn't); one that raises is logged and disturbs nobody.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable

from agent.clock import Clock

log = logging.getLogger(__name__)


class Deadline:
    """An action that will run unless it is cancelled before."""

    __slots__ = ("_action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self._action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Forget the action and all that it refers to. Harmless when it has run already."""
        self._action = None

    @property
    def pending(self) -> bool:
        return self._action is not None

    def run(self) -> None:
        action, self._action = self._action, None
        if action is None:
            return
        try:
            action()
        except Exception:
            log.exception("the action of a time limit failed")


class Deadlines:
    """All pending time limits, in order of their time."""

    def __init__(self, clock: Clock, name: str = "deadlines") -> None:
        self._clock = clock
        self._name = name
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Deadline]] = []
        self._numbers = itertools.count()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def after(self, seconds: float, action: Callable[[], None]) -> Deadline:
        """Run `action` once, `seconds` from now."""
        deadline = Deadline(action)
        with self._changed:
            heapq.heappush(self._heap, (self._clock.monotonic() + seconds, next(self._numbers), deadline))
            if len(self._heap) > 64 and sum(entry[2].pending for entry in self._heap) * 2 < len(self._heap):
                # Most limits are cancelled long before their time: don't keep their shells.
                self._heap = [entry for entry in self._heap if entry[2].pending]
                heapq.heapify(self._heap)
            self._changed.notify()
        return deadline

    def run_due(self) -> None:
        """Run what is due now. The thread does it; a test with a ManualClock calls it itself."""
        while True:
            with self._changed:
                if not self._heap or self._heap[0][0] > self._clock.monotonic():
                    return
                deadline = heapq.heappop(self._heap)[2]
            deadline.run()

    def start(self) -> None:
        self._clock.on_jump(self._look_again)
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Forget all limits and end the thread."""
        with self._changed:
            self._stopped = True
            self._heap.clear()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _look_again(self) -> None:
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stopped:
                    return
                self._changed.wait(max(0.0, self._heap[0][0] - self._clock.monotonic()) if self._heap else None)
                if self._stopped:
                    return
            self.run_due()
