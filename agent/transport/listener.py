"""The SSH server's front door: accepts connections, refuses what is too much, remembers who is there, and closes all.

Accepting does no SSH work and waits for nobody: each connection is handed to a thread of its own at once.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Sequence
from dataclasses import replace

import paramiko

from agent.clock import Clock
from agent.deadlines import Deadlines
from agent.transport.accepting import accept_until
from agent.transport.authentication import Authenticator
from agent.transport.limits import Slots, TokenBucket, TransportLimits
from agent.transport.services import CommandRunner, SessionFactory
from agent.transport.ssh_server import SshConnection, SshServices

log = logging.getLogger(__name__)

BACKLOG = 128

#: stop() waits so long, in seconds, for the threads of all connections together.
STOP_SECONDS = 1.0

# paramiko writes errors with tracebacks for every port scan; how a connection ended is told by ssh_server.py in a line.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


class SshListener:
    """An SSH server on one address. Raises OSError from the constructor when the address can't be bound.

    Args:
        host: an address to listen on, never a name.
        port: 0 for any free one; the `port` property tells which.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        host_keys: Sequence[paramiko.PKey],
        authenticator: Authenticator,
        sessions: SessionFactory,
        commands: CommandRunner,
        clock: Clock,
        limits: TransportLimits | None = None,
    ) -> None:
        self.limits = limits or TransportLimits()
        self.deadlines = Deadlines(clock)
        self._clock = clock
        self._rate = TokenBucket(self.limits.connection_rate, clock)
        self._services = SshServices(
            host_keys=host_keys,
            authenticator=authenticator,
            sessions=sessions,
            commands=commands,
            limits=self.limits,
            deadlines=self.deadlines,
            clock=clock,
            session_slots=Slots(),
        )
        self._changed = threading.Condition()
        self._connections: set[SshConnection] = set()
        self._stopping = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self._thread = threading.Thread(target=self._accept, name="ssh-accept", daemon=True)

    @property
    def port(self) -> int:
        """The bound TCP port."""
        return int(self._socket.getsockname()[1])

    @property
    def connection_count(self) -> int:
        with self._changed:
            return len(self._connections)

    def set_limits(self, limits: TransportLimits) -> None:
        """Use other limits from now on, for the connections that come."""
        with self._changed:
            if limits.connection_rate != self.limits.connection_rate:
                self._rate = TokenBucket(limits.connection_rate, self._clock)
            self.limits = limits
            self._services = replace(self._services, limits=limits)

    def start(self) -> None:
        self.deadlines.start()
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, cut every connection and wait for their ends, at most 2 seconds."""
        self._stopping.set()
        # shutdown wakes the accepting thread; close alone would leave it waiting.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        with self._changed:
            for connection in self._connections:
                connection.abort()
            if not self._changed.wait_for(lambda: not self._connections, timeout=STOP_SECONDS):
                log.warning("%d connections did not end in time", len(self._connections))
        self.deadlines.stop()

    def _accept(self) -> None:
        for connection, address in accept_until(self._socket, self._stopping):
            self._admit(connection, str(address[0]))

    def _admit(self, connection: socket.socket, source: str) -> None:
        refusal = self._refusal()
        if refusal is not None:
            log.warning("connection from %s refused: %s", source, refusal)
            connection.close()
            return
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            served = SshConnection(connection, source, self._services, self._forget)
            with self._changed:
                self._connections.add(served)
            served.start()
        except Exception:
            log.exception("serving a connection from %s failed", source)
            connection.close()

    def _refusal(self) -> str | None:
        if not self._rate.take():
            return f"more than {self.limits.connection_rate} connections a minute"
        with self._changed:
            connections = list(self._connections)
        if len(connections) >= self.limits.max_connections:
            return f"{self.limits.max_connections} connections are open"
        waiting = sum(not connection.is_authenticated() for connection in connections)
        if waiting >= self.limits.max_unauthenticated:
            return f"{waiting} connections have not logged in yet"
        return None

    def _forget(self, connection: SshConnection) -> None:
        with self._changed:
            self._connections.discard(connection)
            self._changed.notify_all()
