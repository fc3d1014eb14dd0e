"""One NETCONF session on one byte stream: the thread that reads, and the time limits of RFC 6242 sessions.

The thread reads, gives the bytes to the protocol core, and writes what the core answers: requests of a session are done
in order, and a client that doesn't read its answers stops being read. Everything ends here: however the stream or the
session ends, the core is told, the limits are cancelled and the stream is closed, once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

from agent.caller import Caller
from agent.clock import Clock
from agent.deadlines import Deadline, Deadlines
from agent.transport.limits import TransportLimits
from agent.transport.outbound import Outbound
from agent.transport.services import NetconfSession, SessionFactory
from agent.transport.streams import ByteStream

log = logging.getLogger(__name__)

READ_BYTES = 64 * 1024


class NetconfChannel:
    """Runs a session. `start` returns at once; `on_end` is called when all is over, from the session's thread."""

    def __init__(
        self,
        stream: ByteStream,
        caller: Caller,
        sessions: SessionFactory,
        *,
        limits: TransportLimits,
        deadlines: Deadlines,
        clock: Clock,
        on_end: Callable[[NetconfChannel], None],
    ) -> None:
        self._stream = stream
        self._caller = caller
        self._sessions = sessions
        self._limits = limits
        self._deadlines = deadlines
        self._clock = clock
        self._on_end = on_end
        self._outbound = Outbound(stream, clock)
        self._session: NetconfSession | None = None
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._timers: list[Deadline] = []
        self._ended = False
        self._last_read_at = clock.monotonic()
        self._thread = threading.Thread(target=self.run, name="netconf-session", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def run(self) -> None:
        """The session from its <hello> to its end, on the calling thread."""
        self._thread = threading.current_thread()
        try:
            self._session = self._sessions.open_session(
                self._caller, self._send, self.close, peer_gone=self._stream.is_gone
            )
            self._after(self._limits.hello_timeout, self._check_hello)
            if self._limits.idle_timeout:
                self._after(self._limits.idle_timeout, self._check_idle)
            self._serve(self._session)
        except (OSError, EOFError) as error:
            log.info("NETCONF session of %s: connection lost (%s)", self._caller.user, type(error).__name__)
        except Exception:
            log.exception("NETCONF session of %s ended by an error of the agent", self._caller.user)
        finally:
            self._end()

    def close(self) -> None:
        """End the session after what was sent before. Any thread, never blocks."""
        self._closing.set()
        if threading.current_thread() is not self._thread:
            self._stream.interrupt()
            self._after(self._limits.close_grace, self._stream.abort)

    def _serve(self, session: NetconfSession) -> None:
        self._outbound.flush()
        while not self._closing.is_set() and not session.closed:
            try:
                data = self._stream.recv(READ_BYTES)
            except TimeoutError:
                continue
            if not data:
                return
            self._last_read_at = self._clock.monotonic()
            session.receive(data)
            self._outbound.flush()

    def _send(self, data: bytes | Iterator[bytes]) -> None:
        # What the session's own thread sends is a reply, or a notification that may go with it.
        if not isinstance(data, bytes):
            self._outbound.reply_pieces(data)
        elif threading.current_thread() is self._thread:
            self._outbound.reply(data)
        else:
            self._outbound.notify(data)

    def _check_hello(self) -> None:
        if self._session is not None and not self._session.established:
            log.info("NETCONF session of %s ended: no hello in time", self._caller.user)
            self.close()

    def _check_idle(self) -> None:
        if self._session is None:
            return
        quiet = self._clock.monotonic() - max(self._last_read_at, self._outbound.last_write_at)
        if self._session.has_subscription:
            self._after(self._limits.idle_timeout, self._check_idle)
        elif quiet < self._limits.idle_timeout:
            self._after(self._limits.idle_timeout - quiet, self._check_idle)
        else:
            log.info("NETCONF session of %s ended: idle", self._caller.user)
            self.close()

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        with self._lock:
            if self._ended:
                return
            self._timers = [timer for timer in self._timers if timer.pending]
            self._timers.append(self._deadlines.after(seconds, action))

    def _end(self) -> None:
        # A client that takes nothing could hold up the polite end as well: this one can be cut.
        self._after(self._limits.close_grace, self._stream.abort)
        self._outbound.close()
        try:
            if self._session is not None:
                self._session.connection_lost()
        except Exception:
            log.exception("the end of a NETCONF session failed")
        self._stream.close()
        with self._lock:
            self._ended = True
            for timer in self._timers:
                timer.cancel()
            self._timers.clear()
        self._session = None
        self._on_end(self)
