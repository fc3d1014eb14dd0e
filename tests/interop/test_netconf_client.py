"""`netconf.client` of the netconf package: an independent client with its own habits: prefixes everywhere,
also on the message-id."""

import paramiko
import pytest
from lxml import etree
from netconf.client import NetconfSSHSession
from netconf.error import RPCError

from tests.agent_process import ADMIN

NC = "{urn:ietf:params:xml:ns:netconf:base:1.0}"
SYSTEM = "urn:ietf:params:xml:ns:yang:ietf-system"
TIMEOUT = 30


@pytest.fixture
def session(shared_agent):
    # The package hands its "password" to paramiko, which also takes a key.
    key = paramiko.PKey.from_path(shared_agent.key_file)
    with NetconfSSHSession("127.0.0.1", shared_agent.port, ADMIN, key) as session:
        yield session


def hostname(name):
    return (
        f'<nc:config xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"><sys:system xmlns:sys="{SYSTEM}">'
        f"<sys:hostname>{name}</sys:hostname></sys:system></nc:config>"
    )


def test_hello(session):
    assert session.session_id > 0
    assert "urn:ietf:params:netconf:base:1.1" in session.capabilities


def test_edit_and_read_back(session):
    reply = session.edit_config("candidate", "merge", hostname("by-netconf-client"), "test-then-set", timeout=TIMEOUT)
    assert reply.find(NC + "ok") is not None
    session.send_rpc("<nc:commit/>", TIMEOUT)
    by_subtree = session.get_config("running", f'<system xmlns="{SYSTEM}"><hostname/></system>', TIMEOUT)
    by_xpath = session.get_config("running", "/*[local-name()='system']/*[local-name()='hostname']", TIMEOUT)
    for data in (by_subtree, by_xpath):
        assert etree.tostring(data[0], method="text", encoding=str) == "by-netconf-client"
        assert len(data[0]) == 1


def test_state_is_in_get_only(session):
    assert session.get(f'<system-state xmlns="{SYSTEM}"/>', TIMEOUT)[0].tag == f"{{{SYSTEM}}}system-state"
    assert not len(session.get_config("running", f'<system-state xmlns="{SYSTEM}"/>', TIMEOUT))


def test_lock_and_unlock(session, shared_agent):
    session.lock("candidate", TIMEOUT)
    key = paramiko.PKey.from_path(shared_agent.key_file)
    with NetconfSSHSession("127.0.0.1", shared_agent.port, ADMIN, key) as other:
        with pytest.raises(RPCError) as refusal:
            other.lock("candidate", TIMEOUT)
        assert refusal.value.get_error_tag() == "lock-denied"
    session.unlock("candidate", TIMEOUT)


def test_pipelined_requests_are_all_answered(session):
    messages = [
        session.get_config_async("running", f'<system xmlns="{SYSTEM}"><hostname/></system>') for _ in range(50)
    ]
    for message in reversed(messages):
        _, reply, _ = session.wait_reply(message, TIMEOUT)
        assert reply.find(NC + "data") is not None


def test_refusals_reach_the_client(session):
    with pytest.raises(RPCError) as refusal:
        session.send_rpc("<nc:no-such-operation/>", TIMEOUT)
    assert refusal.value.get_error_tag() == "operation-not-supported"
