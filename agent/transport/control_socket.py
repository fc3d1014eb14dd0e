"""The local way in: a Unix-domain socket in the state folder, for the agent's own user and root.

Who may connect is decided by the kernel's word on the peer's user id, never by what the peer says. The peer is a local
administrator, with no SSH and no login. What is spoken: control_protocol.py.
"""

from __future__ import annotations

import codecs
import contextlib
import logging
import os
import socket
import struct
import threading
from pathlib import Path

from agent.caller import Caller
from agent.clock import Clock
from agent.deadlines import Deadlines
from agent.transport.accepting import accept_until
from agent.transport.authentication import ADMINISTRATORS
from agent.transport.control_protocol import (
    MAX_REQUEST_BYTES,
    MODE_EXEC,
    MODE_NETCONF,
    ControlProtocolError,
    read_frame,
    read_mode,
    write_frame,
)
from agent.transport.limits import TransportLimits
from agent.transport.netconf_channel import NetconfChannel
from agent.transport.services import CommandRunner, SessionFactory
from agent.transport.streams import SocketStream
from agent.transport.unix_address import short_address

log = logging.getLogger(__name__)

#: Connections at the same time; local programs are few.
MAX_CONNECTIONS = 32

#: How long a peer may take to say what it wants, in seconds.
REQUEST_SECONDS = 10.0

STOP_SECONDS = 1.0

#: The name under which a local peer acts and is logged.
LOCAL_USER = "local"

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


class ControlSocket:
    """Serves the control socket at `path`. The caller holds the state folder's lock, so an old socket file there is
    a dead agent's and is replaced. The constructor raises OSError when the path can't be bound."""

    def __init__(
        self,
        path: Path,
        *,
        sessions: SessionFactory,
        commands: CommandRunner,
        deadlines: Deadlines,
        clock: Clock,
        limits: TransportLimits | None = None,
    ) -> None:
        self._path = path
        self._sessions = sessions
        self._commands = commands
        self._deadlines = deadlines
        self._clock = clock
        self._limits = limits or TransportLimits()
        self._changed = threading.Condition()
        self._connections: set[socket.socket] = set()
        self._stopping = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path.unlink(missing_ok=True)
        try:
            with short_address(path) as address:
                self._socket.bind(address)
            path.chmod(0o600)  # not listening yet, and the folder is 0700: nobody is early
            self._socket.listen(MAX_CONNECTIONS)
        except OSError:
            self._socket.close()
            raise
        self._thread = threading.Thread(target=self._accept, name="control-accept", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, cut every connection, remove the socket; at most 2 seconds."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        self._path.unlink(missing_ok=True)
        with self._changed:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._connections, timeout=STOP_SECONDS)

    def _accept(self) -> None:
        for connection, _ in accept_until(self._socket, self._stopping):
            with self._changed:
                admitted = _is_ours(connection) and len(self._connections) < MAX_CONNECTIONS
                if admitted:
                    self._connections.add(connection)
            if not admitted:
                log.warning("a local connection was refused")
                connection.close()
                continue
            try:
                threading.Thread(target=self._serve, args=(connection,), name="control", daemon=True).start()
            except RuntimeError:
                log.error("a local connection was refused: no thread can be started")
                self._forget(connection)

    def _serve(self, connection: socket.socket) -> None:
        caller = Caller(user=LOCAL_USER, source="local", groups=(ADMINISTRATORS,))
        stream = SocketStream(connection, self._limits.send_timeout)
        # However slowly it dribbles, the request must be there in time.
        limit = self._deadlines.after(REQUEST_SECONDS, stream.abort)
        try:
            mode = read_mode(stream)
            if mode == MODE_NETCONF:
                limit.cancel()
                self._serve_netconf(stream, caller)
            elif mode == MODE_EXEC:
                request = read_frame(stream, MAX_REQUEST_BYTES)
                limit.cancel()
                self._serve_exec(stream, request, caller)
            elif mode:
                log.warning("a local connection asked for something unknown")
        except (ControlProtocolError, OSError) as error:
            log.info("a local connection ended: %s", type(error).__name__)
        except Exception:
            log.exception("a local connection ended by an error of the agent")
        finally:
            limit.cancel()
            self._forget(connection)

    def _forget(self, connection: socket.socket) -> None:
        with self._changed:
            connection.close()
            self._connections.discard(connection)
            self._changed.notify_all()

    def _serve_netconf(self, stream: SocketStream, caller: Caller) -> None:
        NetconfChannel(
            stream,
            caller,
            self._sessions,
            limits=self._limits,
            deadlines=self._deadlines,
            clock=self._clock,
            on_end=lambda _session: None,
        ).run()

    def _serve_exec(self, stream: SocketStream, request: dict[str, object], caller: Caller) -> None:
        line = request.get("exec")
        if not isinstance(line, str):
            raise ControlProtocolError('the request has no "exec" text')
        result = self._commands.run(line, caller, stream.is_gone)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            for chunk in result.chunks():
                write_frame(stream, {"output": decoder.decode(chunk)})
        finally:
            result.close()
        write_frame(stream, {"status": result.status})


def _is_ours(connection: socket.socket) -> bool:
    """True when the peer runs as the agent's own user or as root."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _pid, uid, _gid = _CREDENTIALS.unpack(packed)
    return uid in (os.geteuid(), 0)
