"""One SSH connection, from its first byte to the last: who logs in, and which channels open.

paramiko's Transport is the connection's own thread: constructing it does no I/O, and all SSH work (banner, key
exchange, login, channel requests) happens on that thread, which calls the `check_...` methods below. What a channel
carries runs on a thread of its own, started when its request has been answered.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_FAILED_RESOURCE_SHORTAGE,
    OPEN_FAILED_UNKNOWN_CHANNEL_TYPE,
    OPEN_SUCCEEDED,
)
from paramiko.server import InteractiveQuery

from agent.caller import Caller
from agent.clock import Clock
from agent.deadlines import Deadline, Deadlines
from agent.transport import algorithms
from agent.transport.authentication import Authenticator
from agent.transport.exec_channel import refuse_interactive_shell, run_command
from agent.transport.limits import Slots, TransportLimits
from agent.transport.netconf_channel import NetconfChannel
from agent.transport.paramiko_hardening import HardenedTransport
from agent.transport.services import CommandRunner, SessionFactory
from agent.transport.streams import ChannelStream

log = logging.getLogger(__name__)

AUTHENTICATION_METHODS = "publickey,password,keyboard-interactive"
NETCONF_SUBSYSTEM = "netconf"

#: At so many failures paramiko's AuthHandler ends the connection with the proper message; we count for ourselves.
_PARAMIKO_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class SshServices:
    """What the connections of a server share; `session_slots` counts their NETCONF sessions."""

    host_keys: Sequence[paramiko.PKey]
    authenticator: Authenticator
    sessions: SessionFactory
    commands: CommandRunner
    limits: TransportLimits
    deadlines: Deadlines
    clock: Clock
    session_slots: Slots


class SshConnection(paramiko.ServerInterface):
    """The server's side of one connection. `on_end` is called when it and everything on it has ended."""

    def __init__(
        self, connection: socket.socket, source: str, services: SshServices, on_end: Callable[[SshConnection], None]
    ) -> None:
        self.source = source
        self._socket = connection
        self._services = services
        self._limits = services.limits
        self._on_end = on_end
        self._failures = 0
        self._interactive_user: str | None = None
        self._lock = threading.Lock()
        self._channels: list[paramiko.Channel] = []
        self._used: weakref.WeakSet[paramiko.Channel] = weakref.WeakSet()
        self._requested: list[Callable[[], None]] = []
        self._running = 1  # the connection's own thread and those of its channels
        self._timer: Deadline | None = None
        self._transport = HardenedTransport(connection, on_end=self._ended, on_request_answered=self._start_requested)
        algorithms.restrict(self._transport)
        for key in services.host_keys:
            self._transport.add_server_key(key)

    def start(self) -> None:
        """Begin; returns at once."""
        self._timer = self._services.deadlines.after(self._limits.login_grace, self._check_login)
        self._transport.start_server(event=threading.Event(), server=self)

    def is_authenticated(self) -> bool:
        return self._transport.is_authenticated()

    def abort(self) -> None:
        """Cut the connection; everything on it ends by itself. Never blocks."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    # Login -----------------------------------------------------------------------------------------------------------

    def get_allowed_auths(self, username: str) -> str:
        return AUTHENTICATION_METHODS

    def check_auth_none(self, username: str) -> int:
        return AUTH_FAILED

    def check_auth_password(self, username: str, password: str | bytes) -> int:
        # paramiko hands over the bytes when they are not UTF-8; nobody's password is that.
        right = isinstance(password, str) and self._services.authenticator.check_password(
            username, password, self.source
        )
        return self._login_result(right)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        # Called for the offer of a key and again for its proof; paramiko verifies the signature after this.
        blob = key.asbytes()
        return self._login_result(
            bool(blob) and self._services.authenticator.check_public_key(username, blob, self.source)
        )

    def check_auth_interactive(self, username: str, submethods: str) -> int | InteractiveQuery:
        self._interactive_user = username
        return InteractiveQuery("", "", ("Password: ", False))

    def check_auth_interactive_response(self, responses: list[str]) -> int | InteractiveQuery:
        username, self._interactive_user = self._interactive_user, None
        if username is None or len(responses) != 1:
            return self._login_result(False)
        return self.check_auth_password(username, responses[0])

    def _login_result(self, accepted: bool) -> int:
        if accepted:
            return AUTH_SUCCESSFUL
        self._failures += 1
        handler = self._transport.auth_handler
        if self._failures >= self._limits.login_attempts and handler is not None:
            handler.auth_fail_count = _PARAMIKO_ATTEMPTS - 1
        return AUTH_FAILED

    def _check_login(self) -> None:
        if not self.is_authenticated():
            log.info("connection from %s closed: no login in time", self.source)
            self.abort()
            return
        self._timer = self._services.deadlines.after(self._limits.hello_timeout, self._check_use)

    def _check_use(self) -> None:
        if not self._open_channels():
            log.info("connection from %s closed: nothing is open on it", self.source)
            self.abort()
            return
        self._timer = self._services.deadlines.after(self._limits.hello_timeout, self._check_use)

    # Channels --------------------------------------------------------------------------------------------------------

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if kind != "session":
            return OPEN_FAILED_UNKNOWN_CHANNEL_TYPE
        if self._caller() is None:
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        if len(self._open_channels()) >= self._limits.max_channels:
            return OPEN_FAILED_RESOURCE_SHORTAGE
        return OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        caller = self._caller()
        if name != NETCONF_SUBSYSTEM or caller is None or self._is_used(channel):
            return False
        if not self._services.session_slots.take(self._limits.max_sessions):
            log.warning("NETCONF session of %s from %s refused: too many sessions", caller.user, self.source)
            return False
        session = NetconfChannel(
            self._stream(channel),
            caller,
            self._services.sessions,
            limits=self._limits,
            deadlines=self._services.deadlines,
            clock=self._services.clock,
            on_end=lambda _session: self._services.session_slots.give_back(),
        )
        self._use(channel, session.run)
        return True

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        caller = self._caller()
        if caller is None or self._is_used(channel) or len(command) > self._limits.max_command_bytes:
            return False
        stream = self._stream(channel)
        self._use(channel, lambda: run_command(stream, command, caller, self._services.commands))
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        if self._is_used(channel):
            return False
        stream = self._stream(channel)
        self._use(channel, lambda: refuse_interactive_shell(stream))
        return True

    def _caller(self) -> Caller | None:
        """Who is logged in, looked up again: the user may have been removed meanwhile."""
        name = self._transport.get_username()
        if name is None or not self.is_authenticated():
            return None
        return self._services.authenticator.caller(name, self.source)

    def _open_channels(self) -> list[paramiko.Channel]:
        with self._lock:
            # paramiko keeps opened channels for accept(), and forgets a channel that nobody holds.
            while (channel := self._transport.accept(timeout=0)) is not None:
                self._channels.append(channel)
            self._channels = [channel for channel in self._channels if not channel.closed]
            return self._channels

    def _stream(self, channel: paramiko.Channel) -> ChannelStream:
        return ChannelStream(channel, self.abort, self._limits.send_timeout)

    def _is_used(self, channel: paramiko.Channel) -> bool:
        """True when the channel has its one request already (RFC 4254 section 6.5)."""
        return channel in self._used

    def _use(self, channel: paramiko.Channel, work: Callable[[], None]) -> None:
        self._used.add(channel)
        self._requested.append(work)

    def _start_requested(self) -> None:
        requested, self._requested = self._requested, []
        for work in requested:
            with self._lock:
                self._running += 1
            threading.Thread(target=self._run, args=(work,), name="ssh-channel", daemon=True).start()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self._one_ended()

    # The end ---------------------------------------------------------------------------------------------------------

    def _ended(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        error = self._transport.saved_exception
        log.info("connection from %s ended%s", self.source, f" ({type(error).__name__})" if error else "")
        with self._lock:
            self._channels.clear()
        self._start_requested()  # accepted but not answered: it finds its channel closed, and gives back what it holds
        self._one_ended()

    def _one_ended(self) -> None:
        with self._lock:
            self._running -= 1
            over = self._running == 0
        if over:
            self._on_end(self)
