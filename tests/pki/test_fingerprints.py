"""Fingerprints as people paste them: whatever their layout, the certificate that they mean is found, and no other."""

from __future__ import annotations

import subprocess
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from agent.pki.errors import InvalidFingerprintError
from agent.pki.fingerprints import (
    PASTED_MAX_LENGTH,
    Fingerprint,
    FingerprintAlgorithm,
    md5_groups,
    sha1_text,
    sha256_text,
)
from tests.pki.authorities import Authority

ALGORITHMS = list(FingerprintAlgorithm)


@pytest.fixture(scope="module")
def der():
    return Authority.root("Fingerprinted").certificate.public_bytes(Encoding.DER)


def openssl_says(der, algorithm):
    """Such as `sha256 Fingerprint=AB:CD:...`."""
    return subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-noout", "-fingerprint", f"-{algorithm}"],
        input=der, capture_output=True, check=True, timeout=60,
    ).stdout.decode()  # fmt: skip


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_openssl_prints_is_understood_as_it_is(der, algorithm):
    fingerprint = Fingerprint.parse(openssl_says(der, algorithm))
    assert fingerprint.algorithm is algorithm
    assert fingerprint.matches(der)
    assert not fingerprint.matches(der + b"\0")


def test_what_is_printed_is_what_openssl_says(der):
    def digits(algorithm):
        return openssl_says(der, algorithm).partition("=")[2].strip().replace(":", "")

    assert sha256_text(der) == digits("sha256")
    assert sha1_text(der) == digits("sha1")
    assert md5_groups(der).replace(" ", "") == digits("md5")
    assert [len(group) for group in md5_groups(der).split(" ")] == [8, 8, 8, 8]


@pytest.mark.parametrize(
    ("text", "algorithm"),
    [
        ("Fingerprint:58 71 FB 94 55 65 D4 64 38 91 2B 00 61 E9 F8 05", "md5"),
        ("  Fingerprint: 17D8B38D ED2BDF2E DF8ADB7F A7DBE35A", "md5"),
        ("SHA1 Fingerprint:\n      D8E0C11ECED96F67FDBC800DB6A126676A76BD62", "sha1"),
        ("SHA-256:" + "ab:" * 31 + "ab", "sha256"),
        ("sha256 = " + "AB" * 32, "sha256"),
        ("md5 " + "0a-" * 15 + "0a", "md5"),
        # Windows' dialogue puts a mark in front that nobody sees, web pages have other spaces.
        ("\u200e" + "d8 e0 " * 10, "sha1"),
        ("d8\u00a0e0\r\n" * 10, "sha1"),
    ],
)
def test_the_layouts_that_there_are(text, algorithm):
    fingerprint = Fingerprint.parse(text)
    assert fingerprint.algorithm == algorithm
    assert text.upper().translate(str.maketrans("", "", " \u00a0\u200e:-\r\n")).endswith(fingerprint.text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" : : ", "empty"),
        ("SHA256:", "empty"),
        ("58 71 FB", "it has 6 digits"),
        ("AB" * 31, "it has 62 digits"),
        ("A" * 41, "not made of pairs"),
        ("AB" * 15 + "ZZ", "not made of pairs"),
        ("\uff11" * 32, "not made of pairs"),
        ("0x" + "AB" * 20, "not made of pairs"),
        # What OpenSSH prints of a key is something else.
        ("SHA256:ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og", "not made of pairs"),
        ("SHA256: " + "AB" * 20, "it says SHA256, and has 40 digits"),
        ("md5=" + "AB" * 32, "it says MD5, and has 64 digits"),
        ("AB" * 20 + "\n" + "AB" * 16, "it has 72 digits"),
        (" " * (PASTED_MAX_LENGTH + 1), "more than 256"),
    ],
)
def test_what_is_none_says_why_and_what_is_taken(text, reason):
    with pytest.raises(InvalidFingerprintError) as refused:
        Fingerprint.parse(text)
    assert reason in refused.value.message
    assert "SHA-256 (64 hexadecimal digits), SHA-1 (40) or MD5 (32)" in refused.value.message


@given(
    data=st.data(),
    algorithm=st.sampled_from(ALGORITHMS),
    content=st.binary(max_size=64),
    upper=st.booleans(),
    named=st.booleans(),
)
def test_any_layout_means_the_same(data, algorithm, content, upper, named):
    expected = Fingerprint.of(content, algorithm)
    separators = st.sampled_from(["", "", "", " ", ":", "-", "\n"])
    text = "".join(digit + data.draw(separators) for digit in expected.text)
    text = text.upper() if upper else text.lower()
    if named:
        names = [f"{algorithm}:", f"{algorithm.upper()} Fingerprint=", "fingerprint: "]
        text = data.draw(st.sampled_from(names)) + text
    parsed = Fingerprint.parse(text)
    assert parsed == expected
    assert parsed.matches(content)


@given(st.text(max_size=PASTED_MAX_LENGTH + 10))
def test_any_text_is_a_fingerprint_or_refused(text):
    with suppress(InvalidFingerprintError):
        assert len(Fingerprint.parse(text).digest) in (16, 20, 32)
