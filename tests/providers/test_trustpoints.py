"""Trustpoints with `enrollment self`: configured, authenticated, enrolled, re-keyed, cleared."""

import base64
from datetime import timedelta

import pytest
from cryptography import x509

from agent.northbound.contract import StateQuery
from agent.northbound.errors import ProviderError
from agent.providers.trustpoints.state import TrustpointState
from agent.yang.errors import ValidationFailure

GENERATE = "/trustconf-keys:generate-key-pair"
ZEROIZE = "/trustconf-keys:zeroize-key-pair"
AUTHENTICATE = "/trustconf-trustpoints:authenticate"
ENROLL = "/trustconf-trustpoints:enroll"
CLEAR = "/trustconf-trustpoints:clear-certificates"
SYSTEM_TRUSTPOINT = {"trustpoint": "system-trustpoint"}


def configuration(key_type="ecdsa-nistp256", **leaves):
    """The guide's example. A leaf that is None is left out."""
    trustpoint = {
        "name": "system-trustpoint",
        "enrollment": {"url": "self"},
        "keypair": {"type": f"trustconf-keys:{key_type}", "label": "system-enroll-key"},
        "ca-keypair": {"type": f"trustconf-keys:{key_type}", "label": "system-root-key"},
        "subject-name": "CN=lab1-ads,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR",
        "subject-name-ca-certificate": "CN=lab1-ca,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR",
        "key-usage": {
            "certificate": "digitalsignature keyagreement dataencipherment",
            "ca-certificate": "digitalsignature keycertsign crlsign",
        },
        "lifetime": {"certificate": 300, "ca-certificate": 367},
        "message-digest": "trustconf-trustpoints:sha256",
        **leaves,
    }
    kept = {name: value for name, value in trustpoint.items() if value is not None}
    return {
        "ietf-system:system": {"hostname": "ios", "trustconf-system:domain-name": "cisco.com"},
        "trustconf-trustpoints:trustpoints": {"trustpoint": [kept]},
    }


def make_keys(bench, key_type="ecdsa-nistp256"):
    for label in ("system-root-key", "system-enroll-key"):
        bench.call(GENERATE, {"type": key_type, "label": label})


def enrolled(bench, key_type="ecdsa-nistp256", **leaves):
    make_keys(bench, key_type)
    bench.commit(configuration(key_type, **leaves))
    bench.call(AUTHENTICATE, SYSTEM_TRUSTPOINT)
    bench.call(ENROLL, SYSTEM_TRUSTPOINT)


def shown(bench):
    [trustpoint] = bench.state()["trustconf-trustpoints:trustpoints"]["trustpoint"]
    return trustpoint


def certificates(bench):
    return {entry["role"]: entry for entry in shown(bench).get("certificate", [])}


@pytest.mark.parametrize("key_type", ["rsa", "ecdsa-nistp256", "ed25519"])
def test_the_guides_example_from_configuration_to_certificates(bench, key_type):
    make_keys(bench, key_type)
    bench.commit(configuration(key_type))
    assert shown(bench) == {
        "name": "system-trustpoint",
        "configured": True,
        "enrollment-state": "not-authenticated",
        "next-step": "Authenticate the certification authority with authenticate.",
        "used-by": ["signatures of dossiers and of utility sign"],
    }

    root = bench.call(AUTHENTICATE, SYSTEM_TRUSTPOINT)
    assert root["enrollment-state"] == shown(bench)["enrollment-state"] == "authenticated"
    leaf = bench.call(ENROLL, SYSTEM_TRUSTPOINT)
    assert leaf["enrollment-state"] == shown(bench)["enrollment-state"] == "granted"

    by_role = certificates(bench)
    assert list(by_role) == ["ca", "router"]
    serial = bench.state()["ietf-system:system-state"]["trustconf-system:agent"]["serial-number"]
    assert by_role["router"]["subject"] == (
        f"serialNumber={serial},unstructuredName=ios.cisco.com,OU=ASR,O=cisco systems,L=San Jose,ST=CA,C=US,CN=lab1-ads"
    )
    assert by_role["router"]["issuer"] == by_role["ca"]["subject"] == by_role["ca"]["issuer"]
    assert by_role["router"]["valid-to"] == "2026-12-26T12:00:00Z"
    assert by_role["router"]["status"] == "available"
    assert [entry["position"] for entry in by_role.values()] == [0, 0]
    assert by_role["router"].items() >= leaf["certificate"][0].items()
    parsed = {role: x509.load_der_x509_certificate(base64.b64decode(entry["der"])) for role, entry in by_role.items()}
    parsed["router"].verify_directly_issued_by(parsed["ca"])
    assert x509.load_pem_x509_certificate(by_role["ca"]["pem"].encode()) == parsed["ca"]


def test_the_ed25519_example_of_the_guide_needs_nothing_but_keys(bench):
    make_keys(bench, "ed25519")
    bench.commit(
        configuration(
            "ed25519",
            enrollment=None,
            lifetime=None,
            **{"subject-name": None, "subject-name-ca-certificate": None, "key-usage": None, "message-digest": None},
        )
    )

    bench.call(AUTHENTICATE, SYSTEM_TRUSTPOINT)
    bench.call(ENROLL, SYSTEM_TRUSTPOINT)

    assert certificates(bench)["ca"]["subject"].endswith("unstructuredName=ios.cisco.com")
    assert certificates(bench)["router"]["valid-to"] == "2026-09-17T12:00:00Z"


@pytest.mark.parametrize(
    ("leaves", "app_tag", "remedy"),
    [
        ({"lifetime": {"certificate": 400, "ca-certificate": 367}}, "lifetime-beyond-ca", "lower lifetime/certificate"),
        ({"lifetime": {"certificate": 365}}, "lifetime-beyond-ca", "lower lifetime/certificate"),
        ({"ca-keypair": None}, "ca-keypair-missing", "set ca-keypair"),
        (
            {"keypair": {"type": "trustconf-keys:ecdsa-nistp256", "label": "system-root-key"}},
            "keypairs-equal",
            "change",
        ),
        ({"key-usage": {"ca-certificate": "digitalsignature crlsign"}}, "keycertsign-missing", "add keycertsign"),
    ],
)
def test_contradictions_that_the_model_knows_are_refused_with_the_remedy(bench, leaves, app_tag, remedy):
    with pytest.raises(ValidationFailure) as refusal:
        bench.commit(configuration(**leaves))

    [error] = refusal.value.errors
    assert error.app_tag == app_tag
    assert remedy in error.message


@pytest.mark.parametrize(
    ("leaves", "app_tag", "leaf"),
    [
        ({"subject-name": "CN=a,,"}, "invalid-trustpoint", "subject-name"),
        ({"subject-name-ca-certificate": "XX=1"}, "invalid-trustpoint", "subject-name-ca-certificate"),
        ({"message-digest": "trustconf-trustpoints:md5"}, "digest-not-supported", "message-digest"),
        ({"message-digest": "trustconf-trustpoints:sha1"}, "digest-not-supported", "message-digest"),
    ],
)
def test_contradictions_that_the_library_knows_name_the_leaf(bench, leaves, app_tag, leaf):
    with pytest.raises(ProviderError) as refusal:
        bench.commit(configuration(**leaves))

    assert (refusal.value.tag, refusal.value.app_tag) == ("invalid-value", app_tag)
    assert refusal.value.path.startswith("/trustconf-trustpoints:trustpoints/trustpoint[")
    assert refusal.value.path.endswith(f"]/{leaf}")


def test_a_digest_is_no_matter_to_ed25519(bench):
    enrolled(bench, "ed25519", **{"message-digest": "trustconf-trustpoints:md5"})

    assert shown(bench)["enrollment-state"] == "granted"


def test_address_and_serial_number_are_in_the_subject_as_configured(bench):
    enrolled(bench, **{"ip-address": "10.1.1.1", "serial-number": False})

    assert "unstructuredAddress=10.1.1.1" in certificates(bench)["router"]["subject"]
    assert "unstructuredAddress" not in certificates(bench)["ca"]["subject"]
    assert "serialNumber" not in certificates(bench)["router"]["subject"]


def test_a_device_without_a_serial_number_says_what_to_do(bench):
    make_keys(bench)
    (bench.root / "etc/machine-id").unlink()
    with pytest.raises(ProviderError) as refusal:
        bench.commit(configuration())
    assert refusal.value.app_tag == "no-serial-number"
    assert "set serial-number to false" in refusal.value.message

    enrolled(bench, **{"serial-number": False})

    assert shown(bench)["enrollment-state"] == "granted"


@pytest.mark.parametrize("path", [AUTHENTICATE, ENROLL])
def test_a_trustpoint_that_is_not_configured_can_not_get_certificates(bench, path):
    for name in ("ghost", "system-trustpoint"):
        with pytest.raises(ProviderError) as refusal:
            bench.call(path, {"trustpoint": name})
        assert (refusal.value.tag, refusal.value.path) == ("data-missing", "trustpoint")


def test_a_key_that_is_missing_is_told_and_remembered_until_it_works(bench):
    make_keys(bench)
    bench.commit(configuration())
    bench.call(ZEROIZE, {"type": "ecdsa-nistp256", "label": "system-root-key"})
    assert shown(bench)["enrollment-state"] == "key-missing"

    with pytest.raises(ProviderError) as refusal:
        bench.call(AUTHENTICATE, SYSTEM_TRUSTPOINT)

    assert (refusal.value.tag, refusal.value.app_tag) == ("data-missing", "key-not-found")
    assert "system-root-key" in shown(bench)["last-error"]
    make_keys(bench)
    bench.call(AUTHENTICATE, SYSTEM_TRUSTPOINT)
    assert "last-error" not in shown(bench)


def test_a_trustpoint_must_be_authenticated_first(bench):
    make_keys(bench)
    bench.commit(configuration())

    with pytest.raises(ProviderError) as refusal:
        bench.call(ENROLL, SYSTEM_TRUSTPOINT)

    assert (refusal.value.tag, refusal.value.app_tag) == ("operation-failed", "not-authenticated")


def test_a_trustpoint_that_is_not_complete_may_be_committed_but_not_used(bench):
    bench.commit(configuration(enrollment=None, **{"ca-keypair": None}))

    with pytest.raises(ProviderError, match="set ca-keypair"):
        bench.call(AUTHENTICATE, SYSTEM_TRUSTPOINT)

    bench.commit(configuration(name="other", enrollment=None))
    with pytest.raises(ProviderError, match="set enrollment/url"):
        bench.call(AUTHENTICATE, {"trustpoint": "other"})


def test_the_leaf_is_rekeyed_under_the_same_root(bench):
    enrolled(bench)
    before = certificates(bench)
    bench.call(GENERATE, {"type": "ecdsa-nistp256", "label": "system-enroll-key"})

    bench.call(ENROLL, SYSTEM_TRUSTPOINT)

    after = certificates(bench)
    assert after["ca"] == before["ca"]
    assert after["router"]["sha256-fingerprint"] != before["router"]["sha256-fingerprint"]


def test_a_root_with_another_key_must_be_authenticated_again(bench):
    enrolled(bench)
    bench.call(GENERATE, {"type": "ecdsa-nistp256", "label": "system-root-key"})

    with pytest.raises(ProviderError) as refusal:
        bench.call(ENROLL, SYSTEM_TRUSTPOINT)
    assert refusal.value.app_tag == "key-changed"

    assert bench.call(AUTHENTICATE, SYSTEM_TRUSTPOINT)["enrollment-state"] == "authenticated"
    assert list(certificates(bench)) == ["ca"]


def test_rsa_usage_keys_get_a_certificate_each(bench):
    make_keys(bench, "rsa")
    bench.call(GENERATE, {"type": "rsa", "label": "system-enroll-key", "usage": "usage"})
    bench.commit(configuration("rsa"))
    bench.call(AUTHENTICATE, SYSTEM_TRUSTPOINT)
    bench.call(ENROLL, SYSTEM_TRUSTPOINT)

    assert list(certificates(bench)) == ["ca", "router-signature", "router-encryption"]


def test_the_status_follows_the_clock(bench):
    enrolled(bench)

    bench.clock.advance(timedelta(days=301))

    assert certificates(bench)["router"]["status"] == "expired"
    assert certificates(bench)["ca"]["status"] == "available"


def test_with_a_trustpoint_its_certificates_go_and_who_used_them_is_told(bench):
    enrolled(bench)

    bench.commit({})

    assert "trustconf-trustpoints:trustpoints" not in bench.state()
    last = bench.told("/trustconf-trustpoints:enrollment-status-changed")[-1]
    assert last == {
        "trustpoint": "system-trustpoint",
        "previous-enrollment-state": "granted",
        "enrollment-state": "unconfigured",
        "used-by": ["signatures of dossiers and of utility sign"],
    }
    assert bench.call(CLEAR, SYSTEM_TRUSTPOINT) == {"cleared": 0}
    bench.commit(configuration())
    assert shown(bench)["enrollment-state"] == "not-authenticated"


def test_a_key_pair_that_does_not_exist_is_refused_unless_the_same_commit_makes_it(bench):
    config = configuration("rsa")
    with pytest.raises(ProviderError) as refusal:
        bench.commit(config)
    assert (refusal.value.tag, refusal.value.app_tag) == ("invalid-value", "key-not-found")
    assert refusal.value.path.endswith("[name='system-trustpoint']/keypair")
    assert "generate-key-pair" in refusal.value.message

    keys = {"rsa-key": [{"label": "leaf", "size": 1024}, {"label": "root", "size": 1024}]}
    [trustpoint] = config["trustconf-trustpoints:trustpoints"]["trustpoint"]
    trustpoint["keypair"]["label"], trustpoint["ca-keypair"]["label"] = "leaf", "root"
    bench.commit({**config, "trustconf-keys:keys": keys})
    assert bench.call(AUTHENTICATE, SYSTEM_TRUSTPOINT)["enrollment-state"] == "authenticated"


def test_everything_that_happens_is_told(bench):
    enrolled(bench)
    bench.call(CLEAR, SYSTEM_TRUSTPOINT)

    states = [
        (told["previous-enrollment-state"], told["enrollment-state"])
        for told in bench.told("/trustconf-trustpoints:enrollment-status-changed")
    ]
    assert states == [
        ("not-authenticated", "authenticated"),
        ("authenticated", "granted"),
        ("granted", "not-authenticated"),
    ]
    installed = bench.told("/trustconf-trustpoints:certificate-installed")
    assert [told["role"] for told in installed] == ["ca", "router"]
    assert installed[1]["issuer"] == installed[0]["subject"]
    actions = [told["action"] for told in bench.told("/trustconf-system:audit-event")]
    assert actions[-3:] == ["authenticate", "enroll", "clear-certificates"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (StateQuery(), ["left", "other"]),
        (StateQuery(keys={"name": "left"}), ["left"]),
        (StateQuery(keys={"name": "other"}), ["other"]),
        (StateQuery(keys={"name": "ghost"}), []),
        (StateQuery(keys={"name": "it's"}), []),
        (StateQuery(children=frozenset({"certificate"})), ["left", "other"]),
        (StateQuery(children=frozenset({"description", "lifetime"})), []),
    ],
)
def test_only_what_a_filter_can_match_is_looked_up(bench, query, names):
    make_keys(bench)
    both = configuration(name="left")
    both["trustconf-trustpoints:trustpoints"]["trustpoint"].append({"name": "other"})
    bench.commit(both)

    assert sorted(record["name"] for record in TrustpointState(bench.services).trustpoints(query)) == names
