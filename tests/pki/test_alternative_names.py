"""Subject alternative names: as they are typed, as openssl reads them in a certificate, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from agent.pki.alternative_names import (
    ALTERNATIVE_NAMES_MAX_LENGTH,
    MAX_ALTERNATIVE_NAMES,
    format_alternative_name,
    format_alternative_names,
    parse_alternative_names,
)
from agent.pki.errors import InvalidAlternativeNamesError
from tests.pki.authorities import Authority, name, rsa_key
from tests.pki.trustpoints import openssl

EVERY_KIND = (
    "DNS:router1.example.com,IP:192.0.2.1,IP:2001:db8::1,email:noc@example.com,URI:https://router1.example.com:8443/a"
)


def test_every_kind():
    assert parse_alternative_names(EVERY_KIND) == (
        x509.DNSName("router1.example.com"),
        x509.IPAddress(ip_address("192.0.2.1")),
        x509.IPAddress(ip_address("2001:db8::1")),
        x509.RFC822Name("noc@example.com"),
        x509.UniformResourceIdentifier("https://router1.example.com:8443/a"),
    )
    assert format_alternative_names(parse_alternative_names(EVERY_KIND)) == EVERY_KIND


def test_openssl_reads_what_was_typed_and_its_print_can_be_typed():
    names = parse_alternative_names(EVERY_KIND)
    extension = x509.Extension(x509.SubjectAlternativeName.oid, False, x509.SubjectAlternativeName(names))
    certificate = Authority.root("CA").issue(name("r1"), rsa_key(1).public_key(), [extension])
    printed = openssl("x509", "-noout", "-ext", "subjectAltName", input=certificate.public_bytes(Encoding.PEM))
    line = printed.splitlines()[1].strip()
    assert line.startswith("DNS:router1.example.com, IP Address:192.0.2.1, IP Address:2001:DB8:")
    assert parse_alternative_names(line) == names


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("router1.example.com", "DNS:router1.example.com"),
        ("router1", "DNS:router1"),
        ("192.0.2.1, 2001:DB8::1", "IP:192.0.2.1,IP:2001:db8::1"),
        ("::1", "IP:::1"),
        ("noc@example.com", "email:noc@example.com"),
        ("https://[2001:db8::1]/", "URI:https://[2001:db8::1]/"),
        ("dns : Router1.Example.COM ", "DNS:Router1.Example.COM"),
        ("Ip:192.0.2.1,EMAIL:a.b+c@example.com,uri:urn:uuid:1", "IP:192.0.2.1,email:a.b+c@example.com,URI:urn:uuid:1"),
        ("xn--bcher-kva.example", "DNS:xn--bcher-kva.example"),
        ("3com.com,1.2.3a", "DNS:3com.com,DNS:1.2.3a"),
        ("uri:ldap://h/CN=a%2CO=b?x", "URI:ldap://h/CN=a%2CO=b?x"),
        # The same text, and another kind.
        ("DNS:a.example,URI:https://a.example", "DNS:a.example,URI:https://a.example"),
    ],
)
def test_what_is_meant(typed, meant):
    assert format_alternative_names(parse_alternative_names(typed)) == meant


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; write for example"),
        (" ", "is empty"),
        ("a.example,", "is empty"),
        ("a.example,,b.example", "is empty"),
        ("DNS:", "name DNS: is not right: DNS is a domain name"),
        ("DNS:b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example", "of ASCII letters, digits and hyphens"),
        ("a b.example", "name a b.example is not right: DNS"),
        ("DNS:-a.example", "DNS:-a.example is not right"),
        ("DNS:a_b.example", "is not right"),
        ("DNS:a.example.", "is not right"),
        ("DNS:a..example", "is not right"),
        ("DNS:*.example.com", "is not right"),
        ("DNS:" + "a" * 64 + ".example", "is not right"),
        ("DNS:" + "a." * 126 + "ab", "is not right"),
        ("192.0.2.300", "192.0.2.300 is not right: DNS"),
        ("IP:192.0.2.0/24", "without prefix length or zone"),
        ("IP:fe80::1%eth0", "without prefix length or zone"),
        ("IP:router1", "IP is an IPv4 or IPv6 address"),
        ("email:noc", "such as noc@example.com"),
        ("noc@", "such as noc@example.com"),
        ("@example.com", "such as noc@example.com"),
        ("a@b@example.com", "such as noc@example.com"),
        ("a..b@example.com", "such as noc@example.com"),
        ("x" * 65 + "@example.com", "such as noc@example.com"),
        ("noc@192.0.2.1", "such as noc@example.com"),
        ("URI:router1.example.com", "an absolute URI"),
        ("https://", "an absolute URI"),
        ("https:///path", "an absolute URI"),
        ("https://a b", "an absolute URI"),
        ("https://-a.example/", "an absolute URI"),
        ("https://a.example:port/", "an absolute URI"),
        ("https://[::1/", "an absolute URI"),
        ("https://a.example/%zz", "an absolute URI"),
        ("dirName:CN", "kind of the subject alternative name dirName:CN is unknown; the kinds are DNS, IP, email"),
        ("1.2.3:4", "is unknown"),
        ("a.example,IP:192.0.2.1,DNS:A.EXAMPLE", "name DNS:A.EXAMPLE is there twice"),
        ("2001:db8::1,IP:2001:DB8:0::1", "is there twice"),
        ("a@b.example,a@B.example", "is there twice"),
        ("DNS:\x1b[2J", r"DNS:\?\[2J is not right"),
        ("DNS:" + "a" * 200, r"DNS:a{60}\.\.\. is not right"),
        (",".join(f"r{n}" for n in range(MAX_ALTERNATIVE_NAMES + 1)), "at most 32 subject alternative names"),
        ("a" * (ALTERNATIVE_NAMES_MAX_LENGTH + 1), "at most 4096 characters"),
    ],
)
def test_what_is_refused_says_which_and_why(text, message):
    with pytest.raises(InvalidAlternativeNamesError, match=message) as refused:
        parse_alternative_names(text)
    assert refused.value.message.isprintable()


def test_as_many_as_there_may_be():
    assert (
        len(parse_alternative_names(",".join(f"r{n}" for n in range(MAX_ALTERNATIVE_NAMES)))) == MAX_ALTERNATIVE_NAMES
    )


def test_kinds_of_other_certificates_are_printed_too():
    oid = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
    assert format_alternative_name(x509.DirectoryName(name("a"))) == "dirName:CN=a"
    assert format_alternative_name(x509.RegisteredID(oid)) == "RID:1.3.6.1.4.1.311.20.2.3"
    assert format_alternative_name(x509.OtherName(oid, b"\x0c\x01a")) == "otherName:1.3.6.1.4.1.311.20.2.3"


PIECES = [
    "DNS:",
    "IP:",
    "email:",
    "URI:",
    "a",
    ".",
    "-",
    "example",
    "@",
    "://",
    "[",
    "]",
    "192.0.2.1",
    "::",
    "%",
    ",",
    "/",
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
def test_what_is_taken_is_printed_and_taken_again(text):
    with suppress(InvalidAlternativeNamesError):
        names = parse_alternative_names(text)
        assert parse_alternative_names(format_alternative_names(names)) == names
        # The library encodes it.
        assert x509.SubjectAlternativeName(names).public_bytes()
