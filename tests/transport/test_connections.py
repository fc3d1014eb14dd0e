"""Rude clients, limits and the end: what must never block, spin or stay behind."""

from __future__ import annotations

import os
import socket
import threading
from datetime import timedelta

import paramiko
import pytest

from agent.transport.limits import TokenBucket, TransportLimits
from tests.transport.rig import EOM, HELLO, eventually, read_message


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def no_leaks(make_rig):
    """A server on which a test plays; afterwards no connection, thread or descriptor of it is left."""
    rig = make_rig()
    client = rig.connect()  # whatever libraries keep for good is there after a first connection
    rig.netconf(client).close()
    client.close()
    del client
    assert eventually(lambda: rig.listener.connection_count == 0)
    before = (threading.active_count(), descriptors())
    yield rig
    assert eventually(lambda: rig.listener.connection_count == 0)
    assert eventually(lambda: not rig.core.sessions)
    assert eventually(lambda: (threading.active_count(), descriptors()) <= before), (
        before,
        threading.enumerate(),
    )
    assert all(session.lost.is_set() for session in rig.core.opened)


def test_silent_clients_do_not_hold_up_others(no_leaks):
    silent = [no_leaks.raw() for _ in range(20)]
    dribbling = no_leaks.raw()
    dribbling.sendall(b"SSH-2.0-slow")
    client = no_leaks.connect()
    channel = no_leaks.netconf(client)
    channel.sendall(b"quick" + EOM)
    assert read_message(channel) == b"quick"
    client.close()
    for connection in [*silent, dribbling]:
        connection.close()


def test_garbage_and_early_ends_leave_nothing(no_leaks):
    for opening in (b"", b"GET / HTTP/1.0\r\n\r\n", b"SSH-2.0-x\r\n", b"SSH-2.0-x\r\n" + b"\xff" * 4096):
        connection = no_leaks.raw()
        connection.sendall(opening)
        connection.close()


def test_a_packet_of_4_gigabytes_is_not_waited_for(no_leaks):
    connection = no_leaks.raw()
    connection.sendall(b"SSH-2.0-x\r\n" + b"\x7f\xff\xff\xfc" + b"\x00" * 64)
    connection.settimeout(10)
    while connection.recv(4096):
        pass
    connection.close()


@pytest.mark.parametrize("sent", [b"", b"<hel", HELLO, HELLO + b"half a mess", HELLO + b"big 4000000" + EOM])
@pytest.mark.parametrize("how", ["channel", "connection", "socket"])
def test_clients_that_drop(no_leaks, sent, how):
    client = no_leaks.connect()
    channel = no_leaks.netconf(client, hello=False)
    if sent:
        channel.sendall(sent)
    if how == "channel":
        channel.close()
    elif how == "socket":
        client.get_transport().sock.shutdown(socket.SHUT_RDWR)
    client.close()


def test_no_spin_after_a_drop(rig):
    client = rig.connect()
    rig.netconf(client)
    client.get_transport().sock.shutdown(socket.SHUT_RDWR)
    assert eventually(lambda: rig.listener.connection_count == 0)
    before = os.times()
    threading.Event().wait(0.3)
    after = os.times()
    assert after.user + after.system - before.user - before.system < 0.2


def test_pipelined_requests_are_answered_in_order_and_joined(rig, monkeypatch):
    client = rig.connect()
    channel = rig.netconf(client)
    writes = []
    send = paramiko.Channel.send
    monkeypatch.setattr(paramiko.Channel, "send", lambda self, data: writes.append(len(data)) or send(self, data))
    messages = [b"request %d" % number for number in range(200)]
    channel.sendall(b"".join(message + EOM for message in messages))
    assert [read_message(channel) for _ in messages] == messages
    assert len(writes) < 50
    client.close()


def test_one_byte_at_a_time(rig):
    client = rig.connect()
    channel = rig.netconf(client)
    for byte in b"slowly" + EOM:
        channel.sendall(bytes([byte]))
    assert read_message(channel) == b"slowly"
    client.close()


def test_an_error_of_the_core_ends_only_its_session(no_leaks):
    client = no_leaks.connect()
    broken, good = no_leaks.netconf(client), no_leaks.netconf(client)
    broken.sendall(b"crash" + EOM)
    assert broken.recv(100) == b""
    good.sendall(b"still here" + EOM)
    assert read_message(good) == b"still here"
    client.close()


def test_netconf_and_exec_share_a_connection_up_to_the_limit(make_rig):
    rig = make_rig(limits=TransportLimits(max_channels=3))
    client = rig.connect()
    channels = [rig.netconf(client), rig.netconf(client)]
    _, output, _ = client.exec_command("show version")
    assert output.read() == b"admin: show version\n"
    assert output.channel.recv_exit_status() == 0
    assert eventually(lambda: output.channel.closed)
    channels.append(client.get_transport().open_session(timeout=10))
    with pytest.raises(paramiko.ChannelException) as refusal:
        client.get_transport().open_session(timeout=10)
    assert refusal.value.code == 4  # SSH_OPEN_RESOURCE_SHORTAGE
    channels.pop().close()
    assert eventually(lambda: _opens(rig, client))
    client.close()


def test_many_quick_commands_on_one_connection(rig):
    """The answer to a request comes before the end of its channel, however fast the command is."""
    client = rig.connect()
    for number in range(50):
        _, output, _ = client.exec_command(f"show {number}", timeout=10)
        assert output.read() == f"admin: show {number}\n".encode()
        assert output.channel.recv_exit_status() == 0
    client.close()


def test_notifications_of_another_thread_never_cut_a_reply(rig):
    client = rig.connect()
    channel = rig.netconf(client)
    (session,) = rig.core.opened
    stop = threading.Event()

    def notify():
        while not stop.is_set():
            session.send(b"<notification>" + b"n" * 3000 + EOM)

    thread = threading.Thread(target=notify)
    thread.start()
    channel.sendall((b"big 100000" + EOM) * 20)
    received = bytearray()
    while received.count(b"x" * 100_000 + EOM) < 20:
        received += channel.recv(65536)
    stop.set()
    threading.Thread(target=lambda: [None for _ in iter(lambda: channel.recv(65536), b"")], daemon=True).start()
    thread.join(10)
    assert not thread.is_alive()
    messages = bytes(received).split(EOM)[:-1]
    assert {message[:1] for message in messages} <= {b"x", b"<"}
    assert all(set(message) == {ord("x")} for message in messages if message.startswith(b"x"))
    client.close()


class TestLimits:
    def test_login_grace(self, make_rig, manual_clock):
        rig = make_rig(clock=manual_clock)
        connection = rig.raw()
        assert eventually(lambda: rig.listener.connection_count == 1)
        manual_clock.advance(timedelta(seconds=29))
        rig.listener.deadlines.run_due()
        assert rig.listener.connection_count == 1
        manual_clock.advance(timedelta(seconds=1))
        rig.listener.deadlines.run_due()
        connection.settimeout(10)
        while connection.recv(4096):
            pass
        assert eventually(lambda: rig.listener.connection_count == 0)

    def test_hello_timeout(self, make_rig, manual_clock):
        rig = make_rig(clock=manual_clock)
        client = rig.connect()
        silent, polite = rig.netconf(client, hello=False), rig.netconf(client)
        polite.sendall(b"x" + EOM)
        read_message(polite)
        manual_clock.advance(timedelta(seconds=60))
        rig.listener.deadlines.run_due()
        assert silent.recv(100) == b""
        polite.sendall(b"y" + EOM)
        assert read_message(polite) == b"y"
        client.close()

    def test_idle_timeout_spares_subscribers(self, make_rig, manual_clock):
        rig = make_rig(clock=manual_clock, limits=TransportLimits(idle_timeout=100))
        client = rig.connect()
        idle, busy, listening = (rig.netconf(client) for _ in range(3))
        for channel in (idle, busy, listening):
            channel.sendall(b"x" + EOM)
            read_message(channel)
        rig.core.opened[2].has_subscription = True
        manual_clock.advance(timedelta(seconds=60))
        rig.listener.deadlines.run_due()
        busy.sendall(b"x" + EOM)
        read_message(busy)
        manual_clock.advance(timedelta(seconds=40))
        rig.listener.deadlines.run_due()
        assert idle.recv(100) == b""
        for channel in (busy, listening):
            channel.sendall(b"y" + EOM)
            assert read_message(channel) == b"y"
        manual_clock.advance(timedelta(seconds=101))
        rig.listener.deadlines.run_due()
        assert busy.recv(100) == b""
        client.close()

    def test_a_connection_without_channels_is_closed(self, make_rig, manual_clock):
        rig = make_rig(clock=manual_clock)
        client = rig.connect()
        for _ in range(2):
            manual_clock.advance(timedelta(seconds=60))
            rig.listener.deadlines.run_due()
        assert eventually(lambda: rig.listener.connection_count == 0)
        client.close()

    def test_session_limit(self, make_rig):
        rig = make_rig(limits=TransportLimits(max_sessions=2))
        client = rig.connect()
        first, second = rig.netconf(client), rig.netconf(client)
        with pytest.raises(paramiko.SSHException):
            rig.netconf(client)
        first.close()
        assert eventually(lambda: len(rig.core.sessions) == 1)
        assert eventually(lambda: _opens(rig, client))
        second.close()
        client.close()

    def test_unauthenticated_limit(self, make_rig):
        rig = make_rig(limits=TransportLimits(max_unauthenticated=3))
        waiting = [rig.raw() for _ in range(3)]
        assert eventually(lambda: rig.listener.connection_count == 3)
        surplus = rig.raw()
        assert surplus.recv(100) == b""
        waiting.pop().close()
        assert eventually(lambda: rig.listener.connection_count == 2)
        rig.connect().close()
        for connection in [*waiting, surplus]:
            connection.close()

    def test_connection_rate(self, make_rig, manual_clock):
        rig = make_rig(clock=manual_clock, limits=TransportLimits(connection_rate=2))
        for _ in range(2):
            rig.connect().close()
        with rig.raw() as surplus:
            assert surplus.recv(100) == b""
        manual_clock.advance(timedelta(seconds=31))
        rig.connect().close()

    def test_limits_can_change(self, make_rig):
        rig = make_rig(limits=TransportLimits(max_sessions=1, connection_rate=2))
        first = rig.connect()
        channel = rig.netconf(first)
        rig.listener.set_limits(TransportLimits(max_sessions=2))
        clients = [rig.connect() for _ in range(2)]
        second = rig.netconf(clients[0])
        with pytest.raises(paramiko.SSHException):
            rig.netconf(clients[1])
        second.close()
        channel.close()
        for client in [first, *clients]:
            client.close()

    def test_token_bucket(self, manual_clock):
        bucket = TokenBucket(60, manual_clock)
        assert [bucket.take() for _ in range(61)] == [True] * 60 + [False]
        manual_clock.advance(timedelta(seconds=2))
        assert [bucket.take() for _ in range(3)] == [True, True, False]
        manual_clock.advance(timedelta(hours=9))
        assert sum(bucket.take() for _ in range(100)) == 60

    @pytest.mark.parametrize("wrong", [{"login_attempts": 2}, {"login_attempts": 7}, {"connection_rate": 0}])
    def test_senseless_limits_are_refused(self, wrong):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            TransportLimits(**wrong)


def _opens(rig, client):
    try:
        rig.netconf(client)
    except paramiko.SSHException:
        return False
    return True


class TestEnd:
    def test_stop_ends_everything_within_two_seconds(self, make_rig):
        rig = make_rig()
        before = threading.active_count() - 2
        clients = [rig.connect() for _ in range(5)]
        for client in clients:
            rig.netconf(client)
        stuck = rig.netconf(clients[0])
        stuck.sendall(b"big 20000000" + EOM)  # nobody reads it
        silent = rig.raw()
        stopping = threading.Thread(target=rig.listener.stop)
        stopping.start()
        stopping.join(2)
        assert not stopping.is_alive()
        assert rig.listener.connection_count == 0
        assert all(session.lost.is_set() for session in rig.core.opened)
        for client in clients:
            client.close()
        silent.close()
        assert eventually(lambda: threading.active_count() <= before)
        with pytest.raises(OSError):  # noqa: PT011
            rig.raw()

    def test_a_session_closed_by_another_thread_ends(self, rig):
        client = rig.connect()
        channel = rig.netconf(client)
        rig.core.opened[0].close()
        assert channel.recv(100) == b""
        client.close()

    def test_a_session_that_takes_nothing_can_be_killed(self, make_rig):
        rig = make_rig(limits=TransportLimits(close_grace=0.2))
        client = rig.connect()
        channel = rig.netconf(client)
        channel.sendall(b"big 20000000" + EOM)
        assert eventually(lambda: rig.core.received)
        session = rig.core.opened[0]
        session.close()
        assert session.lost.wait(10)
        client.close()

    def test_a_client_that_takes_nothing_is_given_up(self, make_rig):
        rig = make_rig(limits=TransportLimits(send_timeout=0.2))
        client = rig.connect()
        channel = rig.netconf(client)
        channel.sendall(b"big 20000000" + EOM)
        assert eventually(lambda: rig.core.received)
        assert rig.core.opened[0].lost.wait(10)
        client.close()


def test_a_large_message_comes_at_the_clients_pace(rig):
    """What a client has not taken is not even made."""
    client = rig.connect()
    channel = rig.netconf(client)
    channel.sendall(b"pieces 20000" + EOM)
    taken, ahead = 0, 0
    while not (data := channel.recv(64 * 1024)).endswith(EOM):
        taken += len(data)
        ahead = max(ahead, rig.core.made * 1000 - taken)
    assert taken > 19_000_000
    assert ahead < 6_000_000  # the windows of SSH and of TCP
    client.close()


def test_a_client_that_has_gone_is_known_to_have_gone(rig):
    client = rig.connect()
    rig.netconf(client)
    (session,) = rig.core.opened
    assert not session.peer_gone()
    client.close()
    assert eventually(session.peer_gone)
