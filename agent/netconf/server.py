"""What all sessions share: the services that operations use, and the register of open sessions.

A session that ends, however it ends, is forgotten here: its locks and subscription go, nobody can kill it any more.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from agent.caller import Caller
from agent.clock import Clock
from agent.datastore.datastores import Datastores
from agent.events import EventBus
from agent.netconf.access import require_session_access
from agent.netconf.capabilities import capabilities
from agent.netconf.limits import Limits
from agent.netconf.messages import Parser
from agent.netconf.session import Send, Session
from agent.netconf.statistics import ServerCounters, SessionCounters
from agent.northbound.registry import Registry
from agent.northbound.state import StateCollector
from agent.yang.schema import Schema
from agent.yang.validation import Validator
from agent.yang.xpath import XPathEvaluator

log = logging.getLogger(__name__)

#: The largest session-id (RFC 6241 appendix C, session-id-type).
MAX_SESSION_ID: Final = 2**32 - 1

#: Runs a function in the background until it returns: the notification pumps, and what must not wait.
Background = Callable[[Callable[[], None]], None]


class TooManySessionsError(Exception):
    """The limit of sessions is reached; the transport refuses the channel."""


@dataclass(frozen=True, slots=True)
class Services:
    """What operations work with. `background` is where code runs that belongs to no session's thread."""

    schema: Schema
    datastores: Datastores
    registry: Registry
    state: StateCollector
    validator: Validator
    xpath: XPathEvaluator
    bus: EventBus
    clock: Clock
    background: Background
    limits: Limits = field(default_factory=Limits)


class Server:
    """Opens sessions and knows the open ones."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.capabilities = capabilities(services.schema)
        self.parser = Parser(services.limits.depth, services.limits.attributes)
        self.start_time = services.clock.now()
        self._lock = threading.Lock()
        self._sessions: dict[int, Session] = {}
        self._last_id = 0
        self._counters = ServerCounters()
        self._ended = SessionCounters()

    def open_session(
        self,
        caller: Caller,
        send: Send,
        close_transport: Callable[[], None],
        *,
        transport: str = "netconf-ssh",
        peer_gone: Callable[[], bool] = lambda: False,
    ) -> Session:
        """A new session that has sent its hello.

        `send` writes one whole framed message, which it gets as bytes or, when it is large, as an iterator of its
        pieces; `close_transport` ends the stream and must not wait. Both are called by any thread. `peer_gone` tells
        whether the client has gone, without waiting. `transport` is an identity of ietf-netconf-monitoring. Raises
        AccessDeniedError and TooManySessionsError.
        """
        require_session_access(caller)
        with self._lock:
            if len(self._sessions) >= self.services.limits.sessions:
                raise TooManySessionsError(f"there are {len(self._sessions)} sessions already")
            session_id = self._next_id()
            session = Session(
                self,
                replace(caller, session_id=session_id),
                send,
                close_transport,
                transport=transport,
                peer_gone=peer_gone,
            )
            self._sessions[session_id] = session
            self._counters.in_sessions += 1
        log.info("session %d of %s opened from %s", session_id, caller.user, caller.source)
        try:
            session.start()
        except OSError:
            session.connection_lost()
        return session

    def sessions(self) -> list[Session]:
        """The open sessions, in the order of their ids."""
        with self._lock:
            return list(self._sessions.values())

    def find(self, session_id: int) -> Session | None:
        with self._lock:
            return self._sessions.get(session_id)

    def close(self) -> None:
        """End all sessions: the agent stops."""
        for session in self.sessions():
            session.close("the agent stops")

    def forget(self, session: Session, *, dropped: bool) -> None:
        """A session has ended."""
        with self._lock:
            if self._sessions.pop(session.session_id, None) is not None:
                self._counters.dropped_sessions += dropped
                self._ended.add(session.counters)
        self.release(session)

    def release(self, session: Session) -> None:
        """Let go of all that an ended session holds; safe to repeat."""
        subscription, session.subscription = session.subscription, None
        if subscription is not None:
            subscription.stop()
        self.services.datastores.release(session.session_id)

    def count_bad_hello(self) -> None:
        with self._lock:
            self._counters.in_bad_hellos += 1

    def counters(self) -> tuple[ServerCounters, SessionCounters]:
        """The server's own counters, and the sum over all sessions that ever were."""
        with self._lock:
            total = replace(self._ended)
            for session in self._sessions.values():
                total.add(session.counters)
            return replace(self._counters), total

    def _next_id(self) -> int:
        while True:
            self._last_id = self._last_id % MAX_SESSION_ID + 1
            if self._last_id not in self._sessions:
                return self._last_id
