"""Sessions from the first byte to the last: hello, framing, requests in order, bad messages, and the end."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from agent.caller import Caller
from agent.netconf.access import AccessDeniedError
from agent.netconf.framing import encode_chunked, encode_end_of_message
from agent.netconf.limits import Limits
from agent.netconf.namespaces import BASE, BASE_1_1, base
from agent.netconf.server import TooManySessionsError
from agent.netconf.session import TRANSITIONS, Event, State
from tests.netconf.models import EX
from tests.netconf.rig import ADMINISTRATOR, HELLO, MEGABYTE, Client, Error, Rig, edit, get_config, users

PING = "<get><filter/></get>"


def rpc(number, operation=PING):
    return f'<rpc xmlns="{BASE}" message-id="{number}">{operation}</rpc>'.encode()


def message_ids(client):
    return [reply.get("message-id") for reply in client.read_all()]


class TestHello:
    def test_ours_comes_first_and_says_what_we_can(self, rig):
        client = Client(rig.server)
        uris = [item.text for item in client.greeting.iter(base("capability"))]
        assert client.greeting.tag == base("hello")
        assert client.greeting.findtext(base("session-id")) == str(client.session.session_id)
        assert uris[:9] == [
            "urn:ietf:params:netconf:base:1.0",
            "urn:ietf:params:netconf:base:1.1",
            "urn:ietf:params:netconf:capability:candidate:1.0",
            "urn:ietf:params:netconf:capability:writable-running:1.0",
            "urn:ietf:params:netconf:capability:rollback-on-error:1.0",
            "urn:ietf:params:netconf:capability:validate:1.1",
            "urn:ietf:params:netconf:capability:xpath:1.0",
            "urn:ietf:params:netconf:capability:notification:1.0",
            "urn:ietf:params:netconf:capability:interleave:1.0",
        ]
        content_id = rig.server.services.schema.content_id
        assert uris[9].startswith("urn:ietf:params:netconf:capability:yang-library:1.1?revision=2019-01-04&content-id=")
        assert uris[9].endswith(content_id)
        assert f"{EX}?module=example-config&revision=2026-01-31" in uris
        assert (
            "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring?module=ietf-netconf-monitoring&revision=2010-10-04"
            in uris
        )
        assert not any("module=ietf-yang-types" in uri for uri in uris), "it is only imported"

    @pytest.mark.parametrize("version", [0, 1])
    def test_the_common_base_decides_the_framing(self, rig, version):
        client = rig.client(version)
        client.write(rpc(1))
        assert message_ids(client) == ["1"]

    def test_a_first_rpc_in_the_same_write_is_answered(self, rig):
        client = Client(rig.server)
        client.switch(1)
        client.session.receive(encode_end_of_message((HELLO % 1).encode()) + encode_chunked(rpc(1)))
        assert message_ids(client) == ["1"]

    @pytest.mark.parametrize("version", [0, 1])
    def test_one_byte_at_a_time(self, rig, version):
        client = Client(rig.server)
        client.switch(version)
        encode = encode_chunked if version else encode_end_of_message
        stream = encode_end_of_message((HELLO % version).encode()) + encode(rpc(1)) + encode(rpc(2))
        for byte in stream:
            client.session.receive(bytes([byte]))
        assert message_ids(client) == ["1", "2"]

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
    @given(cuts=st.lists(st.integers(0, 2000), max_size=12))
    def test_pipelined_requests_are_answered_in_order_however_they_arrive(self, rig, cuts):
        client = Client(rig.server)
        client.switch(1)
        stream = encode_end_of_message((HELLO % 1).encode()) + b"".join(encode_chunked(rpc(n)) for n in range(10))
        start = 0
        for end in [*sorted(cut % len(stream) for cut in cuts), len(stream)]:
            client.session.receive(stream[start:end])
            start = end
        assert message_ids(client) == [str(n) for n in range(10)]
        client.session.connection_lost()

    @pytest.mark.parametrize(
        "hello",
        [
            "garbage",
            "<hello/>",
            rpc(1).decode(),
            f'<hello xmlns="{BASE}"><capabilities/></hello>',
            f'<hello xmlns="{BASE}"><capabilities><capability>urn:x</capability></capabilities></hello>',
            (HELLO % 1).replace("</hello>", "<session-id>4</session-id></hello>"),
            "<!DOCTYPE hello>" + HELLO % 1,
        ],
    )
    def test_a_bad_hello_ends_the_session(self, rig, hello):
        client = Client(rig.server)
        client.session.receive(encode_end_of_message(hello.encode()))
        assert client.disconnected
        assert client.session.closed
        assert not rig.server.sessions()
        assert rig.server.counters()[0].in_bad_hellos == 1

    def test_before_the_hello_a_session_is_not_established(self, rig):
        client = Client(rig.server)
        assert not client.session.established
        client.hello(1)
        assert client.session.established


class TestBadMessages:
    @pytest.mark.parametrize(
        "message",
        ["<rpc", "no xml", "<!DOCTYPE rpc><rpc/>", "<a>" * 300 + "</a>" * 300, b"\xff\xfe", "<rpc>&e;</rpc>"],
    )
    @pytest.mark.parametrize(("version", "tag"), [(1, "malformed-message"), (0, "operation-failed")])
    def test_malformed_xml_is_answered_and_the_session_goes_on(self, rig, message, version, tag):
        client = rig.client(version)
        client.write(message)
        (reply,) = client.read_all()
        error = Error(reply[0])
        assert (error.type, error.tag, error.severity) == ("rpc", tag, "error")
        assert not reply.attrib
        client.write(rpc(5))
        assert message_ids(client) == ["5"]

    def test_a_missing_message_id(self, client):
        client.write(f'<rpc xmlns="{BASE}">{PING}</rpc>')
        error = Error(client.read()[0])
        assert (error.type, error.tag) == ("rpc", "missing-attribute")
        assert error.info == {base("bad-attribute"): "message-id", base("bad-element"): "rpc"}

    def test_an_rpc_in_another_namespace(self, client):
        client.write(f'<rpc xmlns="urn:other" message-id="1">{PING}</rpc>')
        reply = client.read()
        error = Error(reply[0])
        assert reply.get("message-id") == "1"
        assert (error.type, error.tag) == ("rpc", "unknown-namespace")
        assert error.info == {base("bad-element"): "rpc", base("bad-namespace"): "urn:other"}

    def test_a_second_hello_is_no_request(self, client):
        client.write(HELLO % 1)
        assert Error(client.read()[0]).tag == "unknown-element"
        assert not client.disconnected

    @pytest.mark.parametrize("stream", [b"\n#4294967295\n", b"\n#17000000\n"])
    def test_a_message_over_the_limit_is_refused_before_it_comes(self, client, stream):
        client.session.receive(stream)
        assert Error(client.read()[0]).tag == "too-big"
        assert client.disconnected

    def test_bad_framing_ends_the_session(self, client):
        client.session.receive(b"GET / HTTP/1.1\r\n")
        assert client.read() is None
        assert client.disconnected

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
    @given(garbage=st.binary(max_size=60), framed=st.booleans(), version=st.sampled_from([0, 1]))
    def test_no_bytes_at_all_raise_anything(self, rig, garbage, framed, version):
        client = rig.client(version)
        if framed and garbage:
            client.write(garbage)
            assert len(client.read_all()) == 1 or version == 0
        else:
            client.session.receive(garbage)
        client.session.connection_lost()
        assert not rig.server.sessions()


class TestOperations:
    def test_attributes_come_back(self, client):
        assert client.rpc(PING, **{"xmlns:ex": "urn:ex", "ex:id": "7"}).get("{urn:ex}id") == "7"

    def test_ok_is_in_its_namespace_when_the_client_uses_prefixes(self, client):
        client.write(
            f'<nc:rpc xmlns:nc="{BASE}" message-id="1"><nc:discard-changes/></nc:rpc>',
        )
        assert [child.tag for child in client.read()] == [base("ok")]

    def test_operations_in_the_base_1_1_namespace_are_understood(self, client):
        reply = client.rpc(f'<get-config xmlns="{BASE_1_1}"><source><running/></source></get-config>')
        assert reply[0].tag == base("data")

    def test_an_unknown_operation(self, client):
        error = client.error("<fly/>")
        assert (error.type, error.tag) == ("protocol", "operation-not-supported")
        error = client.error('<fly xmlns="urn:birds"/>')
        assert error.tag == "unknown-namespace"
        assert error.info == {base("bad-element"): "fly", base("bad-namespace"): "urn:birds"}

    def test_an_unknown_parameter(self, client):
        error = client.error("<discard-changes><now/></discard-changes>")
        assert error.tag == "unknown-element"
        assert error.info == {base("bad-element"): "now"}
        error = client.error('<discard-changes><now xmlns="urn:x"/></discard-changes>')
        assert error.tag == "unknown-namespace"

    def test_a_fault_of_ours_tells_nothing_but_a_reference(self, client, caplog):
        error = client.error(f'<add xmlns="{EX}"><a>666</a></add>')
        assert (error.tag, error.type) == ("operation-failed", "application")
        assert error.message.startswith("internal error, reference ")
        assert "shadow" not in etree.tostring(error.element).decode()
        assert error.message.rpartition(" ")[2] in caplog.text
        assert "ZeroDivisionError" in caplog.text


class TestEnd:
    def test_close_session_is_answered_and_what_follows_is_not(self, client):
        client.session.receive(encode_chunked(rpc(1, "<close-session/>")) + encode_chunked(rpc(2)))
        assert message_ids(client) == ["1"]
        assert client.disconnected

    def test_locks_are_free_after_the_end(self, rig):
        first, second = rig.client(), rig.client()
        first.ok("<lock><target><candidate/></target></lock>")
        first.ok(edit(users("fred")))
        assert second.error("<lock><target><candidate/></target></lock>").tag == "lock-denied"
        first.session.connection_lost()
        second.ok("<lock><target><candidate/></target></lock>")
        assert not len(second.data(get_config("candidate")))

    def test_kill_session_ends_the_other_one(self, rig):
        killer, victim = rig.client(), rig.client()
        victim.ok("<lock><target><running/></target></lock>")
        killer.ok(f"<kill-session><session-id>{victim.session.session_id}</session-id></kill-session>")
        assert victim.disconnected
        assert not killer.disconnected
        assert killer.session.established
        assert rig.server.sessions() == [killer.session]
        killer.ok("<lock><target><running/></target></lock>")
        victim.session.receive(encode_chunked(rpc(1)))
        assert victim.read() is None

    @pytest.mark.parametrize("session_id", ["0", "99", "-1", "x", "", "4294967296", "99999999999"])
    def test_kill_session_of_nobody(self, client, session_id):
        error = client.error(f"<kill-session><session-id>{session_id}</session-id></kill-session>")
        assert error.tag == "invalid-value"

    def test_nobody_kills_itself(self, client):
        error = client.error(f"<kill-session><session-id>{client.session.session_id}</session-id></kill-session>")
        assert error.tag == "invalid-value"
        assert not client.disconnected

    def test_kill_session_needs_an_id(self, client):
        assert client.error("<kill-session/>").info == {base("bad-element"): "session-id"}

    def test_what_a_killed_session_locks_in_its_last_request_is_free(self, rig):
        """The kill comes while the victim's lock is being granted."""
        victim, killer = rig.client(), rig.client()
        grant = rig.datastores.lock

        def lock_and_be_killed(target, *, caller):
            victim.session.close("killed in the middle")
            grant(target, caller=caller)

        rig.datastores.lock = lock_and_be_killed
        victim.write(rpc(1, "<lock><target><running/></target></lock>"))
        del rig.datastores.lock
        assert victim.read() is None
        killer.ok("<lock><target><running/></target></lock>")

    def test_a_lost_connection_is_forgotten(self, rig):
        for _ in range(50):
            rig.client().session.connection_lost()
        assert rig.server.sessions() == []
        assert rig.server.counters()[0].dropped_sessions == 50

    def test_a_transport_that_fails_ends_the_session(self, rig):
        client = rig.client()
        client.session._send_bytes = lambda data: (_ for _ in ()).throw(BrokenPipeError())
        client.write(rpc(1))
        assert client.disconnected
        assert rig.server.sessions() == []

    def test_closing_twice_at_once_closes_once(self, rig):
        client = rig.client()
        threads = [threading.Thread(target=client.session.close, args=("test",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert rig.server.counters()[0].in_sessions == 1
        assert rig.server.sessions() == []


class TestServer:
    def test_only_administrators_get_a_session(self, rig):
        with pytest.raises(AccessDeniedError):
            Client(rig.server, Caller("eve", groups=("operators",)))
        assert rig.server.sessions() == []

    def test_the_number_of_sessions_is_limited(self, tmp_path):
        rig = Rig(tmp_path, Limits(sessions=2))
        first, _ = rig.client(), rig.client()
        with pytest.raises(TooManySessionsError):
            rig.client()
        first.session.connection_lost()
        rig.client()
        rig.close()

    def test_a_small_message_limit_counts(self, tmp_path):
        rig = Rig(tmp_path, Limits(message=1000))
        client = rig.client()
        client.write(rpc(1, "<get/>" + " " * 2000))
        assert Error(client.read()[0]).tag == "too-big"
        rig.close()

    def test_session_ids_are_not_used_again(self, rig):
        first = rig.client().session
        first.connection_lost()
        assert rig.client().session.session_id == first.session_id + 1

    def test_the_caller_knows_the_session(self, rig):
        client = rig.client()
        assert client.session.caller.session_id == client.session.session_id
        assert client.session.caller.user == ADMINISTRATOR.user

    def test_close_ends_all_sessions(self, rig):
        clients = [rig.client() for _ in range(3)]
        rig.server.close()
        assert all(client.disconnected for client in clients)


def test_a_large_upload_costs_no_quadratic_time(client):
    notes = "x" * 1000
    content = "".join(f"<user><name>u{n}</name><full-name>{notes}</full-name></user>" for n in range(2000))
    assert len(content) > 2 * MEGABYTE
    client.ok(edit(f'<top xmlns="{EX}"><users>{content}</users></top>'))


def test_every_state_but_the_last_can_end():
    assert {state for state, event in TRANSITIONS if event is Event.ENDED} == set(State) - {State.CLOSED}
    assert all(state is not State.CLOSED for state, _ in TRANSITIONS)
