"""Subject names: as the guide types and prints them, and whatever else a client may send."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from agent.pki.errors import InvalidSubjectNameError
from agent.pki.names import SUBJECT_MAX_LENGTH, format_name, parse_subject


def values(text):
    return [attribute.value for attribute in parse_subject(text)]


def printed(text):
    return format_name(x509.Name(parse_subject(text)))


def test_the_guides_subject():
    assert printed("CN=lab1-ads,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR") == (
        "OU=ASR,O=cisco systems,L=San Jose,ST=CA,C=US,CN=lab1-ads"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CN=a", ["a"]),
        ("  cn = a b  ,  o=c ", ["a b", "c"]),
        (r"CN=a\, b,O=c", ["a, b", "c"]),
        (r"CN=\ a\ ", [" a "]),
        (r"CN=\#a\=\\", ["#a=\\"]),
        (r"CN=a=b", ["a=b"]),
        (r"CN=\41\c3\84", ["AÄ"]),
        ("CN=Ätna", ["Ätna"]),
        ("OU=a,OU=b,DC=example,DC=com", ["a", "b", "example", "com"]),
        ("commonName=a,emailAddress=a@example.com,C=in", ["a", "a@example.com", "in"]),
    ],
)
def test_what_can_be_typed(text, expected):
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("CN", "attribute=value"),
        ("=a", "attribute=value"),
        ("CN=a,", "attribute=value"),
        (",CN=a", "attribute=value"),
        ("CN=a,,O=b", "attribute=value"),
        ("CN=", "CN has no value"),
        ("CN=  ,O=a", "CN has no value"),
        ("CN=a,cn=b", "CN twice"),
        ("CN=a,commonName=b", "CN twice"),
        ("XY=a", "unknown attribute; the attributes are CN, C"),
        ("2.5.4.3=a", "unknown attribute"),
        ("serialNumber=1", "added by the device"),
        ("CN=a,UnstructuredName=b", "added by the device"),
        ("unstructuredAddress=10.0.0.1", "added by the device"),
        ("C=USA", "two letters"),
        ("C=U1", "two letters"),
        ("CN=" + "x" * 65, "at most 64"),
        ("L=" + "x" * 129, "at most 128"),
        ("CN=" + "ä" * 33, "at most 64 bytes"),
        ("CN=a+O=b", r"write \\\+"),
        ('CN="a"', r'write \\"'),
        ("CN=a;O=b", "write"),
        ("CN=#0c0161", "begins with #"),
        ("CN=a\\", "backslash"),
        ("CN=a\\x", "backslash"),
        (r"CN=\ff\fe", "not UTF-8"),
        (r"CN=a\00b", "can't be printed"),
        (r"CN=a\0ab", "can't be printed"),
        ("CN=a\nb", "printable characters only"),
        ("CN=a\0b", "printable characters only"),
        ("CN=\N{RIGHT-TO-LEFT OVERRIDE}a", "printable characters only"),
        ("DC=ä", "ASCII"),
        ("CN=a," + "OU=a," * 300, f"at most {SUBJECT_MAX_LENGTH}"),
    ],
)
def test_what_is_refused_and_why(text, message):
    with pytest.raises(InvalidSubjectNameError, match=message):
        parse_subject(text)


@given(st.text(max_size=1100))
def test_any_text_is_a_name_or_a_refusal(text):
    try:
        attributes = parse_subject(text)
    except InvalidSubjectNameError:
        return
    assert attributes
    assert x509.Name(attributes).public_bytes()


@given(st.text(alphabet='CNOU=,+\\"#<>; aé\0' + "41fF", max_size=60).map(lambda text: "CN=" + text))
def test_any_value_is_a_name_or_a_refusal(text):
    try:
        attributes = parse_subject(text)
    except InvalidSubjectNameError:
        return
    assert x509.Name(attributes).public_bytes()


readable = st.text(min_size=1, max_size=64).filter(lambda text: text.isprintable() and len(text.encode()) <= 64)


@given(readable, readable)
def test_what_is_printed_can_be_typed_again(common_name, organization):
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    assert values(format_name(name)) == [common_name, organization]
