"""Certification requests, read by openssl."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.x509.oid import AttributeOID, ExtendedKeyUsageOID

from agent.pki.errors import DigestNotSupportedError, KeyTooSmallError
from agent.pki.keys import KeyType, generate_private_key
from agent.pki.names import parse_subject
from agent.pki.requests import CHALLENGE_MAX_LENGTH, InvalidRequestError, RequestedCertificate, build_request
from agent.pki.trustpoint import CertificateUsage, MessageDigest
from tests.pki.trustpoints import openssl

SUBJECT = x509.Name(parse_subject("CN=router1,O=Example"))
SIGNED_WITH = {
    KeyType.RSA: "sha256WithRSAEncryption",
    KeyType.DSA: "dsa_with_SHA256",
    KeyType.ECDSA_NISTP256: "ecdsa-with-SHA256",
    KeyType.ECDSA_NISTP384: "ecdsa-with-SHA384",
    KeyType.ECDSA_NISTP521: "ecdsa-with-SHA512",
    KeyType.ED25519: "ED25519",
}


def read_by_openssl(request):
    return openssl("req", "-inform", "der", "-verify", "-noout", "-text", input=request)


@pytest.mark.parametrize("key_type", KeyType)
def test_every_key_type(key_type):
    request = build_request(RequestedCertificate(SUBJECT), generate_private_key(key_type))
    text = read_by_openssl(request)
    assert "Subject: CN = router1, O = Example" in text
    assert f"Signature Algorithm: {SIGNED_WITH[key_type]}" in text
    assert "challengePassword" not in text
    assert "X509v3" not in text


def test_everything_that_can_be_asked_for():
    wanted = RequestedCertificate(
        SUBJECT,
        alternative_names=(
            x509.DNSName("router1.example.com"),
            x509.IPAddress(ip_address("192.0.2.1")),
            x509.IPAddress(ip_address("2001:db8::1")),
            x509.RFC822Name("noc@example.com"),
        ),
        key_usages={CertificateUsage.DIGITAL_SIGNATURE, CertificateUsage.KEY_ENCIPHERMENT},
        extended_key_usages=(ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH),
        challenge_password="right horse",
    )
    text = read_by_openssl(build_request(wanted, generate_private_key(KeyType.ECDSA_NISTP256)))
    for expected in (
        "challengePassword        :right horse",
        "DNS:router1.example.com, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, email:noc@example.com",
        "X509v3 Key Usage: critical",
        "Digital Signature, Key Encipherment",
        "TLS Web Client Authentication, TLS Web Server Authentication",
    ):
        assert expected in text
    assert "horse" not in repr(wanted)


@pytest.mark.parametrize(("password", "tag"), [("right horse", 0x13), ("p@ss_word", 0x0C), ("pässword", 0x0C)])
def test_challenge_is_printable_string_where_it_can(password, tag):
    key = generate_private_key(KeyType.ED25519)
    request = build_request(RequestedCertificate(SUBJECT, challenge_password=password), key)
    value = password.encode()
    assert bytes([tag, len(value)]) + value in request
    challenge = x509.load_der_x509_csr(request).attributes.get_attribute_for_oid(AttributeOID.CHALLENGE_PASSWORD)
    assert challenge.value == value


def test_empty_subject_makes_the_alternative_name_critical():
    wanted = RequestedCertificate(x509.Name([]), alternative_names=(x509.DNSName("router1"),))
    text = read_by_openssl(build_request(wanted, generate_private_key(KeyType.ED25519)))
    assert "Subject Alternative Name: critical" in text


def test_digest_of_choice():
    key = generate_private_key(KeyType.RSA)
    assert "sha512WithRSA" in read_by_openssl(build_request(RequestedCertificate(SUBJECT), key, MessageDigest.SHA512))


@pytest.mark.parametrize(
    "wanted",
    [
        RequestedCertificate(x509.Name([])),
        RequestedCertificate(SUBJECT, challenge_password="x" * (CHALLENGE_MAX_LENGTH + 1)),
        RequestedCertificate(SUBJECT, challenge_password="a\nb"),
    ],
)
def test_what_nobody_can_ask_for(wanted):
    with pytest.raises(InvalidRequestError):
        build_request(wanted, generate_private_key(KeyType.ED25519))


@pytest.mark.parametrize("digest", [MessageDigest.MD5, MessageDigest.SHA1])
def test_broken_digests(digest):
    with pytest.raises(DigestNotSupportedError):
        build_request(RequestedCertificate(SUBJECT), generate_private_key(KeyType.RSA), digest)


def test_short_keys():
    key = generate_private_key(KeyType.RSA, 512)
    assert "(512 bit)" in read_by_openssl(build_request(RequestedCertificate(SUBJECT), key))
    with pytest.raises(KeyTooSmallError):
        build_request(RequestedCertificate(SUBJECT), key, MessageDigest.SHA512)
