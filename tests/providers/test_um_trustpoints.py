"""Trustpoints of Cisco-IOS-XR-um-crypto-cfg: the same backend as our own list, driven by Cisco's rpcs."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.northbound.errors import ProviderError
from tests.pki.authorities import Authority
from tests.providers.test_um_keys import CRYPTO, GENERAL

ACT = "/Cisco-IOS-XR-crypto-act:"
CERTIFICATES = "Cisco-IOS-XR-crypto-cepki-oper:crypto-certificate-authority"
OURS = "trustconf-trustpoints:trustpoints"
CHANGED = "/trustconf-trustpoints:enrollment-status-changed"
SYSTEM = "system-trustpoint"
TP = {"server-name": "tp"}
SELF = {
    "enrollment": {"self": {}},
    "keypair": {"ecdsanistp256": "system-enroll-key"},
    "ca-keypair": {"ecdsanistp256": "system-root-key"},
    "subject-name": "CN=lab1-ads,C=US",
    "subject-name-ca-certificate": "CN=lab1-ca,C=US",
    "lifetime": {"certificate": 300, "ca-certificate": 367},
    "message-digest": "sha256",
}
DEVICE = {"ietf-system:system": {"hostname": "ios", "trustconf-system:domain-name": "cisco.com"}}


def theirs(system=None, trustpoints=(), **more):
    """The configuration of a device with these trustpoints in Cisco's model."""
    content = {}
    if system is not None:
        content[SYSTEM] = system
    if trustpoints:
        content["trustpoints"] = {"trustpoint": list(trustpoints)}
    return {**DEVICE, CRYPTO: {"ca": {"trustpoint": content}, **more}}


def ours(**leaves):
    """One with the system trustpoint in our list."""
    trustpoint = {
        "name": SYSTEM,
        "enrollment": {"url": "self"},
        "keypair": {"type": "trustconf-keys:ecdsa-nistp256", "label": "system-enroll-key"},
        "ca-keypair": {"type": "trustconf-keys:ecdsa-nistp256", "label": "system-root-key"},
        **leaves,
    }
    return {**DEVICE, OURS: {"trustpoint": [trustpoint]}}


def entry(**leaves):
    """An entry of Cisco's list called tp that enrolls by cut and paste."""
    return {"trustpoint-name": "tp", "enrollment": {"terminal": {}}, "rsakeypair": "k", **leaves}


def refused(function, *arguments):
    with pytest.raises(ProviderError) as refusal:
        function(*arguments)
    return refusal.value


def make_system_keys(bench):
    for label in ("system-root-key", "system-enroll-key"):
        bench.call(ACT + "key-generate-ecdsa", {"key-modulus": "nistp256", "key-label": label})


def make_key(bench):
    bench.call(ACT + "key-generate-rsa", {"key-modulus": 2048, "key-label": "k"})


def state(bench, name):
    """What our own list shows of a trustpoint; {} when it is not there."""
    entries = bench.state().get(OURS, {}).get("trustpoint", [])
    return next((found for found in entries if found["name"] == name), {})


def shown(bench):
    """Cisco's list of certificates, by name."""
    entries = bench.state().get(CERTIFICATES, {}).get("trustpoints", {}).get("trustpoint", [])
    return {
        found["name"]: {role: part["subject"] for role, part in found.items() if role != "name"} for found in entries
    }


def in_import_folder(bench, name, *certificates):
    folder = bench.root.parent / "state" / "import"
    (folder / name).write_bytes(b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates))


def issue(authority, request_pem, start):
    """The certificate for a request, as an administrator makes it."""
    request = x509.load_pem_x509_csr(request_pem.encode())
    return authority.issue(request.subject, request.public_key(), ca=False, start=start)


def test_the_guides_trustpoint_from_configuration_to_certificates_in_ciscos_words_alone(bench):
    make_system_keys(bench)
    bench.commit(theirs(SELF))
    assert state(bench, SYSTEM)["enrollment-state"] == "not-authenticated"

    for rpc in ("ca-authenticate", "ca-enroll"):
        assert bench.call(ACT + rpc, {"server-name": SYSTEM}) == {}

    seen = state(bench, SYSTEM)
    assert (seen["configured"], seen["enrollment-state"]) == (True, "granted")
    assert set(shown(bench)[SYSTEM]) == {"certificate-authority-certificate", "router-certificate"}
    assert shown(bench)[SYSTEM]["certificate-authority-certificate"].endswith("C=US,CN=lab1-ca")


def test_the_system_trustpoint_enrolls_with_itself_if_nothing_else_is_said(bench):
    make_system_keys(bench)
    bench.commit(theirs({leaf: value for leaf, value in SELF.items() if leaf != "enrollment"}))

    bench.call(ACT + "ca-authenticate", {"server-name": SYSTEM})

    assert state(bench, SYSTEM)["enrollment-state"] == "authenticated"


def test_a_hierarchy_and_a_certificate_come_from_files(bench):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    root = Authority.root("root", start=start)
    issuing = root.sub("issuing", start=start)
    make_key(bench)
    bench.commit(theirs(trustpoints=[entry()]))
    in_import_folder(bench, "chain.pem", root.certificate, issuing.certificate)

    bench.call(ACT + "ca-authenticate", {**TP, "file-path": "chain.pem"})
    assert state(bench, "tp")["enrollment-state"] == "authenticated"
    # One place for a whole chain: the one that issues.
    assert shown(bench)["tp"] == {"certificate-authority-certificate": "CN=issuing"}

    bench.call(ACT + "ca-enroll", TP)
    pending = state(bench, "tp")
    assert pending["enrollment-state"] == "pending"
    [request] = pending["request"]["certificate-request"]
    in_import_folder(bench, "router.pem", issue(issuing, request["pem"], start))
    bench.call(ACT + "ca-import-certificate", {**TP, "file-path": "router.pem"})

    assert state(bench, "tp")["enrollment-state"] == "granted"
    assert "unstructuredName=ios.cisco.com" in shown(bench)["tp"]["router-certificate"]


def test_usage_keys_have_two_certificates_in_any_order(bench):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    root = Authority.root("root", start=start)
    bench.call(ACT + "key-generate-rsa-usage-keys", {"key-modulus": 2048, "key-label": "k"})
    bench.commit(theirs(trustpoints=[entry()]))
    in_import_folder(bench, "root.pem", root.certificate)
    bench.call(ACT + "ca-authenticate", {**TP, "file-path": "root.pem"})
    bench.call(ACT + "ca-enroll", TP)

    requests = state(bench, "tp")["request"]["certificate-request"]
    assert len(requests) == 2
    for request in reversed(requests):
        in_import_folder(bench, request["role"], issue(root, request["pem"], start))
        bench.call(ACT + "ca-import-certificate", {**TP, "file-path": request["role"]})

    assert set(shown(bench)["tp"]) == {
        "certificate-authority-certificate",
        "router-signature-certificate",
        "router-encryption-certificate",
    }


def test_what_the_dialogues_of_the_original_ask_for_is_given_to_rpcs_of_ours(bench):
    make_key(bench)
    server = {"enrollment": {"url": "http://127.0.0.1:1/pkiclient.exe"}}
    bench.commit(theirs(trustpoints=[entry(), {**entry(**server), "trustpoint-name": "scep"}]))

    for rpc, name, app_tag, ours in (
        ("ca-authenticate", "tp", "certificate-missing", "authenticate"),
        ("ca-import-certificate", "tp", "certificate-missing", "import-certificate"),
        ("ca-enroll", "scep", "not-authenticated", "accept-ca"),
    ):
        refusal = refused(bench.call, ACT + rpc, {"server-name": name})
        assert refusal.app_tag == app_tag
        assert ours in refusal.message
        assert refusal.path in (None, "file-path")


@pytest.mark.parametrize("name", ["../trustconf.db", "/etc/passwd", "ghost.pem", ".hidden", "a/b"])
def test_only_files_of_the_import_folder_are_read(bench, name):
    make_key(bench)
    bench.commit(theirs(trustpoints=[entry()]))

    refusal = refused(bench.call, ACT + "ca-authenticate", {**TP, "file-path": name})

    assert refusal.path == "file-path"
    assert "import" in refusal.message


def test_a_file_that_has_no_certificates(bench):
    make_key(bench)
    bench.commit(theirs(trustpoints=[entry()]))
    (bench.root.parent / "state" / "import" / "note").write_text("no certificate")

    assert refused(bench.call, ACT + "ca-authenticate", {**TP, "file-path": "note"}).path == "file-path"


def test_an_enrollment_is_cancelled(bench):
    root = Authority.root("root", start=datetime(2026, 1, 1, tzinfo=UTC))
    make_key(bench)
    bench.commit(theirs(trustpoints=[entry()]))
    in_import_folder(bench, "root.pem", root.certificate)
    bench.call(ACT + "ca-authenticate", {**TP, "file-path": "root.pem"})
    bench.call(ACT + "ca-enroll", TP)

    assert bench.call(ACT + "ca-cancel-enroll", TP) == {}

    assert state(bench, "tp")["enrollment-state"] == "authenticated"


@pytest.mark.parametrize("rpc", ["ca-authenticate", "ca-enroll", "ca-cancel-enroll"])
def test_a_trustpoint_that_is_in_no_model(bench, rpc):
    refusal = refused(bench.call, ACT + rpc, TP)

    assert (refusal.tag, refusal.path) == ("data-missing", "server-name")


@pytest.mark.parametrize("first", ["theirs", "ours", "neither"])
def test_a_name_stands_in_one_model(bench, first):
    make_system_keys(bench)
    bench.commit({"theirs": theirs(SELF), "ours": ours(), "neither": {}}[first])

    refusal = refused(bench.commit, {**theirs(SELF), **ours()})

    assert (refusal.tag, refusal.app_tag) == ("invalid-value", "trustpoint-configured-twice")
    assert OURS in refusal.message
    assert f"{CRYPTO}/ca/trustpoint" in refusal.message
    at_ours = f"/{OURS}/trustpoint[name='{SYSTEM}']"
    at_theirs = f"/{CRYPTO}/ca/trustpoint/{SYSTEM}"
    assert refusal.path in {"theirs": [at_ours], "ours": [at_theirs], "neither": [at_ours, at_theirs]}[first]


def test_an_incomplete_trustpoint_stands_in_one_model_too(bench):
    config = theirs(trustpoints=[{"trustpoint-name": "tp"}])

    refusal = refused(bench.commit, {**config, OURS: {"trustpoint": [{"name": "tp"}]}})

    assert refusal.app_tag == "trustpoint-configured-twice"


def test_from_one_model_to_the_other_certificates_stay(bench):
    make_system_keys(bench)
    bench.commit(theirs(SELF))
    for rpc in ("ca-authenticate", "ca-enroll"):
        bench.call(ACT + rpc, {"server-name": SYSTEM})
    before = shown(bench)

    for config in (ours(), theirs(SELF)):
        bench.commit(config)
        assert shown(bench) == before
        assert state(bench, SYSTEM)["enrollment-state"] == "granted"


def test_with_a_trustpoint_its_certificates_go(bench):
    make_system_keys(bench)
    bench.commit(theirs(SELF))
    bench.call(ACT + "ca-authenticate", {"server-name": SYSTEM})

    bench.commit({})

    assert shown(bench) == {}
    assert state(bench, SYSTEM) == {}
    assert bench.told(CHANGED)[-1]["enrollment-state"] == "unconfigured"


@pytest.mark.parametrize(
    ("leaves", "app_tag", "leaf"),
    [
        ({"subject-name": "no subject"}, "invalid-trustpoint", "subject-name"),
        ({"message-digest": "md5"}, "digest-not-supported", "message-digest"),
        ({"subject-alternative-name": "URI:no uri"}, "invalid-alternative-name", "subject-alternative-name"),
        ({"rsakeypair": "ghost"}, "key-not-found", "rsakeypair"),
    ],
)
def test_what_yang_can_not_refuse_names_ciscos_leaf(bench, leaves, app_tag, leaf):
    make_key(bench)

    refusal = refused(bench.commit, theirs(trustpoints=[entry(**leaves)]))

    assert refusal.app_tag == app_tag
    assert refusal.path == f"/{CRYPTO}/ca/trustpoint/trustpoints/trustpoint[trustpoint-name='tp']/{leaf}"


@pytest.mark.parametrize(
    ("leaves", "leaf"),
    [
        ({"keypair": {"ecdsanistp256": "ghost"}}, "keypair"),
        ({"ca-keypair": {"ecdsanistp256": "ghost"}}, "ca-keypair"),
        ({"ca-keypair": SELF["keypair"]}, "ca-keypair"),
        ({"subject-name-ca-certificate": "no subject"}, "subject-name-ca-certificate"),
    ],
)
def test_the_same_of_the_system_trustpoint(bench, leaves, leaf):
    make_system_keys(bench)

    refusal = refused(bench.commit, theirs({**SELF, **leaves}))

    assert refusal.path == f"/{CRYPTO}/ca/trustpoint/{SYSTEM}/{leaf}"


def test_a_key_pair_of_the_same_commit_serves(bench):
    label = {"label-name": "k", "key-module-size": 1024, **GENERAL}

    bench.commit(theirs(trustpoints=[entry()], key={"generate": {"rsa": {"label": [label]}}}))

    assert state(bench, "tp")["enrollment-state"] == "not-authenticated"
