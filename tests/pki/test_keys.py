"""Making keys: each type and size of the guide, or a refusal that says why. openssl judges what was made."""

from __future__ import annotations

import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agent.pki.errors import InvalidKeySizeError, InvalidLabelError, KeyGenerationNotSupportedError
from agent.pki.keys import KeyType, KeyUsage, check_label, check_size, check_usage, generate_private_key
from agent.pki.small_rsa import generate_small_rsa_key, is_probable_prime


def openssl_text(key):
    """What `openssl pkey` says of a private key; it checks the key first."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    run = subprocess.run(
        ["openssl", "pkey", "-check", "-noout", "-text"], input=pem, capture_output=True, check=True, timeout=60
    )
    return run.stdout.decode()


@pytest.mark.parametrize(
    ("key_type", "size", "expected"),
    [
        (KeyType.RSA, 512, "Private-Key: (512 bit"),
        (KeyType.RSA, 768, "Private-Key: (768 bit"),
        (KeyType.RSA, 1023, "Private-Key: (1023 bit"),
        (KeyType.RSA, 1024, "Private-Key: (1024 bit"),
        (KeyType.RSA, None, "Private-Key: (2048 bit"),
        (KeyType.DSA, None, "Private-Key: (1024 bit)"),
        (KeyType.DSA, 2048, "Private-Key: (2048 bit)"),
        (KeyType.ECDSA_NISTP256, None, "NIST CURVE: P-256"),
        (KeyType.ECDSA_NISTP384, 384, "NIST CURVE: P-384"),
        (KeyType.ECDSA_NISTP521, None, "NIST CURVE: P-521"),
        (KeyType.ED25519, None, "ED25519 Private-Key"),
    ],
)
def test_openssl_accepts_the_key(key_type, size, expected):
    text = openssl_text(generate_private_key(key_type, size))
    assert expected in text
    assert "Key is valid" in text


@pytest.mark.exhaustive
def test_openssl_accepts_the_longest_key():
    assert "(4096 bit" in openssl_text(generate_private_key(KeyType.RSA, 4096))


@pytest.mark.parametrize("bits", [512, 513, 767, 1001])
def test_small_rsa_keys_follow_the_rules(bits):
    numbers = generate_small_rsa_key(bits).private_numbers()
    p, q = numbers.p, numbers.q
    assert (p * q).bit_length() == bits
    assert {p.bit_length(), q.bit_length()} == {(bits + 1) // 2, bits // 2}
    assert abs(p - q) > 1 << (bits // 2 - 100)
    assert numbers.public_numbers.e == 65537
    assert numbers.d > 1 << (bits // 2)
    for prime in (p, q):
        verdict = subprocess.run(["openssl", "prime", str(prime)], capture_output=True, text=True, check=True)
        assert verdict.stdout.rstrip().endswith("is prime")


def test_small_keys_are_never_the_same():
    assert len({generate_small_rsa_key(512).private_numbers().p for _ in range(5)}) == 5


def test_a_key_that_is_too_short_is_refused_at_the_bottom_too():
    with pytest.raises(InvalidKeySizeError):
        generate_small_rsa_key(511)


def test_primality():
    primes = {n for n in range(5000) if n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))}
    assert {n for n in range(5000) if is_probable_prime(n)} == primes
    carmichael = [561, 41041, 825265, 321197185, 9746347772161]
    # Strong pseudoprimes to the first bases, and products of primes above the trial division.
    composites = [3215031751, 3825123056546413051, (2**61 - 1) * (2**89 - 1), 2003 * 2011, *carmichael]
    assert not any(is_probable_prime(n) for n in composites)
    assert all(is_probable_prime(n) for n in (2**61 - 1, 2**89 - 1, 2**521 - 1))


@pytest.mark.parametrize("size", [512, 768])
def test_weak_dsa_keys_are_refused_with_the_reason_and_the_way_out(size):
    with pytest.raises(KeyGenerationNotSupportedError, match=r"too weak\. Use 1024 or 2048"):
        generate_private_key(KeyType.DSA, size)


@pytest.mark.parametrize(
    ("key_type", "size", "allowed"),
    [
        (KeyType.RSA, 511, "512 to 4096"),
        (KeyType.RSA, 4097, "512 to 4096"),
        (KeyType.RSA, 0, "512 to 4096"),
        (KeyType.RSA, -2048, "512 to 4096"),
        (KeyType.DSA, 1023, "1024 or 2048"),
        (KeyType.ECDSA_NISTP256, 384, "256"),
        (KeyType.ED25519, 255, "256"),
    ],
)
def test_a_size_that_is_none_says_which_are(key_type, size, allowed):
    with pytest.raises(InvalidKeySizeError, match=f"is {allowed} bits, not {size}"):
        check_size(key_type, size)


def test_only_rsa_has_usage_keys():
    check_usage(KeyType.RSA, KeyUsage.USAGE)
    for key_type in set(KeyType) - {KeyType.RSA}:
        check_usage(key_type, KeyUsage.GENERAL)
        with pytest.raises(KeyGenerationNotSupportedError, match="type rsa"):
            check_usage(key_type, KeyUsage.USAGE)


def test_labels():
    assert check_label(None) == check_label("") == "the_default"
    for label in ("system-root-key", "x" * 127, "key/1:a&<b>'\""):
        assert check_label(label) == label
    for label in ("x" * 128, "a b", "a\n", "\0", "schlüssel", "a\x7f", "\N{RIGHT-TO-LEFT OVERRIDE}"):
        with pytest.raises(InvalidLabelError, match="choose another"):
            check_label(label)
