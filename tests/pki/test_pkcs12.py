"""PKCS #12 files: what openssl makes is opened, what is made here openssl opens, and all others say why not."""

from __future__ import annotations

from contextlib import suppress
from functools import cache

import pytest
from asn1crypto import pkcs12 as asn1_pkcs12
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.pki.import_errors import (
    KeyNotOfCertificateError,
    Pkcs12DamagedError,
    Pkcs12Error,
    Pkcs12IterationsError,
    Pkcs12KeyNotSupportedError,
    Pkcs12NoCertificateError,
    Pkcs12NoKeyError,
    Pkcs12PasswordError,
    Pkcs12SeveralKeysError,
    Pkcs12TooLargeError,
    Pkcs12UnsupportedError,
    WeakExportPasswordError,
)
from agent.pki.keys import KeyType, generate_private_key
from agent.pki.pkcs12 import EXPORT_ITERATIONS, MAX_ITERATIONS, PKCS12_MAX_BYTES, read_pkcs12, write_pkcs12
from tests.pki.authorities import line, name, rsa_key
from tests.pki.trustpoints import openssl

PASSWORD = "correct horse 1"


@cache
def cas():
    """Two tiers, the issuing CA first."""
    return tuple(line(2)[::-1])


@cache
def issued(key):
    return cas()[0].issue(name("router1"), key.public_key())


@cache
def key_of(key_type):
    return rsa_key(2) if key_type is KeyType.RSA else generate_private_key(key_type)


def key_pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def made_with(key, certificate, others=()):
    """A file whose protection costs next to nothing."""
    protection = (
        PrivateFormat.PKCS12.encryption_builder()
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .kdf_rounds(1)
        .hmac_hash(hashes.SHA256())
        .build(PASSWORD.encode())
    )
    return pkcs12.serialize_key_and_certificates(None, key, certificate, others, protection)


@pytest.fixture
def by_openssl(tmp_path):
    """A file made by `openssl pkcs12 -export` from a key, its certificate and the two CAs."""

    def make(*options, key=None, certificate=None, password=PASSWORD):
        key = key or rsa_key(2)
        certificates = [certificate or issued(key), *(ca.certificate for ca in cas())]
        (tmp_path / "key.pem").write_bytes(key_pem(key))
        (tmp_path / "certificates.pem").write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in certificates))
        openssl(
            "pkcs12", "-export", "-inkey", tmp_path / "key.pem", "-in", tmp_path / "certificates.pem",
            "-out", tmp_path / "made.p12", "-passout", f"pass:{password}", *options,
        )  # fmt: skip
        return (tmp_path / "made.p12").read_bytes()

    return make


@pytest.mark.parametrize("key_type", KeyType)
def test_openssl_opens_what_is_made_here(tmp_path, key_type):
    key = key_of(key_type)
    path = tmp_path / "made.p12"
    path.write_bytes(write_pkcs12("tp1", key, issued(key), [ca.certificate for ca in cas()], PASSWORD))
    opened = openssl("pkcs12", "-in", path, "-passin", f"pass:{PASSWORD}", "-noenc")
    assert opened.count("BEGIN CERTIFICATE") == 3
    assert "friendlyName: tp1" in opened
    own = load_pem_private_key(opened[opened.index("-----BEGIN PRIVATE KEY") :].encode(), None)
    assert key_pem(own) == key_pem(key)


def test_how_it_is_protected():
    file = asn1_pkcs12.Pfx.load(write_pkcs12("tp1", rsa_key(2), issued(rsa_key(2)), [], PASSWORD))
    assert file["mac_data"]["mac"]["digest_algorithm"]["algorithm"].native == "sha256"
    (info,) = (part for part in file.authenticated_safe if part["content_type"].native == "encrypted_data")
    algorithm = info["content"]["encrypted_content_info"]["content_encryption_algorithm"]
    assert (algorithm.kdf, algorithm.kdf_hmac, algorithm.kdf_iterations) == ("pbkdf2", "sha256", EXPORT_ITERATIONS)
    assert (algorithm.encryption_cipher, algorithm.key_length, algorithm.encryption_mode) == ("aes", 32, "cbc")


@pytest.mark.parametrize("key_type", KeyType)
def test_what_openssl_makes_is_opened(by_openssl, key_type):
    key = key_of(key_type)
    contents = read_pkcs12(by_openssl(key=key), PASSWORD)
    assert key_pem(contents.key) == key_pem(key)
    assert contents.certificate == issued(key)
    assert set(contents.others) == {ca.certificate for ca in cas()}
    assert "key" not in repr(contents).lower().replace("key=", "")


@pytest.mark.parametrize(
    "options",
    [
        ["-legacy"],
        ["-legacy", "-keypbe", "PBE-SHA1-RC4-128", "-certpbe", "PBE-SHA1-RC2-128"],
        ["-legacy", "-keypbe", "PBE-MD5-DES", "-certpbe", "PBE-SHA1-DES"],
        ["-keypbe", "NONE", "-certpbe", "NONE"],
        ["-keypbe", "AES-128-CBC", "-certpbe", "camellia-256-cbc"],
        ["-nomac"],
        ["-noiter"],
        ["-macalg", "sha512", "-iter", "100000"],
    ],
)
def test_old_and_rare_protections(by_openssl, options):
    assert read_pkcs12(by_openssl(*options), PASSWORD).certificate == issued(rsa_key(2))


@pytest.mark.parametrize("password", ["", "p\N{LATIN SMALL LETTER A WITH DIAERESIS}ss", "x" * 500])
def test_any_password_there_may_be(by_openssl, password):
    assert read_pkcs12(by_openssl(password=password), password).certificate == issued(rsa_key(2))


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " ", PASSWORD + "\0", "\ud800"])
def test_a_wrong_password(by_openssl, password):
    with pytest.raises(Pkcs12PasswordError, match="The password does not open") as refused:
        read_pkcs12(by_openssl(), password)
    assert not password or password not in str(refused.value)


def test_a_key_alone_and_certificates_alone(by_openssl):
    with pytest.raises(Pkcs12NoKeyError):
        read_pkcs12(by_openssl("-nokeys"), PASSWORD)
    with pytest.raises(Pkcs12NoCertificateError):
        read_pkcs12(by_openssl("-nocerts"), PASSWORD)


def test_a_key_with_the_certificates_of_others():
    """No tool makes such a file willingly: the certificates of one, the key of another."""
    certificates = parts_of(made_with(rsa_key(2), issued(rsa_key(2))))[:1]
    key = parts_of(made_with(rsa_key(3), issued(rsa_key(3))))[1:]
    with pytest.raises(KeyNotOfCertificateError):
        read_pkcs12(plain_file([*certificates, *key]), PASSWORD)


def plain_file(parts):
    """A file of these ContentInfos, with no MAC."""
    safe = asn1_pkcs12.AuthenticatedSafe(parts)
    return asn1_pkcs12.Pfx({"version": "v3", "auth_safe": {"content_type": "data", "content": safe.dump()}}).dump()


def parts_of(data):
    return list(asn1_pkcs12.Pfx.load(data).authenticated_safe)


def test_several_keys(by_openssl):
    parts = parts_of(by_openssl())
    keys = [part for part in parts if part["content_type"].native == "data"]
    with pytest.raises(Pkcs12SeveralKeysError, match="one for each key"):
        read_pkcs12(plain_file([*parts, *keys]), PASSWORD)


def long_rsa_key():
    """From two Mersenne primes: to find others of this size takes seconds."""
    p, q, e = 2**2281 - 1, 2**2203 - 1, 65537
    d = rsa.rsa_recover_private_exponent(e, p, q)
    public = rsa.RSAPublicNumbers(e, p * q)
    return rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
    ).private_key(unsafe_skip_rsa_key_validation=True)


def test_keys_that_are_none_of_the_model():
    curve = ec.generate_private_key(ec.SECP256K1())
    with pytest.raises(Pkcs12KeyNotSupportedError, match="Ed25519 key"):
        read_pkcs12(made_with(curve, issued(curve)), PASSWORD)
    long = long_rsa_key()
    with pytest.raises(Pkcs12KeyNotSupportedError, match="is 512 to 4096 bits, not 4484"):
        read_pkcs12(made_with(long, issued(long)), PASSWORD)


def bomb(place, count):
    """A file that says that it takes so many iterations to open, in one of its places."""
    file = asn1_pkcs12.Pfx.load(made_with(rsa_key(2), issued(rsa_key(2))))
    if place == "mac":
        file["mac_data"]["iterations"] = count
        return file.dump(force=True)
    parts = list(file.authenticated_safe)
    for index, part in enumerate(parts):
        if place == "certificates" and part["content_type"].native == "encrypted_data":
            info = part["content"]["encrypted_content_info"]
            info["content_encryption_algorithm"]["parameters"]["key_derivation_func"]["parameters"][
                "iteration_count"
            ] = count
            parts[index] = asn1_pkcs12.ContentInfo.load(part.dump(force=True))
        if place == "key" and part["content_type"].native == "data":
            bags = asn1_pkcs12.SafeContents.load(part["content"].native)
            parameters = bags[0]["bag_value"]["encryption_algorithm"]["parameters"]
            parameters["key_derivation_func"]["parameters"]["iteration_count"] = count
            parts[index] = asn1_pkcs12.ContentInfo({"content_type": "data", "content": bags.dump(force=True)})
    return plain_file(parts)


@pytest.mark.parametrize("place", ["mac", "certificates", "key"])
def test_a_bomb_is_not_lit(place):
    """Were the iterations tried, this would take days."""
    with pytest.raises(Pkcs12IterationsError, match=f"more than {MAX_ITERATIONS} iterations") as refused:
        read_pkcs12(bomb(place, 2**40), PASSWORD)
    assert refused.value.iterations >= 2**40
    with pytest.raises(Pkcs12IterationsError):
        read_pkcs12(bomb(place, MAX_ITERATIONS + 1), PASSWORD)
    for nonsense in (0, -1):
        with pytest.raises(Pkcs12DamagedError):
            read_pkcs12(bomb(place, nonsense), PASSWORD)


def test_many_small_bombs_are_one(by_openssl):
    parts = parts_of(by_openssl("-iter", "100000"))
    certificates = [part for part in parts if part["content_type"].native == "encrypted_data"]
    with pytest.raises(Pkcs12IterationsError):
        read_pkcs12(plain_file(parts + certificates * 100), PASSWORD)


def test_protections_that_nobody_here_opens(by_openssl):
    pbkdf2 = bytes.fromhex("06092a864886f70d01050c")
    data = by_openssl()
    assert pbkdf2 in data
    other = data.replace(pbkdf2, bytes.fromhex("06092a864886f70d01057f"))
    with pytest.raises(Pkcs12UnsupportedError, match=r"protected by 1\.2\.840\.113549\.1\.5\.127"):
        read_pkcs12(other, PASSWORD)


def test_sizes():
    with pytest.raises(Pkcs12TooLargeError, match="more than 1 MiB"):
        read_pkcs12(b"0" * (PKCS12_MAX_BYTES + 1), PASSWORD)
    key, many = rsa_key(2), [cas()[0].issue(name(f"r{n}"), rsa_key(3).public_key()) for n in range(64)]
    crowd = made_with(key, issued(key), many)
    with pytest.raises(Pkcs12TooLargeError, match="more than 64 certificates"):
        read_pkcs12(crowd, PASSWORD)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"hello",
        b"\x30\x80",
        b"-----BEGIN CERTIFICATE-----",
        b"\x30\x80" * 100_000,
        b"\x30\x03\x02\x01\x03",
    ],
)
def test_what_is_no_file(data):
    with pytest.raises(Pkcs12DamagedError):
        read_pkcs12(data, PASSWORD)


@pytest.mark.parametrize(
    "password", ["", "seven77", "x" * 129, "tab\tseparated", "p\N{LATIN SMALL LETTER A WITH DIAERESIS}sswords"]
)
def test_a_password_that_protects_nothing(password):
    with pytest.raises(WeakExportPasswordError, match="8 to 128 printable ASCII characters"):
        write_pkcs12("tp1", rsa_key(2), issued(rsa_key(2)), [], password)


def test_a_key_is_not_exported_with_the_certificate_of_another():
    with pytest.raises(KeyNotOfCertificateError):
        write_pkcs12("tp1", rsa_key(3), issued(rsa_key(2)), [], PASSWORD)


@cache
def honest():
    return made_with(rsa_key(2), issued(rsa_key(2)))


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 3000), st.binary(max_size=6), st.integers(0, 6))
def test_a_damaged_file_is_opened_or_refused(at, inserted, removed):
    data = honest()
    with suppress(Pkcs12Error):
        read_pkcs12(data[:at] + inserted + data[at + removed :], PASSWORD)
