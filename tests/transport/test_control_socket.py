"""The local way in."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
import threading
from datetime import timedelta

import paramiko
import pytest

from agent.clock import SystemClock
from agent.deadlines import Deadlines
from agent.transport import control_socket
from agent.transport.control_client import (
    AgentUnreachableError,
    connect,
    is_agent_running,
    open_netconf,
    run_command,
)
from agent.transport.control_socket import ControlSocket
from agent.transport.streams import ChannelStream
from tests.transport.rig import EOM, HELLO, EchoCore, EchoShell, eventually, read_message


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(folder=tmp_path, clock=None):
        clock = clock or SystemClock()
        deadlines = Deadlines(clock)
        deadlines.start()
        core = EchoCore()
        server = ControlSocket(
            folder / "control.sock", sessions=core, commands=EchoShell(), deadlines=deadlines, clock=clock
        )
        server.start()
        started.append((server, deadlines))
        return folder / "control.sock", core, server, deadlines

    yield start
    for server, deadlines in started:
        server.stop()
        deadlines.stop()


def test_commands(serve):
    path, *_ = serve()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    printed = []
    assert run_command(path, "show version\n", printed.append) == 0
    assert "".join(printed) == "local: show version\n\n"
    assert run_command(path, "nonsense", printed.append) == 1


def test_netconf(serve):
    path, core, *_ = serve()
    with open_netconf(path) as connection:
        connection.settimeout(10)
        assert read_message(connection) == b"<hello/>"
        connection.sendall(HELLO + b"one" + EOM + b"close" + EOM)
        assert read_message(connection) == b"one"
        assert read_message(connection) == b"closing"
        assert connection.recv(10) == b""
    caller = core.opened[0].caller
    assert (caller.user, caller.source, caller.groups) == ("local", "local", ("administrators",))


def test_a_deep_state_folder(serve, tmp_path):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    path, *_ = serve(deep)
    assert run_command(path, "show version", print) == 0


def test_the_socket_of_a_dead_agent_is_replaced(serve, tmp_path):
    left_behind = socket.socket(socket.AF_UNIX)
    left_behind.bind(str(tmp_path / "control.sock"))
    left_behind.close()
    assert not is_agent_running(tmp_path / "control.sock")
    with pytest.raises(AgentUnreachableError, match="trustconf serve"):
        run_command(tmp_path / "control.sock", "show version", print)
    path, _, server, _ = serve()
    assert is_agent_running(path)
    server.stop()
    assert not path.exists()
    assert not is_agent_running(path)


def test_other_users_are_refused(serve, monkeypatch):
    path, core, *_ = serve()
    packed = struct.pack("3i", 1, os.geteuid() + 4711, 1)

    class Stranger:
        @staticmethod
        def unpack(_):
            return struct.unpack("3i", packed)

        size = 12

    monkeypatch.setattr(control_socket, "_CREDENTIALS", Stranger)
    with pytest.raises(AgentUnreachableError):
        run_command(path, "show version", print)
    assert core.opened == []


@pytest.mark.parametrize(
    "sent",
    [
        b"telnet\n",
        b"x" * 100,
        b"exec\n" + b"\xff\xff\xff\xff",
        b"exec\n" + struct.pack(">I", 3) + b"{,}",
        b"exec\n" + struct.pack(">I", 2) + b"[]",
        b"exec\n" + struct.pack(">I", 10) + b'{"exec":1}',
        b"exec\n" + struct.pack(">I", 11) + b'{"exec": "b',
        b"exec\n" + struct.pack(">I", 16) + b'{"exec": "boom"}',
        b"exec\n" + struct.pack(">I", 20_000) + b"[" * 20_000,
    ],
)
def test_bad_requests_are_dropped_and_the_next_is_served(serve, sent):
    path, *_ = serve()
    with connect(path) as connection:
        connection.settimeout(10)
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):  # closed with some of our bytes unread
            assert b"secret" not in connection.recv(4096)
    assert run_command(path, "show version", print) == 0


def test_who_says_nothing_is_cut(serve, manual_clock):
    path, _, server, deadlines = serve(clock=manual_clock)
    with connect(path) as connection:
        connection.settimeout(10)
        connection.sendall(b"exe")
        assert eventually(lambda: len(server._connections) == 1 and deadlines._heap)
        manual_clock.advance(timedelta(seconds=10))
        deadlines.run_due()
        assert connection.recv(10) == b""
    assert eventually(lambda: not server._connections)


def test_who_writes_to_a_session_that_ends_is_woken(serve):
    """A notification for a client that reads nothing is under way when its session is closed."""
    path, core, *_ = serve()
    with open_netconf(path) as connection:
        read_message(connection)
        (session,) = core.opened
        failures = []

        def notify():
            try:
                session.send(b"x" * 10_000_000)
            except OSError as error:
                failures.append(error)

        writer = threading.Thread(target=notify, daemon=True)
        writer.start()
        assert connection.recv(1, socket.MSG_PEEK) == b"x"  # it writes, and can't end
        session.close()
        writer.join(timeout=10)
        assert failures


def test_a_cut_ssh_connection_is_an_os_error_for_who_sends():
    class Cut:
        def __init__(self, error):
            self.error = error

        def settimeout(self, seconds):
            pass

        def send(self, data):
            raise self.error

    for error in (EOFError(), paramiko.SSHException("cut"), ConnectionResetError()):
        with pytest.raises(ConnectionError):
            ChannelStream(Cut(error), lambda: None, 1.0).sendall(b"x")


def test_without_threads_a_connection_is_refused_and_the_next_is_served(serve, monkeypatch):
    path, *_ = serve()

    def no_thread(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        with connect(path) as connection:
            assert connection.recv(1) == b""
    assert run_command(path, "show version", print) == 0
