"""The keystore of RFC 9642: key pairs with their certificates, requests, and the warning that a certificate expires."""

import base64
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import pkcs7

from agent.netconf.messages import write_notification
from agent.northbound.contract import StateQuery
from agent.northbound.errors import ProviderError
from agent.pki.keys import KeyPurpose, KeyType
from agent.providers.keystore.expiration import SETTLING, ExpirationWatch
from agent.providers.keystore.state import KeystoreState
from agent.providers.keystore.vocabulary import entry_name, parse_entry_name
from agent.yang import json_codec
from agent.yang.notifications import notification_document
from agent.yang.xml_codec import encode
from tests.pki.request_infos import request_info, verified_by_openssl
from tests.pki.trustpoints import openssl
from tests.providers.bench import SCHEMA
from tests.providers.test_trustpoints import (
    AUTHENTICATE,
    CLEAR,
    ENROLL,
    GENERATE,
    SYSTEM_TRUSTPOINT,
    ZEROIZE,
    configuration,
    enrolled,
)
from tests.yang.yanglint import complaints_about_notification

KEY = "/ietf-keystore:keystore/asymmetric-keys/asymmetric-key"
GENERATE_CSR = f"{KEY}/generate-csr"
EXPIRATION = f"{KEY}/certificates/certificate/certificate-expiration"
INSTALLED = "/trustconf-trustpoints:certificate-installed"
AUDIT = "/trustconf-system:audit-event"
LEAF_KEY = "ecdsa-nistp256:system-enroll-key"
ROOT_KEY = "ecdsa-nistp256:system-root-key"
LEAF = "system-trustpoint:router"
ROOT = "system-trustpoint:ca"


def keystore(bench):
    shown = bench.state().get("ietf-keystore:keystore", {}).get("asymmetric-keys", {}).get("asymmetric-key", [])
    return {entry["name"]: entry for entry in shown}


def certificates(entry):
    listed = entry.get("certificates", {}).get("certificate", [])
    return {certificate["name"]: base64.b64decode(certificate["cert-data"]) for certificate in listed}


def generate(bench, key_type="ed25519", label="lab", **options):
    return bench.call(GENERATE, {"type": key_type, "label": label, **options})


def csr(bench, name, info):
    request = {"csr-format": "ietf-crypto-types:p10-csr-format", "csr-info": base64.b64encode(info).decode()}
    return base64.b64decode(bench.call(GENERATE_CSR, request, ({"name": name},))["p10-csr"])


# What is shown


@pytest.mark.parametrize("key_type", [key_type for key_type in KeyType if key_type is not KeyType.DSA])
def test_a_key_pair_is_an_entry_with_its_public_key_and_no_private_one(bench, key_type):
    made = generate(bench, key_type.value)
    assert keystore(bench) == {
        f"{key_type.value}:lab": {
            "name": f"{key_type.value}:lab",
            "public-key-format": "ietf-crypto-types:subject-public-key-info-format",
            "public-key": made["public-key"],
            "hidden-private-key": [None],
        }
    }


def test_usage_keys_are_two_entries(bench):
    made = generate(bench, "rsa", usage="usage", size=1024)
    shown = keystore(bench)
    assert list(shown) == ["rsa-signature:lab", "rsa-encryption:lab"]
    assert shown["rsa-signature:lab"]["public-key"] == made["public-key"]
    assert shown["rsa-encryption:lab"]["public-key"] == made["encryption-public-key"]


def test_no_two_keys_have_one_name():
    labels = ("lab", "signature:lab", "signature", ":", "a:b:c")
    purposes = {KeyType.RSA: tuple(KeyPurpose)}
    keys = [
        (key_type, label, purpose)
        for key_type in KeyType
        for label in labels
        for purpose in purposes.get(key_type, (KeyPurpose.GENERAL,))
    ]
    assert [parse_entry_name(entry_name(*key)) for key in keys] == keys


@pytest.mark.parametrize("name", ["", "rsa", "rsa:", ":lab", "dsa-signature:lab", "RSA:lab", "lab"])
def test_other_names_are_of_no_key(bench, name):
    generate(bench, "rsa", size=1024)
    assert parse_entry_name(name) is None
    state = KeystoreState(bench.services.key_store, bench.services.trustpoint_store)
    assert list(state.asymmetric_keys(StateQuery({"name": name}))) == []


def test_a_key_shows_the_certificates_for_it_with_their_chains(bench, tmp_path):
    enrolled(bench)
    generate(bench)
    shown = keystore(bench)
    assert {name: list(certificates(entry)) for name, entry in shown.items()} == {
        ROOT_KEY: [ROOT],
        LEAF_KEY: [LEAF],
        "ed25519:lab": [],
    }
    leaf = pkcs7.load_der_pkcs7_certificates(certificates(shown[LEAF_KEY])[LEAF])
    root = pkcs7.load_der_pkcs7_certificates(certificates(shown[ROOT_KEY])[ROOT])
    assert root[0] in leaf
    assert (len(leaf), len(root)) == (2, 1)
    # openssl reads the bag, and finds the leaf's key in it.
    (tmp_path / "bag.der").write_bytes(certificates(shown[LEAF_KEY])[LEAF])
    text = openssl("pkcs7", "-inform", "DER", "-in", tmp_path / "bag.der", "-print_certs", "-noout")
    assert "CN = lab1-ads" in text
    assert text.count("subject=") == 2


def test_certificates_of_usage_keys(bench):
    label = "system-enroll-key"
    generate(bench, "rsa", "system-root-key", size=1024)
    generate(bench, "rsa", label, size=1024, usage="usage")
    bench.commit(configuration("rsa"))
    bench.call(AUTHENTICATE, SYSTEM_TRUSTPOINT)
    bench.call(ENROLL, SYSTEM_TRUSTPOINT)
    shown = keystore(bench)
    assert list(certificates(shown[f"rsa-signature:{label}"])) == ["system-trustpoint:router-signature"]
    assert list(certificates(shown[f"rsa-encryption:{label}"])) == ["system-trustpoint:router-encryption"]


def test_a_new_key_has_no_certificate_of_the_old_one(bench):
    enrolled(bench)
    generate(bench, "ecdsa-nistp256", "system-enroll-key")
    assert certificates(keystore(bench)[LEAF_KEY]) == {}
    bench.call(ZEROIZE, {"type": "ecdsa-nistp256", "label": "system-enroll-key"})
    assert LEAF_KEY not in keystore(bench)


def test_certificates_are_not_read_for_a_filter_that_does_not_want_them(bench, monkeypatch):
    enrolled(bench)
    monkeypatch.setattr(bench.services.trustpoint_store, "certificates", None)
    state = KeystoreState(bench.services.key_store, bench.services.trustpoint_store)
    (entry,) = state.asymmetric_keys(StateQuery({"name": LEAF_KEY}, frozenset({"name", "public-key"})))
    assert "certificates" not in entry


# generate-csr


@pytest.mark.parametrize("key_type", ["rsa", "dsa", "ecdsa-nistp256", "ecdsa-nistp384", "ecdsa-nistp521", "ed25519"])
def test_a_request_is_signed_by_the_key_of_the_entry(bench, key_type):
    made = generate(bench, key_type)
    request = csr(bench, f"{key_type}:lab", request_info(base64.b64decode(made["public-key"])))
    assert "router1.example.com" in verified_by_openssl(request)


def test_both_of_the_usage_keys_sign_their_requests(bench):
    made = generate(bench, "rsa", usage="usage", size=1024)
    for purpose, leaf in (("signature", "public-key"), ("encryption", "encryption-public-key")):
        request = csr(bench, f"rsa-{purpose}:lab", request_info(base64.b64decode(made[leaf])))
        verified_by_openssl(request)


def refused(bench, name, info):
    with pytest.raises(ProviderError) as caught:
        csr(bench, name, info)
    return caught.value.tag, caught.value.app_tag, caught.value.path


def test_what_is_refused(bench):
    made = base64.b64decode(generate(bench)["public-key"])
    other = base64.b64decode(generate(bench, label="other")["public-key"])
    assert refused(bench, "ed25519:lab", request_info(other)) == ("invalid-value", "csr-key-mismatch", "csr-info")
    assert refused(bench, "ed25519:lab", b"text") == ("invalid-value", "invalid-csr-info", "csr-info")
    # The instance is there when an action is called; it may be gone when it runs.
    assert refused(bench, "ed25519:gone", request_info(made)) == ("data-missing", "key-not-found", None)
    assert refused(bench, "gone", request_info(made)) == ("data-missing", "key-not-found", None)


def test_a_request_leaves_an_audit_event_with_the_key_and_without_the_request(bench):
    made = base64.b64decode(generate(bench)["public-key"])
    csr(bench, "ed25519:lab", request_info(made, challenge="right horse"))
    refused(bench, "ed25519:lab", b"secret text")
    told = [event for event in bench.told(AUDIT) if event["action"] == "generate-csr"]
    assert [(event["target"], event["outcome"]) for event in told] == [
        ("ed25519:lab", "success"),
        ("ed25519:lab", "failure"),
    ]
    assert "horse" not in json.dumps(told)
    assert "secret" not in json.dumps(told)


# certificate-expiration


class Plan:
    """A scheduler that does what is due when it is told to."""

    def __init__(self, clock):
        self._clock = clock
        self.planned = {}

    def at(self, key, moment, work):
        self.planned[key] = (moment, work)

    async def in_thread(self, function):
        function()

    def run(self):
        """Do all that is due by the clock."""
        while due := [key for key, (moment, _) in self.planned.items() if moment <= self._clock.now()]:
            _, work = self.planned.pop(due[0])
            with pytest.raises(StopIteration):
                work().send(None)

    def settle(self):
        """As `run`, when everybody has had the time to notice."""
        self._clock.advance(SETTLING)
        self.run()

    @property
    def next(self):
        return min(moment for moment, _ in self.planned.values())


@pytest.fixture
def plan(bench):
    plan = Plan(bench.clock)
    ExpirationWatch(bench.services, plan).start()
    return plan


def told(bench):
    """The documents of the warnings so far."""
    found = []
    for event in bench.events:
        if event.path == EXPIRATION:
            document = json_codec.encode(notification_document(SCHEMA, event.path, event.instance_keys, event.content))
            ((_, keys),) = document["ietf-keystore:keystore"].items()
            (key,) = keys["asymmetric-key"]
            (certificate,) = key["certificates"]["certificate"]
            found.append((key["name"], certificate["name"], certificate["certificate-expiration"]["expiration-date"]))
    return found


def advance_to(bench, plan, moment):
    bench.clock.advance(moment - bench.clock.now())
    plan.run()


def test_a_certificate_is_warned_of_by_the_schedule_until_it_ends(bench, plan):
    plan.run()
    end = bench.clock.now() + timedelta(days=300)
    enrolled(bench)
    plan.settle()
    assert told(bench) == []
    days = []
    while plan.next <= end:
        before = len(told(bench))
        advance_to(bench, plan, plan.next)
        if len(told(bench)) > before:
            days.append((end - bench.clock.now()).days)
    # The root ends 67 days after the leaf.
    assert days == [60, 53, 46, 39, 32, 25, 18, 11, 7, 6, 5, 4, 3, 2, 1, 0]
    assert set(told(bench)) == {(LEAF_KEY, LEAF, "2026-12-26T12:00:00Z")}
    assert len(told(bench)) == len(days)
    advance_to(bench, plan, end + timedelta(days=7))
    assert told(bench)[-1] == (ROOT_KEY, ROOT, "2027-03-03T12:00:00Z")


def test_a_certificate_that_ends_soon_is_warned_of_when_it_is_installed_and_once(bench, plan):
    enrolled(bench, lifetime={"certificate": 40, "ca-certificate": 400})
    plan.settle()
    assert told(bench) == [(LEAF_KEY, LEAF, "2026-04-10T12:00:00Z")]
    bench.clock.advance(timedelta(hours=5))
    bench.services.bus.publish(next(event for event in bench.events if event.path == INSTALLED))
    plan.settle()
    assert len(told(bench)) == 1
    # Re-enrolled: another certificate.
    bench.call(ENROLL, SYSTEM_TRUSTPOINT)
    plan.settle()
    assert [end for _, _, end in told(bench)] == ["2026-04-10T12:00:00Z", "2026-04-10T17:00:02Z"]


def test_many_certificates_at_once_are_looked_at_together(bench, plan, monkeypatch):
    plan.run()
    enrolled(bench)
    looks = []
    monkeypatch.setattr(bench.services.trustpoint_store, "names", lambda: looks.append(bench.clock.now()) or [])
    installed = next(event for event in bench.events if event.path == INSTALLED)
    for _ in range(500):
        bench.services.bus.publish(installed)
        bench.clock.advance(SETTLING / 100)
        plan.run()
    assert len(looks) == 5
    # What comes after a look is seen by the next one.
    bench.services.bus.publish(installed)
    plan.settle()
    assert len(looks) == 6


def test_after_a_restart_what_has_ended_is_told_once(bench, plan):
    enrolled(bench)
    plan.settle()
    bench.clock.advance(timedelta(days=500))
    bench.events.clear()
    again = Plan(bench.clock)
    ExpirationWatch(bench.services, again).start()
    again.run()
    advance_to(bench, again, bench.clock.now() + timedelta(days=30))
    assert sorted(name for name, _, _ in told(bench)) == [LEAF_KEY, ROOT_KEY]


def test_certificates_that_are_gone_are_forgotten(bench, plan):
    enrolled(bench)
    plan.settle()
    bench.call(CLEAR, SYSTEM_TRUSTPOINT)
    advance_to(bench, plan, bench.clock.now() + timedelta(days=290))
    assert told(bench) == []


def test_a_look_that_fails_is_not_the_last_one(bench, plan, monkeypatch):
    enrolled(bench, lifetime={"certificate": 40, "ca-certificate": 400})
    with monkeypatch.context() as broken:
        broken.setattr(bench.services.trustpoint_store, "names", None)
        with pytest.raises(TypeError):
            plan.settle()
    advance_to(bench, plan, plan.next)
    assert len(told(bench)) == 1


def test_libyang_reads_the_warning(bench, plan, tmp_path):
    enrolled(bench, lifetime={"certificate": 30, "ca-certificate": 400})
    plan.settle()
    (event,) = [event for event in bench.events if event.path == EXPIRATION]
    document = notification_document(SCHEMA, event.path, event.instance_keys, event.content)
    message = write_notification("2026-03-01T12:00:00Z", encode(document))
    assert complaints_about_notification(tmp_path, SCHEMA, message) == ""
    without_key = message.replace(f"<name>{LEAF_KEY}</name>".encode(), b"")
    assert "missing its key" in complaints_about_notification(tmp_path, SCHEMA, without_key)
