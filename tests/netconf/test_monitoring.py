"""/netconf-state, the YANG library and the event streams as a client reads them."""

from datetime import timedelta

from lxml import etree

from agent.netconf.errors import RequestError, RpcError
from agent.netconf.namespaces import MONITORING, base
from tests.netconf.models import EX, schema
from tests.netconf.rig import subtree

LIBRARY = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
STREAMS = "urn:ietf:params:xml:ns:netmod:notification"


def read(client, namespace, top, part):
    """{leaf: text} for each element called by the last name of `part`."""
    element = client.data(f'<get>{subtree(f"""<{top} xmlns="{namespace}"><{part}/></{top}>""")}</get>')
    return element[0][0] if len(element) else None


def leaves(element):
    return {child.tag.rpartition("}")[2]: child.text for child in element if not len(child)}


def test_capabilities_are_those_of_the_hello(client):
    listed = [leaf.text for leaf in read(client, MONITORING, "netconf-state", "capabilities")]
    assert listed == [item.text for item in client.greeting.iter(base("capability"))]


def test_datastores_show_their_locks(rig, client):
    rig.clock.advance(timedelta(minutes=1))
    client.ok("<lock><target><running/></target></lock>")
    running, candidate = read(client, MONITORING, "netconf-state", "datastores")
    assert (leaves(running), leaves(candidate)) == ({"name": "running"}, {"name": "candidate"})
    (lock,) = running.iter(f"{{{MONITORING}}}global-lock")
    assert leaves(lock) == {
        "locked-by-session": str(client.session.session_id),
        "locked-time": "2026-01-31T12:01:00Z",
    }
    assert not len(list(candidate.iter(f"{{{MONITORING}}}locks")))


def test_sessions_and_their_counters(rig, client):
    other = rig.client()
    other.write("<rpc")
    other.read()
    other.error("<fly/>")
    entries = [leaves(entry) for entry in read(client, MONITORING, "netconf-state", "sessions")]
    mine, others = sorted(entries, key=lambda entry: int(entry["session-id"]))
    assert mine["username"] == "ada"
    assert mine["source-host"] == "192.0.2.7"
    assert mine["login-time"] == "2026-01-31T12:00:00Z"
    assert mine["transport"].endswith("netconf-ssh")
    assert (mine["in-rpcs"], mine["in-bad-rpcs"], mine["out-rpc-errors"]) == ("1", "0", "0")
    assert (others["in-rpcs"], others["in-bad-rpcs"], others["out-rpc-errors"]) == ("1", "1", "2")


def test_one_session_by_its_id(rig, client):
    rig.client()
    wanted = f"<sessions><session><session-id>{client.session.session_id}</session-id><username/></session></sessions>"
    found = client.data(f'<get>{subtree(f"""<netconf-state xmlns="{MONITORING}">{wanted}</netconf-state>""")}</get>')
    assert [leaves(entry) for entry in found.iter(f"{{{MONITORING}}}session")] == [
        {"session-id": str(client.session.session_id), "username": "ada"}
    ]


def test_statistics_keep_what_ended_sessions_counted(rig, client):
    other = rig.client()
    other.error("<fly/>")
    other.session.connection_lost()
    statistics = leaves(read(client, MONITORING, "netconf-state", "statistics"))
    assert statistics == {
        "netconf-start-time": "2026-01-31T12:00:00Z",
        "in-bad-hellos": "0",
        "in-sessions": "2",
        "dropped-sessions": "1",
        "in-rpcs": "2",
        "in-bad-rpcs": "0",
        "out-rpc-errors": "1",
        "out-notifications": "0",
    }


def test_a_reply_with_several_errors_counts_once(rig, client):
    def refuse(**_):
        raise RequestError(RpcError("operation-failed", "One."), RpcError("operation-failed", "Two."))

    rig.datastores.commit = refuse
    assert len(client.errors("<commit/>")) == 2
    (mine,) = (leaves(entry) for entry in read(client, MONITORING, "netconf-state", "sessions"))
    assert mine["out-rpc-errors"] == "1"


def test_who_is_killed_or_closes_is_not_dropped(rig, client):
    victim, polite = rig.client(), rig.client()
    polite.ok("<close-session/>")
    client.ok(f"<kill-session><session-id>{victim.session.session_id}</session-id></kill-session>")
    victim.session.connection_lost()
    statistics = leaves(read(client, MONITORING, "netconf-state", "statistics"))
    assert (statistics["in-sessions"], statistics["dropped-sessions"]) == ("3", "0")


def test_the_yang_library_lists_all_modules_and_the_content_id(client):
    (library,) = client.data(f'<get>{subtree(f"""<yang-library xmlns="{LIBRARY}"/>""")}</get>')
    names = {leaf.text for leaf in library.iterfind(f".//{{{LIBRARY}}}module/{{{LIBRARY}}}name")}
    imported = {leaf.text for leaf in library.iterfind(f".//{{{LIBRARY}}}import-only-module/{{{LIBRARY}}}name")}
    assert names == {module.name for module in schema().modules.values() if module.implemented}
    assert imported == {module.name for module in schema().modules.values() if not module.implemented}
    assert library.findtext(f"{{{LIBRARY}}}content-id") == schema().content_id
    datastores = [
        leaf.text.rpartition(":")[2] for leaf in library.iterfind(f"{{{LIBRARY}}}datastore/{{{LIBRARY}}}name")
    ]
    assert sorted(datastores) == ["candidate", "operational", "running"]


def test_the_older_modules_state_says_the_same(client):
    (state,) = client.data(f'<get>{subtree(f"""<modules-state xmlns="{LIBRARY}"/>""")}</get>')
    assert state.findtext(f"{{{LIBRARY}}}module-set-id") == schema().content_id
    entries = {entry["name"]: entry for entry in map(leaves, state.iterfind(f"{{{LIBRARY}}}module"))}
    assert set(entries) == set(schema().modules)
    assert entries["example-config"]["conformance-type"] == "implement"
    assert entries["example-config"]["namespace"] == EX
    assert entries["ietf-yang-types"]["conformance-type"] == "import"


def test_there_is_one_event_stream(client):
    (netconf,) = client.data(f'<get>{subtree(f"""<netconf xmlns="{STREAMS}"/>""")}</get>')
    (stream,) = netconf.iter(f"{{{STREAMS}}}stream")
    assert leaves(stream)["name"] == "NETCONF", etree.tostring(netconf)
    assert leaves(stream)["replaySupport"] == "false"
