"""Locks and sessions, as several ncclient users see each other."""

import contextlib

import pytest
from lxml import etree
from ncclient.operations import RPCError
from ncclient.transport.errors import SessionCloseError, TransportError

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
SYSTEM = "urn:ietf:params:xml:ns:yang:ietf-system"
NS = {"nc": NC, "ncm": MONITORING}


@pytest.fixture
def two(shared_agent):
    """Two sessions of one administrator."""
    sessions = shared_agent.connect(), shared_agent.connect()
    yield sessions
    for session in sessions:
        with contextlib.suppress(TransportError, SessionCloseError):
            session.close_session()


def refused(call, *arguments, **options):
    with pytest.raises(RPCError) as refusal:
        call(*arguments, **options)
    return refusal.value


def holder(error):
    """The session-id in the error-info of a refusal."""
    return etree.fromstring(error.info.encode()).findtext("nc:session-id", namespaces=NS)


def succeeds(call, *arguments):
    """Whether a request is granted; a refusal can only be that somebody holds the lock."""
    try:
        call(*arguments)
    except RPCError as error:
        if error.tag != "lock-denied":
            raise
        return False
    return True


def edit(m, name, target="candidate"):
    content = f'<config xmlns="{NC}"><system xmlns="{SYSTEM}"><hostname>{name}</hostname></system></config>'
    return m.edit_config(content, target=target)


def hostname(m, source="candidate"):
    return m.get_config(source).data_ele.findtext(f".//{{{SYSTEM}}}hostname")


def state(m, part):
    reply = m.get(("subtree", f'<netconf-state xmlns="{MONITORING}"><{part}/></netconf-state>'))
    return reply.data_ele.find(f".//ncm:{part}", NS)


@pytest.mark.parametrize("target", ["running", "candidate"])
def test_a_lock_names_its_holder(two, target):
    holds, waits = two
    with holds.locked(target):
        error = refused(waits.lock, target)
        assert (error.type, error.tag, error.severity) == ("protocol", "lock-denied", "error")
        assert holder(error) == holds.session_id
        locked = state(waits, "datastores").find(f"ncm:datastore[ncm:name='{target}']/ncm:locks/ncm:global-lock", NS)
        assert locked.findtext("ncm:locked-by-session", namespaces=NS) == holds.session_id
        assert locked.findtext("ncm:locked-time", namespaces=NS).endswith("Z")
        # One's own lock can't be taken again either, and the refusal names oneself.
        assert holder(refused(holds.lock, target)) == holds.session_id
        assert holder(refused(waits.unlock, target)) == holds.session_id
    waits.lock(target)
    waits.unlock(target)
    assert state(waits, "datastores").find(".//ncm:locks", NS) is None


@pytest.mark.parametrize("target", ["running", "candidate"])
def test_who_has_no_lock_can_not_write(two, target):
    holds, waits = two
    with holds.locked(target):
        assert refused(edit, waits, "stolen", target).tag == "in-use"
        assert refused(waits.commit).tag == "in-use"
        edit(holds, "mine", target)
    assert hostname(holds, target) == "mine"
    holds.discard_changes()


def test_a_modified_candidate_can_not_be_locked(two):
    first, second = two
    edit(first, "modified")
    for each in two:
        error = refused(each.lock, "candidate")
        assert error.tag == "lock-denied"
        assert holder(error) == "0"
    second.discard_changes()
    second.lock("candidate")
    second.unlock("candidate")


def test_kill_session_really_kills_the_other_one(two):
    killer, victim = two
    victim.lock("candidate")
    victim.lock("running")
    edit(victim, "never-committed")

    killer.kill_session(victim.session_id)

    # At the moment of the answer everything that the victim had is free, and its changes are gone.
    killer.lock("running")
    killer.lock("candidate")
    assert hostname(killer) == hostname(killer, "running")
    sessions = state(killer, "sessions").xpath("ncm:session/ncm:session-id/text()", namespaces=NS)
    assert killer.session_id in sessions
    assert victim.session_id not in sessions
    with pytest.raises((SessionCloseError, TransportError)):
        victim.get_config("running")
    killer.unlock("candidate")
    killer.unlock("running")


def test_kill_session_of_nobody_and_of_oneself(two):
    first, _ = two
    for session_id in ("4294967295", first.session_id):
        assert refused(first.kill_session, session_id).tag == "invalid-value"
    assert first.connected


def test_a_lost_connection_frees_its_locks(two):
    first, second = two
    first.lock("candidate")
    edit(first, "lost")
    first._session.transport.sock.close()  # as if the cable were cut: no close-session, no SSH goodbye
    # The agent notices on its own time: other clients ask until it has.
    assert any(succeeds(second.lock, "candidate") for _ in range(500))
    assert hostname(second) != "lost"
    second.unlock("candidate")


def test_close_session_ends_and_is_counted(shared_agent):
    with shared_agent.connect() as watching:
        closing = shared_agent.connect()
        entry = state(watching, "sessions").find(f"ncm:session[ncm:session-id='{closing.session_id}']", NS)
        assert entry.findtext("ncm:username", namespaces=NS) == "admin"
        assert entry.findtext("ncm:source-host", namespaces=NS) == "127.0.0.1"
        assert entry.findtext("ncm:transport", namespaces=NS).endswith("netconf-ssh")
        before = state(watching, "statistics")
        closing.close_session()
        assert not closing.connected
        after = state(watching, "statistics")
        sessions = state(watching, "sessions").xpath("ncm:session/ncm:session-id/text()", namespaces=NS)
        assert closing.session_id not in sessions

        def number(statistics, name):
            return int(statistics.findtext(f"ncm:{name}", namespaces=NS))

        assert number(after, "in-sessions") == number(before, "in-sessions")
        assert number(after, "dropped-sessions") == number(before, "dropped-sessions")
        assert number(after, "in-rpcs") >= number(before, "in-rpcs") + 2
