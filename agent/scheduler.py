"""Work that nobody waits for: coroutines in an event loop of their own, at once or at a moment.

Two threads: one runs the loop, the other waits for the next moment by the agent's clock (deadlines.py). What blocks
(storage, making keys) belongs into `in_thread`; everything else may run in the loop, which must never be held for
longer than some milliseconds. Nothing here survives a restart: whoever plans something for a moment keeps it in
storage too, and plans it again at start.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final, ParamSpec, TypeVar

from agent.clock import Clock
from agent.deadlines import Deadline, Deadlines

log = logging.getLogger(__name__)

#: Threads for what blocks. More would only wait for the one writer of the storage.
BLOCKING_THREADS: Final = 4
#: Seconds that work under way gets to clean up when the agent stops.
STOP_LIMIT: Final = 1.0

P = ParamSpec("P")
T = TypeVar("T")


class Scheduler:
    """Runs coroutines. Any thread may call it; before `start`, work is kept until then."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._deadlines = Deadlines(clock, "scheduler-deadlines")
        self._loop = asyncio.new_event_loop()
        self._pool = ThreadPoolExecutor(BLOCKING_THREADS, "scheduler-blocking")
        self._thread = threading.Thread(target=self._loop.run_forever, name="scheduler", daemon=True)
        self._lock = threading.Lock()
        self._planned: dict[str, Deadline] = {}
        self._running: set[Future[Any]] = set()
        self._stopped = False

    def start(self) -> None:
        self._thread.start()
        self._deadlines.start()

    def stop(self) -> None:
        """Forget what is planned, cancel what runs, and end the threads."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        self._deadlines.stop()
        for future in running:
            future.cancel()
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(_settled(), self._loop).result(STOP_LIMIT + 0.5)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_LIMIT)
        self._pool.shutdown(wait=False, cancel_futures=True)
        if not self._thread.is_alive():
            self._loop.close()

    def run(self, work: Callable[[], Awaitable[T]]) -> Future[T]:
        """Have `work` run at once; its result, or its exception, is the future's. Raises RuntimeError after `stop`."""
        with self._lock:
            if self._stopped:
                raise RuntimeError("the scheduler has stopped")
            future = asyncio.run_coroutine_threadsafe(_awaited(work), self._loop)
            self._running.add(future)
        future.add_done_callback(self._forget)
        return future

    def at(self, key: str, moment: datetime, work: Callable[[], Awaitable[None]]) -> None:
        """Have `work` run at `moment`, at once if that is past. It takes the place of what was planned under `key`."""
        seconds = max(0.0, (moment - self._clock.now()).total_seconds())
        with self._lock:
            if self._stopped:
                return
            self._cancel(key)
            self._planned[key] = self._deadlines.after(seconds, lambda: self._begin(key, work))

    def cancel(self, key: str) -> None:
        """Forget what is planned under `key`; what runs already goes on."""
        with self._lock:
            self._cancel(key)

    async def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of a function that blocks, called in another thread; for coroutines of `run` and `at`."""
        return await self._loop.run_in_executor(self._pool, lambda: function(*args, **kwargs))

    def _cancel(self, key: str) -> None:
        planned = self._planned.pop(key, None)
        if planned is not None:
            planned.cancel()

    def _begin(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        with self._lock:
            self._planned.pop(key, None)
            if self._stopped:
                return
        self.run(work).add_done_callback(lambda future: _log_failure(key, future))

    def _forget(self, future: Future[Any]) -> None:
        with self._lock:
            self._running.discard(future)


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


async def _settled() -> None:
    """Until all other tasks have ended, or the time for that is over."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=STOP_LIMIT)


def _log_failure(key: str, future: Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        log.error("scheduled work %r failed", key, exc_info=error)
