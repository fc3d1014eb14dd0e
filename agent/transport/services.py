"""What the transports carry bytes for, the NETCONF core and the shell, as protocols: neither is imported here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from agent.caller import Caller


class NetconfSession(Protocol):
    """The protocol core of one session. It does no I/O: it answers through the `send` function it was opened with."""

    @property
    def session_id(self) -> int:
        """RFC 6241 session-id, never 0."""

    @property
    def established(self) -> bool:
        """True once the client's <hello> was accepted."""

    @property
    def closed(self) -> bool:
        """True when nothing more will be answered."""

    @property
    def has_subscription(self) -> bool:
        """True while notifications may be sent: such a session is not idle, however quiet its client is."""

    def receive(self, data: bytes) -> None:
        """Take bytes of the client; answers are sent before this returns. Never raises for what a client sent."""

    def connection_lost(self) -> None:
        """The stream has ended: release everything that the session holds. May be called more than once."""


class SessionFactory(Protocol):
    """Opens sessions; agent.netconf's Server is one."""

    def open_session(
        self,
        caller: Caller,
        send: Callable[[bytes | Iterator[bytes]], None],
        close_transport: Callable[[], None],
        *,
        peer_gone: Callable[[], bool],
    ) -> NetconfSession:
        """A new session.

        `send` takes whole framed messages, as bytes or in pieces: of the thread that calls `receive`, and of others
        that belong to this session alone, since it waits while the client takes nothing. It raises OSError when the
        stream is gone. `close_transport` ends the stream after what was sent before, from any thread, and never waits.
        `peer_gone` tells whether the client has gone, and never waits.
        """


class CommandResult(Protocol):
    """What a command printed and its exit status."""

    @property
    def status(self) -> int: ...

    def chunks(self) -> Iterator[bytes]:
        """What was printed, UTF-8, in pieces; may be read once."""

    def close(self) -> None:
        """Let go of it."""


class CommandRunner(Protocol):
    """Runs shell commands; agent.shell's Shell is one."""

    def run(self, line: str, caller: Caller, abandoned: Callable[[], bool]) -> CommandResult:
        """Run the commands of `line`. Never raises for what the line says. `abandoned` tells whether the client has
        gone."""
