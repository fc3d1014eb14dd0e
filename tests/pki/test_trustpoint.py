"""What a trustpoint can be configured to, and what is refused before anything is made."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from agent.pki.errors import DigestNotSupportedError, InvalidTrustpointError
from agent.pki.keys import KeyType
from agent.pki.names import format_name
from agent.pki.trustpoint import CertificateUsage, KeyReference, MessageDigest, TrustpointConfig
from tests.pki.trustpoints import guide_config, minimal_config


def test_the_guides_subjects():
    config = guide_config()
    rest = "serialNumber=c44a11fc,unstructuredName=ios.cisco.com,OU=ASR,O=cisco systems,L=San Jose,ST=CA,C=US"
    assert format_name(config.subject) == f"{rest},CN=lab1-ads"
    assert format_name(config.ca_subject) == f"{rest},CN=lab1-ca"


def test_the_guides_subject_with_an_address():
    config = minimal_config(
        subject_name="C=NL,ST=Zuid Holland,L=Rotterdam,O=Spark Network,OU=IT,CN=Anetwork",
        ip_address=IPv4Address("10.1.1.1"),
    )
    assert format_name(config.subject) == (
        "serialNumber=c44a11fc,unstructuredAddress=10.1.1.1,unstructuredName=ios.cisco.com,"
        "CN=Anetwork,OU=IT,O=Spark Network,L=Rotterdam,ST=Zuid Holland,C=NL"
    )
    assert format_name(config.ca_subject) == "serialNumber=c44a11fc,unstructuredName=ios.cisco.com"


def test_subjects_with_an_ipv6_address_and_without_a_serial_number():
    config = minimal_config(ip_address=IPv6Address("2001:db8::1"), serial_number=False)
    assert format_name(config.subject) == "unstructuredAddress=2001:db8::1,unstructuredName=ios.cisco.com"
    assert format_name(config.ca_subject) == "unstructuredName=ios.cisco.com"


def test_the_defaults():
    config = minimal_config(KeyType.RSA)
    assert (config.lifetime, config.ca_lifetime, config.message_digest) == (200, 365, MessageDigest.SHA256)
    assert config.usages == {CertificateUsage.DIGITAL_SIGNATURE, CertificateUsage.KEY_ENCIPHERMENT}
    assert minimal_config(KeyType.ED25519).usages == {CertificateUsage.DIGITAL_SIGNATURE}
    assert CertificateUsage.KEY_CERT_SIGN in config.ca_usages


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "1 to 128"),
        ("name", "x" * 129, "1 to 128"),
        ("name", "a\nb", "printable"),
        ("fqdn", "", "set the hostname"),
        ("fqdn", "a b", "set the hostname"),
        ("device_serial", "", "serial-number"),
        ("device_serial", "a_b", "serial-number"),
        ("subject_name", "CN=", "CN has no value"),
        ("ca_subject_name", "XY=a", "unknown attribute"),
        ("lifetime", 29, "30 to 5474 days, not 29"),
        ("lifetime", 5475, "30 to 5474 days"),
        ("ca_lifetime", 29, "30 to 5475 days"),
        ("ca_lifetime", 5476, "30 to 5475 days"),
        ("ca_keypair", KeyReference(KeyType.RSA, "system-enroll-key"), "different key pairs"),
        ("key_usage", frozenset({CertificateUsage.CRL_SIGN}), "remove the others"),
        ("ca_key_usage", frozenset({CertificateUsage.KEY_AGREEMENT}), "remove the others"),
        ("ca_key_usage", frozenset({CertificateUsage.CRL_SIGN}), "add keycertsign"),
        ("message_digest", MessageDigest.MD5, "broken.*sha256"),
        ("message_digest", MessageDigest.SHA1, "broken.*sha256"),
    ],
)
def test_a_refusal_names_the_leaf_and_the_way_out(field, value, message):
    valid = {
        "name": "tp",
        "keypair": KeyReference(KeyType.RSA, "system-enroll-key"),
        "ca_keypair": KeyReference(KeyType.RSA, "system-root-key"),
        "fqdn": "ios.cisco.com",
        "device_serial": "c44a11fc",
    }
    assert TrustpointConfig(**valid)
    with pytest.raises(InvalidTrustpointError, match=message) as refused:
        TrustpointConfig(**(valid | {field: value}))
    assert refused.value.field == field


def test_the_ends_of_the_lifetimes():
    config = minimal_config(lifetime=5474, ca_lifetime=5475)
    assert (config.lifetime, config.ca_lifetime) == (5474, 5475)
    assert minimal_config(lifetime=30, ca_lifetime=30).lifetime == 30


def test_the_digest_does_not_matter_to_an_ed25519_root():
    assert minimal_config(KeyType.ED25519, message_digest=MessageDigest.MD5)
    with pytest.raises(DigestNotSupportedError):
        minimal_config(KeyType.ED25519, KeyType.RSA, message_digest=MessageDigest.MD5)
