"""How scripts/bench measures and prints: a table of rows, timed actions, and a session without transport."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from agent.caller import Caller
from agent.core import Core
from agent.netconf.session import Session
from scripts.bench_client import HELLO


class Table:
    """Prints rows as they come."""

    def __init__(self) -> None:
        self._print("", "median", "p99")

    def times(self, name: str, seconds: list[float]) -> None:
        ordered = sorted(seconds)
        p99 = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
        self._print(name, f"{statistics.median(ordered) * 1000:.2f}", f"{p99 * 1000:.2f}")

    def value(self, name: str, value: float, unit: str) -> None:
        self._print(f"{name}, {unit}", f"{value:,.0f}" if value >= 100 else f"{value:.1f}", "")

    def _print(self, name: str, median: str, p99: str) -> None:
        print(f"{name:<72}{median:>10}{p99:>10}", flush=True)


def timed(repeat: int, action: Callable[[int], object], clock: Callable[[], float] = time.perf_counter) -> list[float]:
    seconds = []
    for number in range(repeat):
        begin = clock()
        action(number)
        seconds.append(clock() - begin)
    return seconds


class InProcess:
    """A session of an agent in this process, without any transport: what is left is the engine."""

    def __init__(self, core: Core) -> None:
        self._replies: list[bytes] = []
        caller = Caller("bench", groups=("administrators",))
        self._session: Session = core.server.open_session(caller, self._replies.append, lambda: None)
        self._session.receive(HELLO)

    def ask(self, request: bytes) -> bytes:
        self._replies.clear()
        self._session.receive(request)
        (reply,) = self._replies
        if b"<rpc-error>" in reply:
            raise RuntimeError(reply.decode())
        return reply
