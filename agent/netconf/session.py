"""One NETCONF session: a state machine, bytes in, bytes out.

Rules:
- No I/O and no thread in here. Whoever owns the transport calls `receive` with what came, from one thread at a time;
  answers go out through `send`, one whole framed message a call, in the order of the requests.
- `close` may be called by any thread (another session's kill-session, a time limit). From then on nothing is answered.
- Whatever a client sends is answered or ends the session; no exception leaves `receive`.

A session is NEW until `start` has sent our hello, then it waits for the client's hello in framing 1.0; the two hellos
decide the framing of all that follows (RFC 6242 section 4.1). `TRANSITIONS` is the whole of it.
"""

from __future__ import annotations

import enum
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from lxml import etree

from agent.caller import Caller
from agent.netconf.capabilities import BASE_1_0, BASE_1_1
from agent.netconf.errors import Place, RequestError, RpcError, internal_error, translate
from agent.netconf.framing import (
    ChunkedDecoder,
    Decoder,
    EndOfMessageDecoder,
    FramingError,
    MessageTooBigError,
    chunked_pieces,
    encode_chunked,
    encode_end_of_message,
    end_of_message_pieces,
)
from agent.netconf.messages import (
    Envelope,
    HelloError,
    MalformedMessageError,
    Reply,
    error_reply,
    read_hello,
    read_rpc,
    write_hello,
)
from agent.netconf.operations import perform
from agent.netconf.operations.request import Request
from agent.netconf.statistics import SessionCounters

if TYPE_CHECKING:
    from agent.netconf.server import Server
    from agent.netconf.subscriptions import Subscription

log = logging.getLogger(__name__)

#: Writes one whole framed message: its bytes, or an iterator of its pieces.
Send = Callable[[bytes | Iterator[bytes]], None]


class State(enum.Enum):
    NEW = "new"
    AWAITING_HELLO = "awaiting hello"
    OPEN = "open"
    CLOSED = "closed"


class Event(enum.Enum):
    STARTED = "our hello is sent"
    HELLO_ACCEPTED = "the client's hello agrees"
    ENDED = "closed by either side"


TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (State.NEW, Event.STARTED): State.AWAITING_HELLO,
    (State.AWAITING_HELLO, Event.HELLO_ACCEPTED): State.OPEN,
    (State.NEW, Event.ENDED): State.CLOSED,
    (State.AWAITING_HELLO, Event.ENDED): State.CLOSED,
    (State.OPEN, Event.ENDED): State.CLOSED,
}


class Session:
    """The server's side of one session. Made by Server.open_session."""

    def __init__(
        self,
        server: Server,
        caller: Caller,
        send: Send,
        close_transport: Callable[[], None],
        *,
        transport: str,
        peer_gone: Callable[[], bool],
    ) -> None:
        """`caller.session_id` is the session's id. `send` must write each message whole, whoever calls it."""
        self.caller = caller
        self.transport = transport
        self.login_time: datetime = server.services.clock.now()
        self.last_activity: float = server.services.clock.monotonic()
        self.counters = SessionCounters()
        self.subscription: Subscription | None = None
        self._server = server
        self._limits = server.services.limits
        self._send_bytes = send
        self._close_transport = close_transport
        self._peer_gone = peer_gone
        self._decoder: Decoder = EndOfMessageDecoder(self._limits.message)
        self._encode = encode_end_of_message
        self._state = State.NEW
        self._state_lock = threading.Lock()
        #: What waits until the reply in progress is sent.
        self._after_reply: list[Callable[[], None]] = []

    @property
    def session_id(self) -> int:
        return self.caller.session_id

    @property
    def state(self) -> State:
        return self._state

    @property
    def established(self) -> bool:
        """True from the acceptance of the client's hello to the end."""
        return self._state is State.OPEN

    @property
    def closed(self) -> bool:
        return self._state is State.CLOSED

    @property
    def has_subscription(self) -> bool:
        """True while notifications are sent: such a session may be quiet for long."""
        return self.subscription is not None

    @property
    def speaks_1_1(self) -> bool:
        """True when both sides have base:1.1."""
        return self._encode is encode_chunked

    def is_abandoned(self) -> bool:
        """Whether nobody waits for the answer to the request in progress: the session was ended, or the client went
        away without a word."""
        return self.closed or self._peer_gone()

    def start(self) -> None:
        """Send our hello."""
        self.send(write_hello(self.session_id, self._server.capabilities))
        self._move(Event.STARTED)

    def receive(self, data: bytes) -> None:
        """Take bytes from the client and answer every message that they complete."""
        if self.closed:
            return
        self.last_activity = self._server.services.clock.monotonic()
        try:
            self._decoder.feed(data)
            while not self.closed and (message := self._decoder.next_message()) is not None:
                if self._state is State.OPEN:
                    self._answer(message)
                else:
                    self._open(message)
        except MessageTooBigError as error:
            if self.established:
                self._refuse(RpcError("too-big", f"The request is too big: {error}.", "rpc"))
            self.close(str(error), dropped=True)
        except FramingError as error:
            self.close(f"bad framing: {error}", dropped=True)
        except OSError as error:
            self.close(f"the transport failed ({type(error).__name__})", dropped=True)
        except Exception as error:
            internal_error(error)
            self.close("internal error", dropped=True)
        finally:
            if self.closed:
                # Closed by another thread in the middle of a request: what that request took must go as well.
                self._server.release(self)

    def send(self, message: bytes) -> None:
        """Send one message in the session's framing. Nothing is sent once the session is closed."""
        if not self.closed:
            self._send_bytes(self._encode(message))

    def _send_reply(self, envelope: Envelope, reply: Reply) -> None:
        try:
            if reply.streamed and not self.closed:
                frame = chunked_pieces if self.speaks_1_1 else end_of_message_pieces
                self._send_bytes(frame(self._while_open(envelope.pieces(reply))))
            else:
                self.send(envelope.write(reply))
        finally:
            reply.close()

    def _while_open(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if self.closed:
                raise ConnectionAbortedError("the session was ended in the middle of an answer")
            yield piece

    def after_reply(self, action: Callable[[], None]) -> None:
        """Run `action` when the answer to the request in progress has been sent."""
        self._after_reply.append(action)

    def connection_lost(self) -> None:
        """The transport is gone. May be called at any time, and more than once."""
        self.close("connection lost", dropped=True)

    def close(self, reason: str, *, dropped: bool = False) -> None:
        """End the session and release all that it holds; by any thread, more than once.

        `reason` is for the log; `dropped`: it ends neither by close-session nor by kill-session (RFC 6022).
        """
        if not self._move(Event.ENDED):
            return
        log.info("session %d of %s closed: %s", self.session_id, self.caller.user, reason)
        try:
            self._server.forget(self, dropped=dropped)
        finally:
            self._close_transport()

    def _move(self, event: Event) -> bool:
        """Change the state; False when the event means nothing in this state."""
        with self._state_lock:
            following = TRANSITIONS.get((self._state, event))
            if following is None:
                return False
            self._state = following
            return True

    def _open(self, message: bytes) -> None:
        """The first message: it must be a hello that has a base version in common with ours (RFC 6241 8.1)."""
        try:
            hello = read_hello(self._server.parser.parse(message))
            if not hello.capabilities & {BASE_1_0, BASE_1_1}:
                raise HelloError("the client has neither base:1.0 nor base:1.1")
        except (HelloError, MalformedMessageError) as error:
            self._server.count_bad_hello()
            self.close(f"bad hello: {error}", dropped=True)
            return
        if BASE_1_1 in hello.capabilities:
            following = ChunkedDecoder(self._limits.message, self._limits.chunk)
            following.feed(self._decoder.take_rest())
            self._decoder = following
            self._encode = encode_chunked
        self._move(Event.HELLO_ACCEPTED)

    def _answer(self, message: bytes) -> None:
        self.counters.in_rpcs += 1
        try:
            root = self._server.parser.parse(message)
        except MalformedMessageError as error:
            self.counters.count_bad_rpc()
            # RFC 6241 appendix A: clients of base:1.0 don't know malformed-message.
            tag = "malformed-message" if self.speaks_1_1 else "operation-failed"
            self._refuse(RpcError(tag, error.reason, "rpc"))
            return
        envelope = Envelope(root)
        try:
            operation = read_rpc(root).operation
        except RequestError as error:
            self.counters.count_bad_rpc()
            self._refuse(*error.errors, envelope=envelope)
            return
        self._send_reply(envelope, self._perform(operation))
        self._run_after_reply()

    def _perform(self, operation: etree._Element) -> Reply:
        try:
            return perform(Request(self, self._server, operation))
        except Exception as error:
            self._after_reply.clear()
            errors = translate(error, Place(self._server.services.schema.root))
            self.counters.out_rpc_errors += 1
            return error_reply(errors)

    def _refuse(self, *errors: RpcError, envelope: Envelope | None = None) -> None:
        self.counters.out_rpc_errors += 1
        self.send((envelope or Envelope()).write(error_reply(errors)))

    def _run_after_reply(self) -> None:
        actions, self._after_reply = self._after_reply, []
        for action in actions:
            action()
