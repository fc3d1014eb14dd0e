"""Subscriptions as ncclient's users have them, and a subscriber that stops reading."""

import paramiko
import pytest
from lxml import etree
from ncclient.operations import RPCError

from examples import journey
from tests.agent_process import ADMIN
from tests.interop.raw_netconf import EOM, hello, rpc

NOTIFICATION = "urn:ietf:params:xml:ns:netconf:notification:1.0"
NS = {"n": NOTIFICATION, "tck": journey.NS["tck"], "tct": journey.NS["tct"], "tcs": journey.NS["tcs"]}
TIMEOUT = 30
SUBSCRIBE = f'<create-subscription xmlns="{NOTIFICATION}"/>'


@pytest.fixture
def m(shared_agent):
    with shared_agent.connect() as manager:
        yield manager


@pytest.fixture
def subscriber(shared_agent):
    with shared_agent.connect() as manager:
        yield manager


def take(subscriber):
    """(name of the event, its element) of the next notification."""
    notification = subscriber.take_notification(timeout=TIMEOUT)
    assert notification is not None, "no notification came"
    time, event = notification.notification_ele
    assert time.tag == f"{{{NOTIFICATION}}}eventTime"
    assert time.text.endswith("Z")
    return etree.QName(event).localname, event


def take_until(subscriber, name):
    """The next event of that name."""
    while True:
        found, event = take(subscriber)
        if found == name:
            return event


def text(event, path):
    return event.findtext(path, namespaces=NS)


def test_key_changed(m, subscriber):
    subscriber.create_subscription()
    journey.generate_key(m, "ed25519", "noisy")
    generated = take_until(subscriber, "key-changed")
    assert text(generated, "tck:change") == "generated"
    assert text(generated, "tck:label") == "noisy"
    assert text(generated, "tck:type").endswith("ed25519")
    journey.zeroize_key(m, "ed25519", "noisy")
    assert text(take_until(subscriber, "key-changed"), "tck:change") == "zeroized"


def test_certificate_installed(m, subscriber):
    subscriber.create_subscription(filter=("subtree", f'<certificate-installed xmlns="{NS["tct"]}"/>'))
    for label in ("system-root-key", "system-enroll-key"):
        journey.generate_key(m, "ed25519", label)
    journey.configure_trustpoint(m, "ed25519")
    journey.authenticate(m)
    journey.enroll(m)
    for role in ("ca", "router"):
        name, event = take(subscriber)
        assert name == "certificate-installed"
        assert text(event, "tct:trustpoint") == journey.TRUSTPOINT
        assert text(event, "tct:role") == role
        assert len(text(event, "tct:sha256-fingerprint")) == 64


@pytest.mark.parametrize(
    "wanted",
    [
        ("subtree", f'<key-changed xmlns="{NS["tck"]}"><label>wanted</label></key-changed>'),
        ("xpath", ({"tck": NS["tck"]}, "/tck:key-changed[tck:label='wanted']")),
    ],
    ids=["subtree", "xpath"],
)
def test_a_filter_lets_events_pass_whole_or_not_at_all(m, subscriber, wanted):
    subscriber.create_subscription(filter=wanted)
    for label in ("unwanted", "wanted", "also-not", "wanted"):
        journey.generate_key(m, "ed25519", label)
    for _ in range(2):
        name, event = take(subscriber)
        assert (name, text(event, "tck:label")) == ("key-changed", "wanted")
        assert text(event, "tck:size") == "256"


def test_interleave(subscriber):
    """The session that has the subscription goes on working, and is told of what it does itself."""
    subscriber.create_subscription()
    for number in range(20):
        journey.generate_key(subscriber, "ed25519", f"own-{number}")
        assert len(subscriber.get_config("running").data_ele)
    assert [text(take_until(subscriber, "key-changed"), "tck:label") for _ in range(20)] == [
        f"own-{number}" for number in range(20)
    ]


def test_a_refused_request_is_an_audit_event(m, subscriber):
    subscriber.create_subscription(filter=("subtree", f'<audit-event xmlns="{NS["tcs"]}"/>'))
    with pytest.raises(RPCError):
        journey.zeroize_key(m, "ed25519", "ghost")
    _, event = take(subscriber)
    assert text(event, "tcs:user") == ADMIN
    assert text(event, "tcs:session-id") == m.session_id
    assert text(event, "tcs:source") == "127.0.0.1"
    assert (text(event, "tcs:outcome"), text(event, "tcs:target")) == ("failure", "ghost")


def test_what_can_not_be_subscribed_to(subscriber):
    for arguments, tag in (
        ({"stream_name": "SNMP"}, "invalid-value"),
        ({"start_time": "2026-01-01T00:00:00Z"}, "operation-not-supported"),
        ({"filter": ("xpath", "/nope:x[")}, "invalid-value"),
    ):
        with pytest.raises(RPCError) as refusal:
            subscriber.create_subscription(**arguments)
        assert refusal.value.tag == tag
    subscriber.create_subscription(stream_name="NETCONF")
    with pytest.raises(RPCError) as refusal:
        subscriber.create_subscription()
    assert refusal.value.tag == "operation-failed"


@pytest.fixture
def stalled(shared_agent):
    """An SSH channel with a subscription whose client has stopped reading: its window fills up."""
    client = paramiko.Transport(("127.0.0.1", shared_agent.port))
    client.connect(username=ADMIN, pkey=paramiko.PKey.from_path(shared_agent.key_file))
    channel = client.open_session(window_size=32 * 1024)
    channel.invoke_subsystem("netconf")
    channel.sendall(hello("1.0") + rpc(SUBSCRIBE) + EOM)
    received = b""
    while received.count(EOM) < 2:
        received += channel.recv(65536)
    assert b"<ok/>" in received
    yield channel
    client.close()


def test_a_subscriber_that_does_not_read_delays_nobody(m, subscriber, stalled):
    subscriber.create_subscription(filter=("subtree", f'<key-changed xmlns="{NS["tck"]}"/>'))
    labels = [f"{'long' * 25}-{number}" for number in range(60)]
    for label in labels:
        journey.generate_key(m, "ed25519", label)
        assert text(take(subscriber)[1], "tck:label") == label
    # It was slow, not lost: what it did not take waits for it, whole and in order.
    assert not stalled.closed
    received = b""
    while labels[-1].encode() not in received or not received.endswith(EOM):
        received += stalled.recv(65536)
    assert len(received) > 32 * 1024
    events = [etree.fromstring(message) for message in received.split(EOM) if message]
    assert [text(event, ".//tck:label") for event in events if event.find("tck:key-changed", NS) is not None] == labels


@pytest.mark.exhaustive
def test_a_subscriber_that_never_reads_is_closed(m, stalled):
    """The queue has an end (tests/netconf shows it in no time); then the session goes, and everybody else stays."""
    for _ in range(5000):
        with pytest.raises(RPCError):
            journey.zeroize_key(m, "ed25519", "ghost")
        if stalled.closed:
            break
    assert stalled.closed
    assert len(m.get_config("running").data_ele)
