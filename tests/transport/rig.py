"""A server under test: the real listener on a free port, with a small NETCONF stand-in behind it.

The stand-in does what the protocol core does at its border: hello, end-of-message framing, `closed`, `established`.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import paramiko

from agent.caller import Caller
from agent.clock import Clock, SystemClock
from agent.shell import ShellResult
from agent.transport.authentication import ADMINISTRATORS, DirectoryAuthenticator, UserRecord
from agent.transport.limits import TransportLimits
from agent.transport.listener import SshListener

EOM = b"]]>]]>"
HELLO = b"<hello/>" + EOM


class EchoSession:
    """Answers each message with itself; some texts do more."""

    def __init__(self, caller: Caller, send, close_transport, core: EchoCore) -> None:
        self.caller = caller
        self.session_id = core.next_id()
        self.established = False
        self.closed = False
        self.has_subscription = False
        self.lost = threading.Event()
        self.send = send
        self.close_transport = close_transport
        self._core = core
        self._buffer = b""

    def receive(self, data: bytes) -> None:
        self._buffer += data
        while EOM in self._buffer and not self.closed:
            message, self._buffer = self._buffer.split(EOM, 1)
            if not self.established:
                self.established = True
                continue
            self._core.handle(self, message)

    def close(self) -> None:
        self.closed = True
        self.close_transport()

    def connection_lost(self) -> None:
        self.lost.set()
        self._core.sessions.discard(self)


class EchoCore:
    """SessionFactory."""

    def __init__(self) -> None:
        self.sessions: set[EchoSession] = set()
        self.opened: list[EchoSession] = []
        self.received: list[bytes] = []
        self.made = 0
        self._next = 0

    def next_id(self) -> int:
        self._next += 1
        return self._next

    def open_session(self, caller: Caller, send, close_transport, *, peer_gone) -> EchoSession:
        session = EchoSession(caller, send, close_transport, self)
        session.peer_gone = peer_gone
        self.sessions.add(session)
        self.opened.append(session)
        send(HELLO)
        return session

    def pieces(self, count):
        """A message of so many pieces of a thousand bytes; `made` counts them."""
        for _ in range(count):
            self.made += 1
            yield b"y" * 1000
        yield EOM

    def handle(self, session: EchoSession, message: bytes) -> None:
        self.received.append(message)
        if message == b"close":
            session.send(b"closing" + EOM)
            session.close()
        elif message.startswith(b"big "):
            session.send(b"x" * int(message[4:]) + EOM)
        elif message.startswith(b"pieces "):
            session.send(self.pieces(int(message[7:])))
        elif message == b"crash":
            raise RuntimeError("secret inside")
        else:
            session.send(message + EOM)


class EchoShell:
    """CommandRunner."""

    def run(self, line: str, caller: Caller, abandoned) -> ShellResult:
        if line == "boom":
            raise RuntimeError("secret inside")
        return ShellResult((f"{caller.user}: {line}\n",), 0 if line.startswith("show") else 1)


@dataclass
class Users:
    """UserDirectory."""

    records: dict[str, UserRecord] = field(default_factory=dict)

    def find_user(self, name: str) -> UserRecord | None:
        return self.records.get(name)

    def add(self, name: str, *, keys=(), password_hash=None, groups=(ADMINISTRATORS,)) -> None:
        blobs = tuple((key.get_name(), key.asbytes()) for key in keys)
        self.records[name] = UserRecord(name, password_hash, blobs, tuple(groups))


@dataclass
class Rig:
    """A running server, and clients for it."""

    listener: SshListener
    core: EchoCore
    users: Users
    user_key: paramiko.PKey
    key_file: Path
    host_keys: list[paramiko.PKey]

    @property
    def port(self) -> int:
        return self.listener.port

    def raw(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def connect(self, name: str = "admin", **options) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        options = {"pkey": self.user_key} | options
        client.connect("127.0.0.1", self.port, name, allow_agent=False, look_for_keys=False, timeout=10, **options)
        return client

    def netconf(self, client: paramiko.SSHClient, *, hello: bool = True) -> paramiko.Channel:
        channel = client.get_transport().open_session(timeout=10)
        channel.settimeout(10)
        channel.invoke_subsystem("netconf")
        assert read_message(channel) == b"<hello/>"
        if hello:
            channel.sendall(HELLO)
        return channel


def read_message(stream) -> bytes:
    received = b""
    while not received.endswith(EOM):
        data = stream.recv(1)
        if not data:
            raise EOFError(received)
        received += data
    return received[: -len(EOM)]


def start_rig(folder: Path, host_keys, user_key, *, limits=None, clock: Clock | None = None, users=None) -> Rig:
    clock = clock or SystemClock()
    users = users or Users()
    users.add("admin", keys=[user_key])
    core = EchoCore()
    listener = SshListener(
        "127.0.0.1",
        0,
        host_keys=host_keys,
        authenticator=DirectoryAuthenticator(users, clock, failed_logins_per_minute=20),
        sessions=core,
        commands=EchoShell(),
        clock=clock,
        limits=limits or TransportLimits(),
    )
    listener.start()
    key_file = folder / "user_key"
    user_key.write_private_key_file(str(key_file))
    return Rig(listener, core, users, user_key, key_file, host_keys)


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Poll for what another thread is about to do."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
