"""Trustpoints of Cisco-IOS-XR-um-crypto-cfg are read as entries of our own list, and its passwords are understood."""

import pytest

from agent.northbound.errors import ProviderError
from agent.northbound.transaction import TreeConfigView
from agent.providers.um_crypto.passwords import proprietary_password_rewriter
from agent.providers.um_crypto.records import um_leaf, um_path, um_trustpoint, um_trustpoints
from agent.yang import json_codec
from agent.yang.diff import diff
from agent.yang.errors import DataError, ValidationFailure
from agent.yang.tree import empty_root
from agent.yang.xml_writer import encode
from tests.providers.bench import SCHEMA, VALIDATOR
from tests.yang.libyang import Oracle

CRYPTO = "Cisco-IOS-XR-um-crypto-cfg:crypto"
SYSTEM = "system-trustpoint"


def tree(system=None, trustpoints=(), ours=()):
    """A configuration of these trustpoints. Raises ValidationFailure."""
    root = unchecked(system, trustpoints, ours)
    old = empty_root(SCHEMA.root)
    VALIDATOR.validate(root, old, diff(old, root))
    return TreeConfigView(root)


def unchecked(system=None, trustpoints=(), ours=()):
    config = {"trustconf-trustpoints:trustpoints": {"trustpoint": list(ours)}} if ours else {}
    content = {}
    if system is not None:
        content[SYSTEM] = system
    if trustpoints:
        content["trustpoints"] = {"trustpoint": list(trustpoints)}
    if content:
        config[CRYPTO] = {"ca": {"trustpoint": content}}
    return json_codec.decode(config, SCHEMA.root)


def entry(**leaves):
    """An entry of Cisco's list called tp; "_" for "-"."""
    return {"trustpoint-name": "tp", **{name.replace("_", "-"): value for name, value in leaves.items()}}


def as_ours(**leaves):
    """What the same is as an entry of our list, its defaults filled in by the schema."""
    leaves = {name.replace("_", "-"): value for name, value in leaves.items()}
    view = tree(ours=[{"name": "tp", **leaves}])
    return view.get(f"/trustconf-trustpoints:trustpoints/trustpoint[name='{leaves.get('name', 'tp')}']")


SERVER = "http://ca.example.com/cgi-bin/pkiclient.exe"

#: A part of an entry of Cisco's list -> the same in ours.
PARTS = [
    ({}, {}),
    ({"description": "of the lab"}, {"description": "of the lab"}),
    ({"enrollment": {"url": SERVER}}, {"enrollment": {"url": SERVER}}),
    ({"enrollment": {"terminal": {}}}, {"enrollment": {"url": "terminal"}}),
    (
        {"enrollment": {"retry": {"count": 3, "period": 60}}},
        {"enrollment": {"retry": {"count": 3, "period": 60}}},
    ),
    ({"rsakeypair": "k"}, {"keypair": {"label": "k"}}),
    ({"sftp_username": "u"}, {"sftp": {"username": "u"}}),
    (
        {"sftp_username": "u", "sftp_password": {"password": "$sealed$x"}},
        {"sftp": {"username": "u", "password": "$sealed$x"}},
    ),
    ({"auto_enroll": 80, "enrollment": {"url": SERVER}}, {"auto_enroll": 80, "enrollment": {"url": SERVER}}),
    ({"renewal_message_type": {"pkcsreq": {}}}, {"renewal_message_type": "pkcsreq"}),
    ({"renewal_message_type": {"renewalreq": {}}}, {"renewal_message_type": "renewalreq"}),
    ({"skip_challenge_password": {}}, {"skip_challenge_password": True}),
    ({"crl": {"optional": {}}}, {"crl": {"optional": True}}),
    ({"query": {"url": "ldap://d.example.com"}}, {"query_url": "ldap://d.example.com"}),
    ({"ip_address": {"ipv4-address": "192.0.2.1"}}, {"ip_address": "192.0.2.1"}),
    ({"ip_address": {"none": {}}}, {"ip_address": "none"}),
    ({"serial_number": {}}, {"serial_number": True}),
    ({"serial_number": {"none": {}}}, {"serial_number": False}),
    ({"subject_name": "CN=a"}, {"subject_name": "CN=a"}),
    ({"subject_alternative_name": "DNS:a.example.com"}, {"subject_alternative_name": "DNS:a.example.com"}),
    ({"vrf": "mgmt"}, {"vrf": "mgmt"}),
    ({"message_digest": "sha512"}, {"message_digest": "trustconf-trustpoints:sha512"}),
]


@pytest.mark.parametrize(("cisco", "ours"), PARTS)
def test_an_entry_is_an_entry_of_ours(cisco, ours):
    view = tree(trustpoints=[entry(**cisco)])

    assert um_trustpoint(view, "tp") == as_ours(**ours)
    assert list(um_trustpoints(view)) == [as_ours(**ours)]


KEYPAIRS = {
    "rsa": "rsa",
    "dsa": "dsa",
    "ecdsanistp256": "ecdsa-nistp256",
    "ecdsanistp384": "ecdsa-nistp384",
    "ecdsanistp521": "ecdsa-nistp521",
    "ed25519": "ed25519",
}


@pytest.mark.parametrize(("leaf", "key_type"), KEYPAIRS.items())
def test_the_system_trustpoint_with_all_that_only_it_has(leaf, key_type):
    view = tree(
        system={
            "enrollment": {"self": {}},
            "keypair": {leaf: "leaf"},
            "ca-keypair": {leaf: "root"},
            "subject-name-ca-certificate": "CN=root",
            "lifetime": {"certificate": 100, "ca-certificate": 200},
            "key-usage": {
                "certificate": {
                    "keyencipherment": {},
                    "dataencipherment": {},
                    "digitalsignature": {},
                    "keyagreement": {},
                    "nonrepudiation": {},
                },
                "ca-certificate": {"crlsign": False, "keycertsign": True, "digitalsignature": True},
            },
        }
    )

    assert um_trustpoint(view, SYSTEM) == as_ours(
        name=SYSTEM,
        enrollment={"url": "self"},
        keypair={"type": f"trustconf-keys:{key_type}", "label": "leaf"},
        ca_keypair={"type": f"trustconf-keys:{key_type}", "label": "root"},
        subject_name_ca_certificate="CN=root",
        lifetime={"certificate": 100, "ca-certificate": 200},
        key_usage={
            "certificate": "digitalsignature nonrepudiation keyencipherment dataencipherment keyagreement",
            "ca-certificate": "digitalsignature keycertsign",
        },
    )


def test_the_system_trustpoint_with_nothing():
    assert list(um_trustpoints(tree(system={}))) == [as_ours(name=SYSTEM)]


def test_the_system_trustpoint_comes_first_and_names_find_their_own():
    view = tree(system={}, trustpoints=[{"trustpoint-name": "b"}, {"trustpoint-name": "a"}])

    names = [record["name"] for record in um_trustpoints(view)]
    assert names[0] == SYSTEM
    assert sorted(names[1:]) == ["a", "b"]
    assert [um_trustpoint(view, name)["name"] for name in names] == names


@pytest.mark.parametrize("name", ["ghost", SYSTEM, "gho'st", "", "x" * 200, "a]b"])
def test_a_name_that_is_not_there(name):
    assert um_trustpoint(tree(trustpoints=[entry()]), name) is None


@pytest.mark.parametrize(
    ("record", "leaf", "expected"),
    [
        ({}, "name", "trustpoint-name"),
        ({}, "keypair", "rsakeypair"),
        ({}, "keypair/label", "rsakeypair"),
        ({"keypair": {"rsa": "k"}}, "keypair", "keypair"),
        ({}, "enrollment/url", "enrollment/url"),
        ({"enrollment": {"terminal": {}}}, "enrollment/url", "enrollment/terminal"),
        ({"enrollment": {"self": {}}}, "enrollment/url", "enrollment/self"),
        ({}, "ip-address", "ip-address/ipv4-address"),
        ({}, "subject-name", "subject-name"),
        ({}, "lifetime/certificate", "lifetime/certificate"),
    ],
)
def test_leaves_at_fault_are_named_as_cisco_names_them(record, leaf, expected):
    assert um_leaf(leaf, record) == expected


def test_paths_of_trustpoints():
    assert um_path(SYSTEM) == f"/{CRYPTO}/ca/trustpoint/system-trustpoint"
    assert um_path("a") == f"/{CRYPTO}/ca/trustpoint/trustpoints/trustpoint[trustpoint-name='a']"


ROOT = {"ca-keypair": {"rsa": "root"}}


#: What the system trustpoint can't be -> the error-app-tag of the refusal.
CONTRADICTIONS = [
    ({"enrollment": {"self": {}, "url": SERVER}, **ROOT}, "several-enrollments"),
    ({"enrollment": {"self": {}, "terminal": {}}, **ROOT}, "several-enrollments"),
    ({"enrollment": {"terminal": {}, "url": SERVER}}, "several-enrollments"),
    ({"enrollment": {"self": {}}}, "ca-keypair-missing"),
    ({"enrollment": {"url": SERVER}, **ROOT}, "not-self-enrolled"),
    ({"enrollment": {"terminal": {}}, "subject-name-ca-certificate": "CN=a"}, "not-self-enrolled"),
    ({"rsakeypair": "a", "keypair": {"rsa": "b"}}, "several-keypairs"),
    ({"keypair": {"rsa": "b", "dsa": "b"}}, "several-keypairs"),
    ({"ca-keypair": {"ecdsanistp256": "b", "ed25519": "b"}}, "several-keypairs"),
    ({"ip-address": {"ipv4-address": "192.0.2.1", "none": {}}}, "address-and-none"),
    ({"renewal-message-type": {"pkcsreq": {}, "renewalreq": {}}}, "several-renewal-messages"),
    ({"auto-enroll": 80}, "auto-enroll-without-server"),
    ({"auto-enroll": 80, "enrollment": {"self": {}}, **ROOT}, "auto-enroll-without-server"),
    ({"lifetime": {"certificate": 365}}, "lifetime-beyond-ca"),
    ({"enrollment": {"self": {}}, **ROOT, "lifetime": {"ca-certificate": 200}}, "lifetime-beyond-ca"),
    ({"key-usage": {"ca-certificate": {"crlsign": True}}}, "keycertsign-missing"),
    ({"key-usage": {"ca-certificate": {"keycertsign": False}}}, "keycertsign-missing"),
    ({"key-usage": {"certificate": {}}}, "key-usage-empty"),
]


@pytest.mark.parametrize(("system", "app_tag"), CONTRADICTIONS)
def test_contradictions_are_refused_with_the_way_out(system, app_tag):
    with pytest.raises(ValidationFailure) as refusal:
        tree(system=system)

    assert {error.app_tag for error in refusal.value.errors} == {app_tag}
    assert all(
        any(word in error.message.lower() for word in ("remove", "set ", "lower", "keep", "name a"))
        for error in refusal.value.errors
    )


OF_ANOTHER_AUTHORITY = {"enrollment": {"url": SERVER}, "lifetime": {"certificate": 90, "ca-certificate": 90}}


def test_lifetimes_do_not_matter_to_another_authority():
    tree(system=OF_ANOTHER_AUTHORITY)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    return Oracle(tmp_path_factory.mktemp("libyang"), SCHEMA)


@pytest.mark.parametrize("system", [system for system, _ in CONTRADICTIONS])
def test_libyang_refuses_the_same(oracle, system):
    with pytest.raises(ValidationFailure) as refusal:
        tree(system=system)
    complaints = oracle.complaints_about(encode(unchecked(system=system)).decode())

    assert any(error.message in text for error in refusal.value.errors for text in complaints)


@pytest.mark.parametrize("system", [{}, OF_ANOTHER_AUTHORITY, {"enrollment": {"self": {}}, **ROOT}])
def test_libyang_accepts_the_same(oracle, system):
    assert oracle.complaints_about(encode(unchecked(system=system)).decode()) == []


def test_the_system_trustpoint_is_not_in_the_list():
    with pytest.raises(ValidationFailure, match="crypto/ca/trustpoint/system-trustpoint"):
        tree(trustpoints=[{"trustpoint-name": SYSTEM}])


@pytest.mark.parametrize(
    "leaves",
    [
        {"enrollment": {"url": "ftp://ca.example.com"}},
        {"enrollment": {"url": "self"}},
        {"query": {"url": "http://ca.example.com"}},
        {"vrf": "x" * 16},
        {"trustpoint-name": "x" * 129},
        {"trustpoint-name": "\N{LATIN SMALL LETTER E WITH ACUTE}"},
        {"rsakeypair": "two words"},
        {"message_digest": "sha224"},
    ],
)
def test_values_that_no_backend_can_serve(leaves):
    with pytest.raises(DataError):
        tree(trustpoints=[entry(**leaves)])


def test_passwords_are_sealed_whatever_form_they_have():
    rewrite = proprietary_password_rewriter(lambda text: f"<{text}>")

    assert rewrite("!cisco") == "<cisco>"
    # Two texts of the same password, as any tool for type 7 makes them.
    assert rewrite("094F471A1A0A") == rewrite("070C285F4D06") == "<cisco>"
    assert rewrite("!!x") == "<!x>"
    assert rewrite("!094F471A1A0A") == "<094F471A1A0A>"
    assert rewrite("$sealed$abc") == "<$sealed$abc>"


@pytest.mark.parametrize("text", ["cisco", "09", "094", "094F471A1A0", "!$sealed$abc", "00FF", "!" + "x" * 1025])
def test_passwords_in_no_known_form_are_refused(text):
    with pytest.raises(ProviderError) as refusal:
        proprietary_password_rewriter(lambda text: text)(text)

    assert refusal.value.app_tag == "invalid-password"
    assert text not in refusal.value.message
