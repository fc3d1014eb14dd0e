"""Enrolling with SCEP at the front door: NETCONF to the agent, HTTP from it to a certification authority."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from lxml import etree
from ncclient.manager import Manager

from tests.enrollment.operator import TCT, Operator
from tests.enrollment.scep import NON_RSA, SKIP_CHALLENGE, WEAK, authenticated, enrolled, loaded, retry
from tests.peers.scep_messages import BAD_REQUEST, FAIL_INFO_TEXT, FAIL_INFO_TEXT_OF_STEP_CA, MessageKind
from tests.peers.scep_responder import fingerprint
from tests.peers.scep_rules import FOREVER, NO_CAPS, OLD_CAPS, Rejection, Reply


@pytest.fixture
def subscriber(shared_agent_on_a_clock) -> Iterator[Manager]:
    with shared_agent_on_a_clock.connect() as session:
        yield session


def events_of(subscriber: Manager, trustpoint: str, last: str) -> list[tuple[str, str]]:
    """(event, state or role) of a trustpoint, until its state is `last`."""
    seen = []
    while True:
        notification = subscriber.take_notification(timeout=60)
        assert notification is not None, seen
        _, event = notification.notification_ele
        if event.findtext(f"{{{TCT}}}trustpoint") != trustpoint:
            continue
        what = event.findtext(f"{{{TCT}}}enrollment-state") or event.findtext(f"{{{TCT}}}role")
        seen.append((etree.QName(event).localname, what))
        if what == last:
            return seen


def test_the_whole_way_with_a_fingerprint(operator: Operator, scep_responder):
    responder = scep_responder(challenge="secret")
    operator.generate("first")
    operator.configure("first", responder.url, "first", extra="<subject-name>CN=router1,O=example</subject-name>")
    assert operator.state("first") == "not-authenticated"

    outcome = operator.call("authenticate", trustpoint="first", fingerprint=fingerprint(responder.ca.root))
    assert outcome["enrollment-state"] == "authenticated"

    refused = operator.refused("enroll", trustpoint="first", challenge_password="guess")
    assert "wrong challenge password" in refused.message
    outcome = operator.call("enroll", trustpoint="first", challenge_password="secret")
    assert outcome["enrollment-state"] == "granted"
    assert "CN=router1" in operator.certificates("first")["router"]["subject"]


def test_pending_is_polled_by_period_until_it_is_granted(clocked: Operator, subscriber: Manager, scep_responder):
    agent = clocked.agent
    responder = scep_responder(pending=FOREVER)
    subscriber.create_subscription(filter=("xpath", "/*"))
    authenticated(clocked, "slow", responder, enrollment=retry(5, 2))
    outcome = clocked.call("enroll", trustpoint="slow")
    assert outcome["enrollment-state"] == "pending"
    request = outcome["request"]
    assert (request["method"], request["attempts"], request["attempts-allowed"]) == ("scep", "0", "5")
    planned = datetime.fromisoformat(request["next-attempt"]) - datetime.fromisoformat(request["started"])
    assert timedelta(minutes=2) <= planned <= timedelta(minutes=3)

    agent.advance(minutes=1)
    agent.advance(minutes=1, seconds=5)
    request = clocked.wait_for_attempt("slow", 1)["request"]
    assert len(responder.ca.wait_for(1, MessageKind.CERT_POLL)) == 1
    assert datetime.fromisoformat(request["next-attempt"]) - datetime.fromisoformat(request["started"]) > planned
    assert clocked.refused("enroll", trustpoint="slow").tag == "in-use"

    responder.ca.approve()
    agent.advance(minutes=2)
    trustpoint = clocked.wait_for("slow", "granted")
    assert "request" not in trustpoint
    assert "last-error" not in trustpoint
    transactions = {request.transaction_id for request in responder.ca.requests}
    assert len(transactions) == 1

    seen = events_of(subscriber, "slow", "granted")
    states = [what for event, what in seen if event == "enrollment-status-changed"]
    assert states[-4:] == ["authenticated", "requesting", "pending", "granted"]
    if ("certificate-installed", "router") not in seen:
        events_of(subscriber, "slow", "router")


def test_giving_up_and_cancelling(clocked: Operator, scep_responder):
    agent = clocked.agent
    responder = scep_responder(pending=FOREVER)
    authenticated(clocked, "never", responder, enrollment=retry(2))
    clocked.call("enroll", trustpoint="never")
    agent.advance(minutes=1)
    clocked.wait_for_attempt("never", 1)
    agent.advance(minutes=1)
    trustpoint = clocked.wait_for("never", "rejected")
    assert "2 times without a decision" in trustpoint["last-error"]
    assert "request" not in trustpoint
    agent.advance(minutes=5)

    assert clocked.call("enroll", trustpoint="never")["enrollment-state"] == "pending"
    outcome = clocked.call("cancel-enrollment", trustpoint="never")
    assert outcome["enrollment-state"] == "authenticated"
    agent.advance(minutes=5)
    assert clocked.call("cancel-enrollment", trustpoint="never")["enrollment-state"] == "authenticated"
    assert len(responder.ca.wait_for(4)) == 4


CAPABILITIES = {
    "aes-256": ({"cipher": "aes-256", "digest": "sha512"}, ("POST", "aes-128", "sha512")),
    "old": ({"caps": OLD_CAPS, "cipher": "3des", "digest": "sha1"}, ("GET", "3des", "sha1")),
    "none": ({"caps": NO_CAPS, "cipher": "des", "digest": "sha1"}, ("GET", "3des", "sha1")),
}


@pytest.mark.parametrize("server", CAPABILITIES)
def test_what_the_server_can_decides(operator: Operator, scep_responder, server):
    rules, (method, cipher, digest) = CAPABILITIES[server]
    weak = digest == "sha1"
    responder = scep_responder(**rules)
    name = f"caps-{server}"
    authenticated(operator, name, responder)
    if weak:
        refused = operator.refused("enroll", trustpoint=name)
        assert refused.app_tag == "enrollment-rejected"
        assert "enrollment/allow-weak-algorithms" in refused.message
        assert operator.state(name) == "rejected"
        assert f"trustpoint {name}: request signature uses" not in operator.agent.log
        operator.configure(name, responder.url, name, enrollment=WEAK)
    assert operator.call("enroll", trustpoint=name)["enrollment-state"] == "granted"
    request = responder.ca.requests[-1]
    assert request.method == method
    if weak:
        assert (request.cipher, request.digest) == (cipher, digest)
        logged = [
            line for line in operator.agent.log.splitlines() if f"trustpoint {name}:" in line and " uses " in line
        ]
        for use in ("request signature", "request encryption", "answer signature", "answer encryption"):
            assert any(use in line for line in logged), (use, logged)


def test_renewal_is_signed_by_the_certificate_in_service(operator: Operator, scep_responder):
    responder = scep_responder(challenge="secret")
    authenticated(operator, "renew", responder, extra="<renewal-message-type>renewalreq</renewal-message-type>")
    operator.call("enroll", trustpoint="renew", challenge_password="secret")
    first = loaded(operator.certificates("renew")["router"])

    # It needs no password: the certificate proves who asks.
    operator.call("enroll", trustpoint="renew")
    second = loaded(operator.certificates("renew")["router"])
    assert responder.ca.requests[-1].kind is MessageKind.RENEWAL_REQ
    assert responder.ca.requests[-1].sender == first
    assert second != first
    assert [one["serial-number"] for one in operator.trustpoint("renew")["previous-certificate"]]

    # A CA that does not know RenewalReq gets a PKCSReq, with the same signature.
    responder.rules.caps = b"POSTPKIOperation\nSHA-256\nAES\n"
    operator.call("enroll", trustpoint="renew")
    assert responder.ca.requests[-1].kind is MessageKind.PKCS_REQ
    assert responder.ca.requests[-1].sender == second


def test_usage_keys_have_two_requests_and_two_certificates(clocked: Operator, scep_responder):
    responder = scep_responder()
    clocked.generate("usage", size=1024, usage="usage")
    clocked.configure("usage", responder.url, "usage", extra=SKIP_CHALLENGE)
    clocked.call("authenticate", trustpoint="usage", fingerprint=fingerprint(responder.ca.root))
    responder.ca.answer_with(Reply(), Reply(status=3), Reply(status=3), Reply())
    outcome = clocked.call("enroll", trustpoint="usage")
    assert outcome["enrollment-state"] == "pending"
    granted = {one["role"]: one["granted"] for one in outcome["request"]["certificate-request"]}
    assert sorted(granted.values()) == ["false", "true"]
    assert set(clocked.certificates("usage")) == {"ca"}

    clocked.agent.advance(minutes=1)
    clocked.wait_for_attempt("usage", 1)
    clocked.agent.advance(minutes=1)
    clocked.wait_for("usage", "granted")
    found = clocked.certificates("usage")
    assert set(found) == {"ca", "router-signature", "router-encryption"}
    usages = {role: loaded(found[role]).extensions.get_extension_for_class(x509.KeyUsage).value for role in granted}
    assert usages["router-signature"].digital_signature
    assert not usages["router-signature"].key_encipherment
    assert usages["router-encryption"].key_encipherment
    assert not usages["router-encryption"].digital_signature
    keys = {loaded(found[role]).public_key().public_numbers().n for role in granted}
    assert len(keys) == 2
    kinds = [request.kind for request in responder.ca.requests]
    assert kinds.count(MessageKind.PKCS_REQ) == kinds.count(MessageKind.CERT_POLL) == 2


@pytest.mark.parametrize("oid", [FAIL_INFO_TEXT, FAIL_INFO_TEXT_OF_STEP_CA])
def test_a_refusal_says_why(operator: Operator, scep_responder, oid):
    responder = scep_responder(rejection=Rejection(BAD_REQUEST, "not in my\x1b[31m network", oid))
    name = f"refused-{len(oid)}"
    authenticated(operator, name, responder)
    refused = operator.refused("enroll", trustpoint=name)
    assert refused.app_tag == "enrollment-rejected"
    assert "not in my [31m network" in refused.message
    trustpoint = operator.trustpoint(name)
    assert trustpoint["enrollment-state"] == "rejected"
    assert trustpoint["last-error"] == refused.message
    assert "enroll again" in trustpoint["next-step"]
    responder.rules.rejection = None
    assert operator.call("enroll", trustpoint=name)["enrollment-state"] == "granted"
    assert "last-error" not in operator.trustpoint(name)


def test_what_the_authority_changes_is_told(operator: Operator, scep_responder):
    responder = scep_responder(rename=lambda _: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "renamed")]))
    with operator.agent.connect() as subscriber:
        subscriber.create_subscription(filter=("subtree", f'<certificate-installed xmlns="{TCT}"/>'))
        own = enrolled(operator, "named", responder)
        assert own["subject"] == "CN=renamed"
        (change,) = own["changed-by-ca"]
        assert change.startswith("subject: CN=renamed instead of ")
        while True:
            _, event = subscriber.take_notification(timeout=60).notification_ele
            if event.findtext(f"{{{TCT}}}role") == "router":
                break
        assert event.findtext(f"{{{TCT}}}changed-by-ca") == change
    assert f"trustpoint named: the certification authority changed the {change}" in operator.agent.log


def test_an_expired_certificate_is_not_put_into_service(operator: Operator, scep_responder):
    responder = scep_responder(not_before=timedelta(days=-3), lifetime=timedelta(days=2))
    authenticated(operator, "stale", responder)
    assert "expired" in operator.refused("enroll", trustpoint="stale").message
    assert set(operator.certificates("stale")) == {"ca"}


def test_what_else_a_server_can_be_asked(operator: Operator, scep_responder):
    responder = scep_responder(tiers=2)
    other = enrolled(operator, "asked-before", responder)
    own = enrolled(operator, "asking", responder)

    found = operator.call("get-certificate", trustpoint="asking", serial_number=other["serial-number"])
    assert found["pem"] == other["pem"]
    assert "refused" in operator.refused("get-certificate", trustpoint="asking", serial_number="77").message

    assert operator.call("get-crl", trustpoint="asking")["revoked"] == "0"
    responder.ca.revoke(loaded(other))
    crl = operator.call("get-crl", trustpoint="asking")
    assert crl["revoked"] == "1"
    serial = int(other["serial-number"].replace(":", ""), 16)
    assert x509.load_pem_x509_crl(crl["pem"].encode()).get_revoked_certificate_by_serial_number(serial)

    assert "404" in operator.refused("get-next-ca", trustpoint="asking").message
    following = responder.ca.prepare_rollover(tiers=2)
    chain = operator.call("get-next-ca", trustpoint="asking")["certificate"]
    assert [one["sha256-fingerprint"] for one in chain] == [fingerprint(ca) for ca in reversed(following.chain)]
    # Nothing of it is kept.
    assert operator.certificates("asking")["router"] == own
    assert operator.state("asking") == "granted"


def test_weak_answers_to_queries_are_logged_too(operator: Operator, scep_responder):
    responder = scep_responder(caps=OLD_CAPS, cipher="3des", digest="sha1")
    enrolled(operator, "weakly-asking", responder, enrollment=WEAK)
    before = operator.agent.log.count("trustpoint weakly-asking: answer signature uses sha1")
    operator.call("get-crl", trustpoint="weakly-asking")
    assert operator.agent.log.count("trustpoint weakly-asking: answer signature uses sha1") == before + 1


CHALLENGE = "correct-horse-battery-staple"


def test_the_challenge_password_is_nowhere(clocked: Operator, scep_responder):
    agent = clocked.agent
    responder = scep_responder(challenge=CHALLENGE, pending=2)
    authenticated(clocked, "discreet", responder, extra="")
    replies = [clocked.call("enroll", trustpoint="discreet", challenge_password=CHALLENGE)]
    replies.append(clocked.trustpoint("discreet"))
    agent.advance(minutes=1)
    replies.append(clocked.wait_for_attempt("discreet", 1))
    # Neither while it is under way nor afterwards.
    for _ in range(2):
        for path in agent.state.rglob("*"):
            if path.is_file():
                assert CHALLENGE.encode() not in path.read_bytes(), path
        agent.advance(minutes=1)
        clocked.wait_for("discreet", "granted")
    replies.append(clocked.trustpoint("discreet"))
    responder.rules.rejection = Rejection(BAD_REQUEST, "no")
    replies.append(clocked.refused("enroll", trustpoint="discreet", challenge_password=CHALLENGE).xml)
    assert responder.ca.requests[0].challenge == CHALLENGE
    assert CHALLENGE not in str(replies)
    assert CHALLENGE not in agent.log


def key_in_service(operator: Operator, name: str) -> x509.Certificate:
    """The certificate that is exported with its key."""
    exported = operator.call("export-pkcs12", trustpoint=name, password="export-me")
    key, certificate, _ = pkcs12.load_key_and_certificates(base64.b64decode(exported["pkcs12"]), b"export-me")
    assert key.public_key() == certificate.public_key()
    return certificate


def test_a_new_key_pair_and_its_certificate_go_into_service_together(clocked: Operator, scep_responder):
    responder = scep_responder()
    old = loaded(enrolled(clocked, "rekey", responder))
    responder.rules.pending = 1
    assert clocked.call("enroll", trustpoint="rekey", regenerate_key_pair=True)["enrollment-state"] == "pending"
    # Until then the old ones serve.
    assert key_in_service(clocked, "rekey") == old
    clocked.agent.advance(minutes=1)
    clocked.wait_for("rekey", "granted")
    new = key_in_service(clocked, "rekey")
    assert new.public_key() != old.public_key()

    for expected in (old, new, old):
        assert clocked.call("restore-certificates", trustpoint="rekey")["enrollment-state"] == "granted"
        assert key_in_service(clocked, "rekey") == expected
    # A renewal is signed with what is in service, whatever came before.
    responder.rules.pending = 0
    clocked.call("enroll", trustpoint="rekey", regenerate_key_pair=True)
    assert responder.ca.requests[-1].sender == old
    assert key_in_service(clocked, "rekey") not in (old, new)


def test_a_refused_new_key_pair_leaves_nothing_behind(operator: Operator, scep_responder):
    responder = scep_responder()
    old = loaded(enrolled(operator, "norekey", responder))
    responder.rules.rejection = Rejection(BAD_REQUEST, "no")
    operator.refused("enroll", trustpoint="norekey", regenerate_key_pair=True)
    assert key_in_service(operator, "norekey") == old
    assert operator.refused("restore-certificates", trustpoint="norekey").app_tag == "nothing-to-restore"
    responder.rules.rejection = None
    operator.call("enroll", trustpoint="norekey")
    assert key_in_service(operator, "norekey").public_key() == old.public_key()


def test_a_key_pair_of_two_trustpoints_is_not_made_anew_for_one(operator: Operator, scep_responder):
    responder = scep_responder()
    enrolled(operator, "sharing", responder)
    operator.configure("shared", responder.url, "sharing", extra=SKIP_CHALLENGE)
    operator.call("authenticate", trustpoint="shared", fingerprint=fingerprint(responder.ca.root))
    refused = operator.refused("enroll", trustpoint="shared", regenerate_key_pair=True)
    assert (refused.tag, refused.app_tag) == ("in-use", "key-pair-shared")
    assert "certificates of sharing too" in refused.message
    assert operator.call("enroll", trustpoint="shared")["enrollment-state"] == "granted"
    assert key_in_service(operator, "sharing") != key_in_service(operator, "shared")
    operator.call("clear-certificates", trustpoint="sharing")
    operator.call("enroll", trustpoint="shared", regenerate_key_pair=True)


def test_a_key_pair_that_is_replaced_meanwhile_ends_the_enrollment(clocked: Operator, scep_responder):
    responder = scep_responder(pending=1)
    authenticated(clocked, "replaced", responder, type="ecdsa-nistp256", enrollment=NON_RSA)
    clocked.call("enroll", trustpoint="replaced")
    clocked.generate("replaced", "ecdsa-nistp256")
    clocked.agent.advance(minutes=1)
    trustpoint = clocked.wait_for("replaced", "rejected")
    assert "another key pair" in trustpoint["last-error"]
    assert set(clocked.certificates("replaced")) == {"ca"}


def test_authenticating_again_ends_an_enrollment(clocked: Operator, scep_responder):
    responder = scep_responder(pending=FOREVER)
    authenticated(clocked, "again", responder)
    clocked.call("enroll", trustpoint="again")
    clocked.call("authenticate", trustpoint="again", fingerprint=fingerprint(responder.ca.root))
    assert clocked.state("again") == "authenticated"
    clocked.agent.advance(minutes=5)
    assert clocked.state("again") == "authenticated"
    assert len(responder.ca.requests) == 1
