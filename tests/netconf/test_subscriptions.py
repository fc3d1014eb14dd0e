"""Notifications (RFC 5277): who asked gets them, whole, after the reply, and nobody waits for a slow reader."""

import threading

import pytest
from lxml import etree

from agent.events import Event
from agent.netconf.limits import Limits
from agent.netconf.namespaces import BASE, NOTIFICATION, base
from agent.yang.notifications import notification_document
from tests.netconf.models import EX, canonical
from tests.netconf.rig import Rig, get_config, subtree


def subscribe(inside=""):
    return f'<create-subscription xmlns="{NOTIFICATION}">{inside}</create-subscription>'


def names(notifications):
    return [leaf.text for message in notifications for leaf in message.iter(f"{{{EX}}}name")]


def deliver(*clients):
    for client in clients:
        client.session.subscription.deliver()


@pytest.mark.parametrize(
    "inside",
    ["", "<stream>NETCONF</stream>", f'<filter xmlns="{BASE}" type="subtree"><alarm xmlns="{EX}"/></filter>'],
    ids=["", "stream", "a filter in the base namespace"],
)
def test_a_subscriber_gets_events_with_time_and_content(rig, client, inside):
    client.ok(subscribe(inside))
    rig.publish("fire", 3)
    deliver(client)
    (message,) = client.notifications()
    assert [child.tag for child in message] == [f"{{{NOTIFICATION}}}eventTime", f"{{{EX}}}alarm"]
    assert message[0].text == "2026-01-31T12:00:00Z"
    assert [(leaf.tag, leaf.text) for leaf in message[1]] == [(f"{{{EX}}}name", "fire"), (f"{{{EX}}}severity", "3")]


def test_events_from_before_the_subscription_do_not_come(rig, client):
    rig.publish("early", 1)
    client.ok(subscribe())
    rig.publish("late", 1)
    deliver(client)
    assert names(client.notifications()) == ["late"]


def test_others_get_none(rig, client):
    other = rig.client()
    client.ok(subscribe())
    rig.publish("fire", 3)
    deliver(client)
    assert other.notifications() == []
    assert not other.session.has_subscription
    assert client.session.has_subscription


def test_requests_go_on_between_events(rig, client):
    client.ok(subscribe())
    rig.publish("one", 1)
    deliver(client)
    assert names(client.notifications()) == ["one"]
    assert client.rpc(get_config())[0].tag == base("data")
    rig.publish("two", 1)
    deliver(client)
    assert names(client.notifications()) == ["two"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f'<alarm xmlns="{EX}"><severity>3</severity></alarm>', ["fire"]),
        (f'<alarm xmlns="{EX}"/>', ["fire", "dust"]),
        ('<alarm xmlns=""/>', ["fire", "dust"]),
        ('<alarm xmlns="urn:x"/>', []),
        ("", []),
    ],
)
def test_a_subtree_filter_lets_whole_events_pass(rig, client, content, expected):
    client.ok(subscribe(subtree(content)))
    rig.publish("fire", 3)
    rig.publish("dust", 1)
    deliver(client)
    assert names(client.notifications()) == expected


def test_an_xpath_filter(rig, client):
    client.ok(subscribe(f'<filter type="xpath" xmlns:e="{EX}" select="/e:alarm[e:severity > 2]"/>'))
    rig.publish("fire", 3)
    rig.publish("dust", 1)
    deliver(client)
    assert names(client.notifications()) == ["fire"]


DOWN = "/example-config:top/hosts/host/link/down"


def publish_down(rig, site, number, reason):
    rig.bus.publish(Event(rig.clock.now(), DOWN, {"reason": reason}, ({"site": site, "number": number},)))


def reasons(notifications):
    return [leaf.text for message in notifications for leaf in message.iter(f"{{{EX}}}reason")]


def down(site, number, reason):
    return (
        f'<top xmlns="{EX}"><hosts><host><site>{site}</site><number>{number}</number>'
        f"<link><down><reason>{reason}</reason></down></link></host></hosts></top>"
    )


def test_an_event_inside_data_is_sent_as_the_path_to_it(rig, client):
    client.ok(subscribe())
    publish_down(rig, "bonn", "2", "unplugged")
    rig.publish("fire", 3)
    deliver(client)
    inside, top = client.notifications()
    assert [child.tag for child in inside] == [f"{{{NOTIFICATION}}}eventTime", f"{{{EX}}}top"]
    assert canonical(etree.tostring(inside[1])) == canonical(down("bonn", "2", "unplugged"))
    assert top[1].tag == f"{{{EX}}}alarm"


def below_host(content):
    return subtree(f'<top xmlns="{EX}"><hosts><host>{content}</host></hosts></top>')


def xpath(expression):
    return f'<filter type="xpath" xmlns:e="{EX}" select="{expression}"/>'


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (subtree(f'<top xmlns="{EX}"/>'), ["a", "b"]),
        (below_host("<site>bonn</site>"), ["a"]),
        (below_host("<link><down/></link>"), ["a", "b"]),
        (below_host("<link><down><reason>b</reason></down></link>"), ["b"]),
        # What the notification does not have can't be asked for, though the data have it.
        (below_host("<link><speed/></link>"), []),
        (subtree(f'<top xmlns="{EX}"><users/></top>'), []),
        (subtree(f'<alarm xmlns="{EX}"/>'), []),
        (xpath("//e:down"), ["a", "b"]),
        (xpath("/e:top/e:hosts/e:host[e:site='rome']"), ["b"]),
        (xpath("/e:top/e:hosts/e:host[e:site='bonn'][e:number=2]//e:reason"), ["a"]),
        (xpath("//e:down[../../e:number &gt; 2]"), ["b"]),
        (xpath("//e:speed"), []),
        (xpath("/e:down"), []),
    ],
)
def test_a_filter_on_events_inside_data(rig, client, wanted, expected):
    client.ok(subscribe(wanted))
    publish_down(rig, "bonn", "2", "a")
    publish_down(rig, "rome", "3", "b")
    deliver(client)
    assert reasons(client.notifications()) == expected


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ((), "inside 1 lists"),
        (({"site": "bonn"},), "the keys of"),
        (({"site": "bonn", "number": "2", "colour": "red"},), "the keys of"),
        (({"site": "bonn", "number": "2"}, {"name": "x"}), "inside 1 lists"),
    ],
)
def test_an_event_inside_data_without_its_keys_is_a_fault_of_the_program(rig, keys, complaint):
    with pytest.raises(ValueError, match=complaint):
        notification_document(rig.server.services.schema, DOWN, keys, {"reason": "x"})


@pytest.mark.parametrize("path", ["/example-config:top/hosts/host", "/example-config:down", "/example-config:add"])
def test_only_notifications_have_documents(rig, path):
    with pytest.raises(KeyError):
        notification_document(rig.server.services.schema, path, (), {})


@pytest.mark.parametrize(
    ("inside", "tag"),
    [
        ("<stream>SNMP</stream>", "invalid-value"),
        ("<startTime>2026-01-01T00:00:00Z</startTime>", "operation-not-supported"),
        ("<stopTime>2027-01-01T00:00:00Z</stopTime>", "missing-element"),
        ('<filter type="xpath" select="]["/>', "invalid-value"),
        ('<filter type="xpath"/>', "missing-attribute"),
        ('<filter type="odd"/>', "bad-attribute"),
        ("<colour/>", "unknown-element"),
    ],
)
def test_what_is_refused_leaves_no_subscription(rig, client, inside, tag):
    assert client.error(subscribe(inside)).tag == tag
    assert not client.session.has_subscription
    assert not rig.background


def test_one_subscription_a_session(client):
    client.ok(subscribe())
    assert client.error(subscribe()).tag == "operation-failed"


def test_a_slow_subscriber_delays_nobody_and_is_cut_off(tmp_path):
    rig = Rig(tmp_path, Limits(queued_notifications=5))
    slow, quick = rig.client(), rig.client()
    slow.ok(subscribe())
    quick.ok(subscribe())
    for number in range(6):
        rig.publish(f"event-{number}", 1)
        deliver(quick)
    assert len(quick.notifications()) == 6
    assert not slow.disconnected, "the publisher itself must not close anything"
    while rig.background:
        work = rig.background.pop()
        if "close" in work.__name__:
            work()
            break
    assert slow.disconnected
    assert rig.server.sessions() == [quick.session]
    rig.publish("after", 1)
    deliver(quick)
    assert names(quick.notifications()) == ["after"]
    rig.close()


def test_the_pump_runs_until_the_session_ends(rig, client):
    client.ok(subscribe())
    (pump,) = rig.background
    arrived = threading.Event()
    take = client.session._send_bytes
    client.session._send_bytes = lambda data: (take(data), arrived.set())
    thread = threading.Thread(target=pump)
    thread.start()
    rig.publish("fire", 3)
    assert arrived.wait(10)
    client.session.connection_lost()
    thread.join(10)
    assert not thread.is_alive()
    assert names(client.notifications()) == ["fire"]


def test_an_event_that_can_not_be_encoded_is_logged_and_the_rest_comes(rig, client, caplog):
    client.ok(subscribe())
    rig.publish("bad", "not a number")
    with pytest.raises(Exception, match="severity"):
        deliver(client)
    rig.publish("good", 1)
    deliver(client)
    assert names(client.notifications()) == ["good"]


def test_a_closed_session_listens_no_more(rig, client):
    client.ok(subscribe())
    subscription = client.session.subscription
    client.session.connection_lost()
    rig.publish("fire", 3)
    subscription.deliver()
    assert client.notifications() == []


def test_notifications_are_counted(rig, client):
    client.ok(subscribe())
    rig.publish("fire", 3)
    deliver(client)
    assert client.session.counters.out_notifications == 1
