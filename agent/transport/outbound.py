"""The writing side of a NETCONF session: replies by its own thread, notifications by another, never mixed.

- Replies to what one read brought are joined into one write, up to `JOIN_BYTES` and `JOIN_SECONDS`.
- A notification that was sent after a reply is written after it (the reply to create-subscription comes first).
- Both wait while the client takes nothing, which holds up nobody but their own session: the core queues the events of
  each subscription (agent/netconf/subscriptions.py) and sends them from a thread that belongs to it alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from agent.clock import Clock
from agent.transport.streams import ByteStream

JOIN_BYTES = 64 * 1024
JOIN_SECONDS = 0.005


class Outbound:
    """Writes whole messages to `stream`. After a failed write, which may have cut a message, the stream is aborted."""

    def __init__(self, stream: ByteStream, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._writing = threading.Lock()  # held for one write of whole messages; taken before _state
        self._state = threading.Condition()
        self._replies: list[bytes] = []
        self._reply_bytes = 0
        self._first_reply_at = 0.0
        self._closed = False
        self.last_write_at = clock.monotonic()

    def reply(self, data: bytes) -> None:
        """Send a reply, at the latest at the next `flush`. Only by the session's own thread. Raises OSError."""
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
        """Write the replies that wait. Only by the session's own thread. Raises OSError."""
        if not self._replies:
            return
        with self._writing:
            with self._state:
                data = b"".join(self._replies)
                self._replies.clear()
                self._reply_bytes = 0
                self._state.notify_all()
            self._write(data)

    def reply_pieces(self, pieces: Iterator[bytes]) -> None:
        """Send one reply that is too large to be held, piece by piece, at the client's pace and with nothing between.
        Only by the session's own thread. Raises OSError, and what the pieces raise."""
        self.flush()
        with self._writing:
            try:
                for piece in pieces:
                    self._write(piece)
            except BaseException:
                # The message is cut: nothing that could follow would make sense.
                self._stream.abort()
                raise

    def notify(self, data: bytes) -> None:
        """Send a message that answers nothing, by any other thread. Raises OSError."""
        while True:
            with self._state:
                self._state.wait_for(lambda: self._closed or not self._replies)
            with self._writing:
                if self._replies and not self._closed:
                    continue  # a reply was made meanwhile: it goes first
                self._write(data)
                return

    def close(self) -> None:
        """Refuse all further writes. One that is under way ends with its stream."""
        with self._state:
            self._closed = True
            self._state.notify_all()

    def _write(self, data: bytes) -> None:
        if self._closed:
            raise BrokenPipeError("the session has ended")
        try:
            self._stream.sendall(data)
        except OSError:
            self._stream.abort()
            raise
        self.last_write_at = self._clock.monotonic()
