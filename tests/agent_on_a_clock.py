"""An agent whose time a test moves: `python -m tests.agent_on_a_clock STATE SOCKET START ROOT` serves on a free port
like `trustconf serve`, with the machine's clock, or one that began at START, and what was added to it. START may be
empty, and so may ROOT, the folder that it takes for the machine. Whoever connects to the Unix socket and writes a
number of seconds moves the time on; the answer comes when everybody who waits has been told. What was added is gone
with the process.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from agent.clock import SystemClock
from agent.daemon import serve
from agent.host.contract import KernelName
from agent.host.rooted import RootedHost
from agent.settings import Settings


class MovedClock(SystemClock):
    """The machine's clock, and what was added to it."""

    def __init__(self, start: datetime | None = None) -> None:
        #: From the machine's time to that at the start.
        self._shift = timedelta() if start is None else start - super().now()
        self._added = timedelta()
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> datetime:
        return super().now() + self._shift + self._added

    def monotonic(self) -> float:
        return super().monotonic() + self._added.total_seconds()

    def on_jump(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def advance(self, seconds: float) -> None:
        self._added += timedelta(seconds=seconds)
        for listener in self._listeners:
            listener()


def obey(server: socket.socket, clock: MovedClock) -> None:
    while True:
        connection, _ = server.accept()
        with connection:
            clock.advance(float(connection.makefile("r").readline()))
            connection.sendall(b"done\n")


def main() -> int:
    state, path = Path(sys.argv[1]), sys.argv[2]
    start, root = sys.argv[3:]
    clock = MovedClock(datetime.fromisoformat(start) if start else None)
    host = RootedHost(Path(root), kernel=KernelName(*os.uname())) if root else None
    server = socket.socket(socket.AF_UNIX)
    Path(path).unlink(missing_ok=True)
    server.bind(path)
    server.listen()
    threading.Thread(target=obey, args=(server, clock), daemon=True).start()
    return serve(state, Settings(port=0), clock, host)


if __name__ == "__main__":
    sys.exit(main())
