"""The writing side of a NETCONF session: replies by its own thread, notifications by anybody, never mixed.

- Replies to what one read brought are joined into one write, up to `JOIN_BYTES` and `JOIN_SECONDS`.
- A notification never waits for the client: it is queued, and a pump thread of this session writes it. The pump starts
  with the first notification. Who queues more than the limits allow is cut off: events are not dropped in silence.
- A notification that was sent after a reply is written after it (the reply to create-subscription comes first).
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from agent.clock import Clock
from agent.transport.limits import TransportLimits
from agent.transport.streams import ByteStream

log = logging.getLogger(__name__)

JOIN_BYTES = 64 * 1024
JOIN_SECONDS = 0.005


class Outbound:
    """Writes whole messages to `stream`. `on_failure` is called, from any thread, when it can't go on."""

    def __init__(
        self, stream: ByteStream, limits: TransportLimits, clock: Clock, on_failure: Callable[[str], None]
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._clock = clock
        self._on_failure = on_failure
        self._writing = threading.Lock()  # held for one write of whole messages; taken before _state
        self._state = threading.Condition()
        self._replies: list[bytes] = []
        self._reply_bytes = 0
        self._first_reply_at = 0.0
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._pump: threading.Thread | None = None
        self._closed = False
        self.last_write_at = clock.monotonic()

    def reply(self, data: bytes) -> None:
        """Send a reply, at the latest at the next `flush`. Only by the session's own thread; raises OSError."""
        now = self._clock.monotonic()
        with self._state:
            if not self._replies:
                self._first_reply_at = now
            self._replies.append(data)
            self._reply_bytes += len(data)
            full = self._reply_bytes >= JOIN_BYTES or now - self._first_reply_at >= JOIN_SECONDS
        if full:
            self.flush()

    def flush(self) -> None:
        """Write the replies that wait. Only by the session's own thread; raises OSError."""
        if not self._replies:
            return
        with self._writing:
            with self._state:
                data = b"".join(self._replies)
                self._replies.clear()
                self._reply_bytes = 0
                self._state.notify_all()
            self._stream.sendall(data)
            self.last_write_at = self._clock.monotonic()

    def notify(self, data: bytes) -> None:
        """Queue a message that nobody waits for. By any thread; never blocks, never raises."""
        with self._state:
            if self._closed:
                return
            self._queue.append(data)
            self._queued_bytes += len(data)
            overflow = (
                len(self._queue) > self._limits.max_queued_notifications
                or self._queued_bytes > self._limits.max_queued_bytes
            )
            if overflow:
                self._close_locked()
            elif self._pump is None:
                self._pump = threading.Thread(target=self._run_pump, name="netconf-notifications", daemon=True)
                self._pump.start()
            else:
                self._state.notify_all()
        if overflow:
            self._on_failure("the subscriber doesn't take its notifications")

    def close(self) -> None:
        """Forget what waits and end the pump, which may still be in a write until the stream ends."""
        with self._state:
            self._close_locked()

    def join(self, timeout: float) -> None:
        """Wait for the pump's end."""
        if self._pump is not None and self._pump is not threading.current_thread():
            self._pump.join(timeout)

    def _close_locked(self) -> None:
        self._closed = True
        self._queue.clear()
        self._queued_bytes = 0
        self._state.notify_all()

    def _run_pump(self) -> None:
        while True:
            with self._state:
                while not self._closed and (self._replies or not self._queue):
                    self._state.wait()
                if self._closed:
                    return
            try:
                with self._writing:
                    data = self._take_notifications()
                    if data:
                        self._stream.sendall(data)
                        self.last_write_at = self._clock.monotonic()
            except (OSError, EOFError):
                if not self._closed:
                    self.close()
                    self._on_failure("the client doesn't take its notifications, or is gone")
                return

    def _take_notifications(self) -> bytes:
        """Some of the queue, joined; nothing while a reply is to be written before. With `_writing` held."""
        with self._state:
            if self._replies:
                return b""
            taken: list[bytes] = []
            size = 0
            while self._queue and size < JOIN_BYTES:
                message = self._queue.popleft()
                taken.append(message)
                size += len(message)
            self._queued_bytes -= size
            return b"".join(taken)
