"""Every module of ours is accepted by pyang's strictest checks, and by our compiler; names collectors rely on stay."""

import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from agent.modules_implemented import FEATURES, IMPLEMENTED_MODULES
from agent.northbound.registry import Registry
from agent.yang.compiler import compile_schema
from agent.yang.modules import default_search_path
from tests.yang.libyang import Oracle

YANG = Path(__file__).resolve().parents[2] / "yang"
FILES = sorted(YANG.rglob("*.yang"))

#: What pyang says all the same, by module. The name is RFC 5277's; it has no hyphen. What a deviation replaces must be
#: there for libyang 2.
ALLOWED_REMARKS = {
    "notifications": "RFC 8407: 4.1: no module name prefix string used",
    "ietf-keystore": 'RFC 8407: 4.4: statement "config" is given with its default value "true"',
    "ietf-tpm-remote-attestation": 'RFC 8407: 4.4: statement "config" is given with its default value "true"',
}


@pytest.fixture(scope="module")
def schema():
    return compile_schema(IMPLEMENTED_MODULES, default_search_path(), FEATURES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_pyang_finds_nothing_to_say_about_a_module(file):
    pyang = Path(sys.executable).parent / "pyang"
    result = subprocess.run(
        [pyang, "--strict", "--lint", "-p", YANG, file], capture_output=True, text=True, check=False, timeout=60
    )

    allowed = ALLOWED_REMARKS.get(file.stem)
    assert [line for line in result.stderr.splitlines() if allowed is None or allowed not in line] == []
    assert result.returncode == 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_module_compiles_without_the_others(file):
    # Identities of key types only exist where their module is implemented (RFC 7950 section 9.10.2).
    assert file.stem in compile_schema([file.stem, "trustconf-keys"], default_search_path()).modules


def test_every_module_of_ours_is_implemented_or_imported(schema):
    assert {file.stem for file in FILES} <= set(schema.modules)


@pytest.mark.parametrize("name", [file.stem for file in FILES if file.stem.startswith("trustconf-")])
def test_our_namespaces_follow_the_rule(schema, name):
    assert schema.modules[name].namespace == f"urn:trustconf:yang:{name}"
    assert schema.modules[name].yang_version == "1.1"


@pytest.mark.parametrize(
    ("name", "namespace", "prefix", "revision"),
    [
        ("Cisco-IOS-XR-types", "http://cisco.com/ns/yang/cisco-xr-types", "xr", "2020-06-25"),
        ("ietf-crypto-types", "urn:ietf:params:xml:ns:yang:ietf-crypto-types", "ct", "2024-10-10"),
        ("ietf-keystore", "urn:ietf:params:xml:ns:yang:ietf-keystore", "ks", "2024-10-10"),
        (
            "Cisco-IOS-XR-crypto-act",
            "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-act",
            "crypto-act",
            "2025-04-11",
        ),
        (
            "Cisco-IOS-XR-um-crypto-cfg",
            "http://cisco.com/ns/yang/Cisco-IOS-XR-um-crypto-cfg",
            "um-crypto-cfg",
            "2024-11-15",
        ),
        (
            "Cisco-IOS-XR-crypto-cepki-oper",
            "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-cepki-oper",
            "crypto-cepki-oper",
            "2026-02-28",
        ),
        (
            "Cisco-IOS-XR-crypto-cepki-new-oper",
            "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-cepki-new-oper",
            "crypto-cepki-new-oper",
            "2022-12-15",
        ),
        (
            "Cisco-IOS-XR-linux-os-reboot-history-oper",
            "http://cisco.com/ns/yang/Cisco-IOS-XR-linux-os-reboot-history-oper",
            "linux-os-reboot-history-oper",
            "2019-04-05",
        ),
        ("notifications", "urn:ietf:params:xml:ns:netconf:notification:1.0", "ncEvent", "2008-07-14"),
        ("nc-notifications", "urn:ietf:params:xml:ns:netmod:notification", "manageEvent", "2008-07-14"),
    ],
)
def test_interface_compatible_modules_keep_their_identity(schema, name, namespace, prefix, revision):
    module = schema.modules[name]

    assert (module.namespace, module.prefix, module.revision) == (namespace, prefix, revision)
    assert "nterface-compatible" in module.text


@pytest.mark.parametrize(
    "path",
    [
        "/Cisco-IOS-XR-crypto-act:key-generate-rsa/input/key-modulus",
        "/Cisco-IOS-XR-crypto-act:key-zeroize-ecdsa/input/key-label",
        "/Cisco-IOS-XR-crypto-act:key-import-authentication-rsa/input/path",
        "/Cisco-IOS-XR-crypto-act:key-import-authentication-rsa-username/input/username",
        "/Cisco-IOS-XR-crypto-act:key-zeroize-authentication-rsa-username/input/key-num",
        "/Cisco-IOS-XR-crypto-act:ca-clear-certificates/input/server-name",
        "/Cisco-IOS-XR-crypto-cepki-oper:crypto-certificate-authority/trustpoints/trustpoint/router-certificate/subject",
        "/Cisco-IOS-XR-crypto-cepki-new-oper:crypto-cepki/mypubkey/ecdsa/nistp521-keys/nistp521-key/degree",
        "/Cisco-IOS-XR-crypto-cepki-oper:crypto-certificate-authority/trustpoints/trustpoint"
        "/certificate-authority-certificate/certificate-data",
        "/Cisco-IOS-XR-linux-os-reboot-history-oper:reboot-history/node/reboot-history/cause-code",
        "/Cisco-IOS-XR-crypto-act:ca-import-certificate/input/file-path",
        "/Cisco-IOS-XR-crypto-act:ca-cancel-enroll/input/server-name",
        "/Cisco-IOS-XR-um-crypto-cfg:crypto/ca/trustpoint/system-trustpoint/enrollment/self",
        "/Cisco-IOS-XR-um-crypto-cfg:crypto/ca/trustpoint/system-trustpoint/key-usage/ca-certificate/keycertsign",
        "/Cisco-IOS-XR-um-crypto-cfg:crypto/ca/trustpoint/trustpoints/trustpoint/sftp-password/password",
        "/Cisco-IOS-XR-um-crypto-cfg:crypto/ca/trustpoint/trustpoints/trustpoint/enrollment/retry/period",
        "/Cisco-IOS-XR-um-crypto-cfg:crypto/key/generate/rsa/label/key-module-size",
        "/Cisco-IOS-XR-um-crypto-cfg:crypto/key/generate/dsa/number-of-bits",
        "/Cisco-IOS-XR-um-crypto-cfg:crypto/key/generate/ecdsa/nistp521",
        "/Cisco-IOS-XR-um-crypto-cfg:crypto/fips-mode",
        "/ietf-system:system/trustconf-system:domain-name",
        "/ietf-keystore:keystore/asymmetric-keys/asymmetric-key/hidden-private-key",
        "/ietf-keystore:keystore/asymmetric-keys/asymmetric-key/certificates/certificate/cert-data",
        "/ietf-keystore:keystore/asymmetric-keys/asymmetric-key/certificates/certificate/certificate-expiration",
        "/ietf-keystore:keystore/asymmetric-keys/asymmetric-key/generate-csr/output/p10-csr",
        "/trustconf-trustpoints:trustpoints/trustpoint/lifetime/ca-certificate",
    ],
)
def test_a_name_that_clients_rely_on_is_there(schema, path):
    assert schema.find(path).name == path.rpartition("/")[2].rpartition(":")[2]


@pytest.mark.parametrize(
    "path",
    [
        "/ietf-system:system/clock",
        "/ietf-system:system/ntp",
        "/ietf-system:system/radius",
        "/ietf-system:system/dns-resolver",
        "/ietf-system:system-restart",
        "/ietf-system:set-current-datetime",
    ],
)
def test_what_the_agent_leaves_out_of_ietf_system_is_not_there(schema, path):
    with pytest.raises(KeyError):
        schema.find(path)


@pytest.mark.parametrize("name", ["cleartext-private-key", "encrypted-private-key"])
def test_a_private_key_can_not_be_shown(schema, name):
    with pytest.raises(KeyError):
        schema.find(f"/ietf-keystore:keystore/asymmetric-keys/asymmetric-key/{name}")


def test_the_keystore_can_only_be_read(schema):
    assert not schema.find("/ietf-keystore:keystore").config


def test_the_start_up_check_misses_providers_that_are_not_registered(schema):
    registry = Registry(schema)

    with pytest.raises(Exception, match="no provider for rpc /trustconf-keys:generate-key-pair"):
        registry.check()


TRUSTPOINT = """<config><trustpoints xmlns="urn:trustconf:yang:trustconf-trustpoints"
 xmlns:k="urn:trustconf:yang:trustconf-keys"><trustpoint><name>system-trustpoint</name>
 <enrollment><url>{url}</url></enrollment>
 <keypair><type>k:rsa</type><label>system-enroll-key</label></keypair>{leaves}</trustpoint></trustpoints></config>"""
ROOT_KEY = "<ca-keypair><type>k:rsa</type><label>system-root-key</label></ca-keypair>"


@pytest.mark.parametrize(
    ("leaves", "complaint"),
    [
        (ROOT_KEY, None),
        (f"{ROOT_KEY}<lifetime><certificate>300</certificate><ca-certificate>367</ca-certificate></lifetime>", None),
        (f"{ROOT_KEY}<key-usage><ca-certificate>keycertsign</ca-certificate></key-usage>", None),
        (f"{ROOT_KEY}<ip-address>none</ip-address>", None),
        (f"{ROOT_KEY}<ip-address>10.1.1.1</ip-address>", None),
        (f"{ROOT_KEY}<ip-address>10.1.1</ip-address>", "10.1.1"),
        ("", "set ca-keypair"),
        ("<ca-keypair><type>k:rsa</type></ca-keypair>", "label"),
        ("<ca-keypair><type>k:rsa</type><label>system-enroll-key</label></ca-keypair>", "different key pairs"),
        (f"{ROOT_KEY}<lifetime><certificate>365</certificate></lifetime>", "expire before its root"),
        (f"{ROOT_KEY}<lifetime><certificate>29</certificate></lifetime>", "29"),
        (f"{ROOT_KEY}<key-usage><ca-certificate>crlsign</ca-certificate></key-usage>", "keycertsign"),
    ],
)
def test_libyang_reads_the_rules_of_a_trustpoint_as_they_are_meant(schema, tmp_path, leaves, complaint):
    judge(schema, tmp_path, "self", leaves, complaint)


@pytest.mark.parametrize(
    ("url", "leaves", "complaint"),
    [
        ("http://ca.example.com/scep", "", None),
        ("https://ca.example.com/.well-known/est", "<auto-enroll>30</auto-enroll>", None),
        ("terminal", "<query-url>ldap://my-ldap.domain.com</query-url>", None),
        ("ftp://ca.example.com", "", "enrollment url is"),
        ("http://ca.example.com/scep", ROOT_KEY, "remove ca-keypair"),
        ("terminal", "<subject-name-ca-certificate>CN=a</subject-name-ca-certificate>", "remove ca-keypair"),
        ("terminal", "<auto-enroll>30</auto-enroll>", "remove auto-enroll"),
        ("http://ca.example.com/scep", "<auto-enroll>100</auto-enroll>", "100"),
        ("http://ca.example.com/scep", "<renewal-message-type>other</renewal-message-type>", "other"),
        ("http://ca.example.com/scep", "<query-url>http://x</query-url>", "query url begins"),
    ],
)
def test_libyang_reads_the_rules_of_other_enrollments_as_they_are_meant(schema, tmp_path, url, leaves, complaint):
    judge(schema, tmp_path, url, leaves, complaint)


def judge(schema, tmp_path, url, leaves, complaint):
    document = etree.fromstring(TRUSTPOINT.format(url=url, leaves=leaves))
    complaints = Oracle(tmp_path, schema).complaints(document)

    if complaint is None:
        assert complaints == []
    else:
        assert any(complaint in text for text in complaints), complaints
