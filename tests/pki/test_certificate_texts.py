"""Certificates as people paste them: every form that there is gives the same ones, and what is none says why."""

from __future__ import annotations

import textwrap
from base64 import b64encode
from contextlib import suppress
from functools import cache

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.pki.certificate_texts import PASTED_MAX_BYTES, PASTED_MAX_CERTIFICATES, read_pasted_certificates
from agent.pki.import_errors import (
    BrokenBase64Error,
    NotACertificateError,
    NothingPastedError,
    OtherPemBlockError,
    PastedCertificatesError,
    PasteTooLargeError,
    PrivateKeyPastedError,
    SeveralCertificatesError,
    TruncatedPemBlockError,
)
from tests.pki.authorities import line, rsa_key
from tests.pki.trustpoints import openssl


@cache
def chain():
    """Three tiers, the root first."""
    return tuple(authority.certificate for authority in line(3))


def pem(certificate):
    return certificate.public_bytes(Encoding.PEM).decode()


def der(certificate):
    return certificate.public_bytes(Encoding.DER)


def base64(data):
    return "\n".join(textwrap.wrap(b64encode(data).decode(), 64)) + "\n"


def bag(tmp_path, *options):
    """The chain as openssl writes it into a PKCS #7."""
    source, target = tmp_path / "chain.pem", tmp_path / "chain.p7"
    source.write_text("".join(map(pem, chain())))
    openssl("crl2pkcs7", "-nocrl", "-certfile", source, "-out", target, *options)
    return target.read_bytes()


def test_the_guides_dialogue():
    """Two certificates with blank lines between all lines, as the guide has them, and "quit"."""
    text = "".join(map(pem, chain()[:2])).replace("\n", "\n\n") + "quit\nrouter#show version\n"
    assert read_pasted_certificates(text) == chain()[:2]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: textwrap.indent(text, "    "),
        lambda text: text.replace("\n", " "),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("-----END", "\t-----END").rstrip(),
        lambda text: text.replace("BEGIN CERT", "BEGIN X509 CERT").replace("END CERT", "END X509 CERT"),
        lambda text: text.replace("-----BEGIN", "subject=CN = Tier\nissuer=\N{SNOWMAN} quit\n-----BEGIN"),
        lambda text: text + "\n  quit  \n-----BEGIN CERTIFICATE-----\nwhatever",
        lambda text: text.encode(),
        lambda text: ("\ufeffr\N{LATIN SMALL LETTER O WITH DIAERESIS}ot\n" + text).encode(),
    ],
)
def test_pem_with_whatever_is_around_it(change):
    assert read_pasted_certificates(change("".join(map(pem, chain())))) == chain()


def test_one_certificate_without_pem_lines():
    (root, *_) = chain()
    for pasted in (der(root), base64(der(root)), b64encode(der(root)), f"\n{base64(der(root))}\nquit\nmore"):
        assert read_pasted_certificates(pasted) == (root,)


@pytest.mark.parametrize("label", ["PKCS7", "CMS", "PKCS #7 SIGNED DATA"])
def test_a_bag_by_openssl(tmp_path, label):
    text = bag(tmp_path).decode().replace("PKCS7", label)
    assert read_pasted_certificates(text) == chain()
    assert read_pasted_certificates(pem(chain()[0]) + text) == (chain()[0], *chain())
    data = bag(tmp_path, "-outform", "DER")
    assert read_pasted_certificates(data) == read_pasted_certificates(base64(data)) == chain()


def test_a_bag_in_ber(tmp_path):
    """Indefinite lengths, as several CAs write them."""
    data = bag(tmp_path, "-outform", "DER")
    header = 2 + (data[1] & 0x7F)
    assert read_pasted_certificates(b"\x30\x80" + data[header:] + b"\0\0") == chain()


def test_an_empty_bag(tmp_path):
    openssl("crl2pkcs7", "-nocrl", "-out", tmp_path / "empty.p7")
    with pytest.raises(NothingPastedError):
        read_pasted_certificates((tmp_path / "empty.p7").read_text())


def key_forms():
    key = rsa_key(0)
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        yield key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
        data = key.private_bytes(Encoding.DER, form, NoEncryption())
        yield data
        yield base64(data)
    yield key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    yield "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE"
    yield pem(chain()[0]) + "quit\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize("number", range(9))
def test_a_private_key_is_refused_and_not_repeated(number):
    pasted = list(key_forms())[number]
    with pytest.raises(PrivateKeyPastedError, match="Never paste a private key") as refused:
        read_pasted_certificates(pasted)
    assert "MII" not in refused.value.message
    assert not refused.value.__context__ or "MII" not in repr(refused.value.__context__)


FIRST = pem(chain()[0])


def cut(text, *, start=0, end=None):
    lines = text.splitlines(keepends=True)
    return "".join(lines[start : end if end is not None else len(lines)])


@pytest.mark.parametrize(
    ("pasted", "error", "message"),
    [
        ("", NothingPastedError, "no certificate in this"),
        (b"", NothingPastedError, "no certificate in this"),
        ("\ufeff \r\n\t", NothingPastedError, "no certificate in this"),
        ("quit\n" + FIRST, NothingPastedError, "no certificate in this"),
        ("hello", BrokenBase64Error, "neither PEM nor base64"),
        (b"0", BrokenBase64Error, "neither PEM nor base64"),
        (FIRST.replace("-----", "----"), BrokenBase64Error, "neither PEM nor base64"),
        (cut(FIRST, end=-1), TruncatedPemBlockError, "block 1 is cut off"),
        (cut(FIRST, start=1), TruncatedPemBlockError, "block 1 is cut off"),
        (FIRST + cut(FIRST, end=-1) + "quit\n", TruncatedPemBlockError, "block 2 is cut off"),
        (cut(FIRST, end=-1) + FIRST, TruncatedPemBlockError, "block 1 is cut off"),
        (FIRST.replace("END CERTIFICATE", "END PKCS7"), TruncatedPemBlockError, "block 1 is cut off"),
        (FIRST + FIRST.replace("MII", "M*I", 1), BrokenBase64Error, "block 2 is not base64"),
        (FIRST.replace("MII", "MI", 1), BrokenBase64Error, "block 1 is not base64"),
        (cut(FIRST, end=5) + cut(FIRST, start=6), NotACertificateError, "PEM block 1 is no certificate"),
        ("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", NotACertificateError, "PEM block 1"),
        (FIRST.replace(" CERTIFICATE-", " CERTIFICATE REQUEST-"), OtherPemBlockError, "kind CERTIFICATE REQUEST"),
        (FIRST.replace(" CERTIFICATE-", " TRUSTED CERTIFICATE-"), OtherPemBlockError, "TRUSTED CERTIFICATE"),
        (FIRST.replace(" CERTIFICATE-", " PKCS7-"), NotACertificateError, "PEM block 1 is no certificate"),
        (der(chain()[0])[:-1], NotACertificateError, "truncated"),
        (der(chain()[0]) + b"\0", NotACertificateError, "This is no certificate"),
        (der(chain()[0]) * 2, SeveralCertificatesError, "PEM or PKCS #7 only"),
        (base64(der(chain()[0]) * 2), SeveralCertificatesError, "PEM or PKCS #7 only"),
        (base64(b"nothing of the kind"), NotACertificateError, "This is no certificate"),
        ("a" * (PASTED_MAX_BYTES + 1), PasteTooLargeError, "more than 256 KiB"),
        (FIRST * (PASTED_MAX_CERTIFICATES + 1), PasteTooLargeError, "more than 64 certificates"),
    ],
)
def test_what_is_none_says_why(pasted, error, message):
    with pytest.raises(error, match=message) as refused:
        read_pasted_certificates(pasted)
    assert refused.value.message.isprintable()


def test_as_many_as_are_taken():
    assert len(read_pasted_certificates(FIRST * PASTED_MAX_CERTIFICATES)) == PASTED_MAX_CERTIFICATES


def test_damaged_extensions_are_found_at_once():
    data = der(chain()[0]).replace(bytes.fromhex("30030101ff"), bytes.fromhex("30030102ff"))
    with pytest.raises(NotACertificateError, match="Certificate 1 is no certificate: its extensions are damaged"):
        read_pasted_certificates(data)


PIECES = [
    *FIRST.splitlines(keepends=True)[:3],
    "-----BEGIN CERTIFICATE-----",
    "-----END CERTIFICATE-----\n",
    "-----BEGIN PKCS7-----\n",
    "-----END PKCS7-----\n",
    "\nquit\n",
    " ",
    "=",
    "MIIB",
    FIRST,
]


@settings(deadline=None)
@given(
    st.one_of(st.text(), st.binary(), st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5))).map("".join))
)
def test_anything_is_certificates_or_refused(pasted):
    with suppress(PastedCertificatesError):
        assert read_pasted_certificates(pasted)


@settings(deadline=None)
@given(st.integers(0, len(der(chain()[0])) - 1), st.binary(max_size=6), st.integers(0, 6))
def test_a_damaged_certificate_is_one_or_refused(at, inserted, removed):
    data = der(chain()[0])
    damaged = data[:at] + inserted + data[at + removed :]
    for pasted in (damaged, base64(damaged)):
        with suppress(PastedCertificatesError):
            assert len(read_pasted_certificates(pasted)) == 1


@pytest.mark.parametrize(
    "unit", [b"\x30\x80", b"\x24\x80", b"\xa0\x80", b"\x30\x84\x00\x03\xff\x00", b"\x1f\xff", b"0\0"]
)
def test_deep_and_long_structures_end(unit):
    data = b"\x30\x80" + unit * (PASTED_MAX_BYTES // len(unit) - 1)
    with pytest.raises(PastedCertificatesError):
        read_pasted_certificates(data)
