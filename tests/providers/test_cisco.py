"""The Cisco-named models: the same keys and certificates under the names that collectors know."""

import pytest

from agent.northbound.errors import ProviderError
from agent.pki.keys import KeyType
from agent.yang.errors import DataError
from tests.providers.test_trustpoints import configuration, make_keys

ACT = "/Cisco-IOS-XR-crypto-act:"
KEYS = "Cisco-IOS-XR-crypto-cepki-new-oper:crypto-cepki"
CERTIFICATES = "Cisco-IOS-XR-crypto-cepki-oper:crypto-certificate-authority"
REBOOTS = "Cisco-IOS-XR-linux-os-reboot-history-oper:reboot-history"


def labels(bench):
    return [(pair.type.value, pair.label, pair.usage.value, pair.size) for pair in bench.services.key_store.list()]


@pytest.mark.parametrize(
    ("rpc", "request_", "made"),
    [
        ("key-generate-rsa", {"key-label": "k", "key-modulus": 1024}, ("rsa", "k", "general", 1024)),
        ("key-generate-rsa-general-keys", {"key-modulus": 1024}, ("rsa", "the_default", "general", 1024)),
        ("key-generate-rsa-usage-keys", {"key-label": "u", "key-modulus": 1024}, ("rsa", "u", "usage", 1024)),
        ("key-generate-dsa", {"key-modulus": 1024}, ("dsa", "the_default", "general", 1024)),
        ("key-generate-ecdsa", {"key-modulus": "nistp384"}, ("ecdsa-nistp384", "the_default", "general", 384)),
        ("key-generate-ed25519", {"key-label": "system-root-key"}, ("ed25519", "system-root-key", "general", 256)),
    ],
)
def test_keys_are_made_under_ciscos_names(bench, rpc, request_, made):
    assert bench.call(ACT + rpc, request_) == {}

    assert labels(bench) == [made]


def test_a_modulus_is_mandatory_and_limited(bench):
    for request in ({}, {"key-modulus": 511}, {"key-modulus": 4097}):
        with pytest.raises(Exception, match=r"key-modulus|512"):
            bench.call(ACT + "key-generate-rsa", request)
    with pytest.raises(DataError):
        bench.call(ACT + "key-generate-ecdsa", {"key-modulus": "nistp192"})


@pytest.mark.parametrize(
    ("rpc", "request_", "tag", "path"),
    [
        ("key-generate-dsa", {"key-modulus": 512}, "operation-not-supported", "key-modulus"),
        ("key-generate-ed25519", {"key-label": "two words"}, "invalid-value", "key-label"),
        ("key-zeroize-rsa", {"key-label": "ghost"}, "data-missing", "key-label"),
        ("ca-authenticate", {"server-name": "gho'st"}, "data-missing", "server-name"),
        ("ca-enroll", {"server-name": "ghost"}, "data-missing", "server-name"),
    ],
)
def test_refusals_name_ciscos_leaf(bench, rpc, request_, tag, path):
    with pytest.raises(ProviderError) as refusal:
        bench.call(ACT + rpc, request_)

    assert (refusal.value.tag, refusal.value.path) == (tag, path)


def test_zeroizing_by_label_and_without(bench):
    store = bench.services.key_store
    for key_type, label in (
        (KeyType.ED25519, "a"),
        (KeyType.ED25519, "b"),
        (KeyType.ECDSA_NISTP256, "a"),
        (KeyType.ECDSA_NISTP384, "a"),
        (KeyType.DSA, "a"),
    ):
        store.generate(key_type, label)

    bench.call(ACT + "key-zeroize-ecdsa", {"key-modulus": "nistp256", "key-label": "a"})
    bench.call(ACT + "key-zeroize-ed25519")
    bench.call(ACT + "key-zeroize-dsa")

    assert [pair.type for pair in store.list()] == [KeyType.ECDSA_NISTP384]
    assert bench.call(ACT + "key-zeroize-rsa") == {}


def test_public_keys_are_listed_by_type(bench):
    store = bench.services.key_store
    for key_type in KeyType:
        size = 1024 if key_type in (KeyType.RSA, KeyType.DSA) else None
        store.generate(key_type, "system-root-key", size=size)
    store.generate(KeyType.ECDSA_NISTP256, 'no"cisco/name')

    listed = bench.state()[KEYS]["mypubkey"]

    assert set(listed) == {"rsa-keys", "dsa-keys", "ecdsa"}
    [rsa] = listed["rsa-keys"]["rsa-key"]
    assert rsa["key-label"] == rsa["rsa-key-name"] == "system-root-key"
    assert (rsa["key-type"], rsa["key-size"]) == ("RSA General purpose", 1024)
    assert rsa["key-creation-time"] == int(bench.clock.now().timestamp())
    assert rsa["key-data"].startswith("30819F30 0D06092A")
    [p521] = listed["ecdsa"]["nistp521-keys"]["nistp521-key"]
    assert p521["degree"] == 521
    assert len(listed["ecdsa"]["nistp256-keys"]["nistp256-key"]) == 1


def test_a_trustpoint_is_enrolled_and_read_under_ciscos_names(bench):
    for label in ("system-root-key", "system-enroll-key"):
        bench.call(ACT + "key-generate-ecdsa", {"key-modulus": "nistp256", "key-label": label})
    bench.commit(configuration())
    name = {"server-name": "system-trustpoint"}
    assert bench.call(ACT + "ca-authenticate", name) == bench.call(ACT + "ca-enroll", name) == {}

    [trustpoint] = bench.state()[CERTIFICATES]["trustpoints"]["trustpoint"]
    [ours] = bench.state()["trustconf-trustpoints:trustpoints"]["trustpoint"]

    assert set(trustpoint) == {"name", "router-certificate", "certificate-authority-certificate"}
    root = trustpoint["certificate-authority-certificate"]
    assert root["finger-print"] == ours["certificate"][0]["sha1-fingerprint"]
    assert root["serial-num"] == ours["certificate"][0]["serial-number"]
    assert root["certificate-data"] == ours["certificate"][0]["pem"]
    # uint64 is a string in RFC 7951.
    leaf = trustpoint["router-certificate"]
    assert int(leaf["certificate-expires-on"]) - int(leaf["certificate-valid-from"]) == 300 * 86400
    bench.call(ACT + "ca-clear-certificates", name)
    assert CERTIFICATES not in bench.state()


def test_a_failure_under_ciscos_name_shows_in_our_state(bench):
    make_keys(bench)
    bench.commit(configuration())
    bench.call("/trustconf-keys:zeroize-key-pair", {"type": "ecdsa-nistp256", "label": "system-root-key"})

    with pytest.raises(ProviderError):
        bench.call(ACT + "ca-authenticate", {"server-name": "system-trustpoint"})

    [ours] = bench.state()["trustconf-trustpoints:trustpoints"]["trustpoint"]
    assert "system-root-key" in ours["last-error"]


def test_reboots_of_the_one_node(bench):
    [node] = bench.state()[REBOOTS]["node"]

    assert node["node-name"] == "0/RP0/CPU0"
    [start] = node["reboot-history"]
    assert (start["no"], start["time"]) == (1, "Wed Feb 25 06:13:20 2026")


def test_a_host_that_tells_of_no_start_has_no_node(bench):
    (bench.root / "proc/stat").unlink()

    assert REBOOTS not in bench.state()
