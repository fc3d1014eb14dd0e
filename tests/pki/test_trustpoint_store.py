"""Authenticate, enroll, re-key, clear: the guide's workflow, every chain judged by openssl."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.pki.certificates import CertificateRole, CertificateView
from agent.pki.enrollment.self_authority import SelfAuthority
from agent.pki.errors import (
    KeyChangedError,
    KeyNotFoundError,
    KeyTooSmallError,
    NotAuthenticatedError,
    NotEnrolledError,
    RootNotValidError,
)
from agent.pki.key_store import KeyStore
from agent.pki.keys import KeyType, KeyUsage
from agent.pki.self_enrollment import build_root
from agent.pki.trustpoint import CertificateUsage, MessageDigest
from agent.pki.trustpoint_store import TrustpointStore
from agent.storage.database import Database
from agent.storage.migrations import MIGRATIONS
from tests.pki.authorities import Authority
from tests.pki.trustpoints import NAME, generate_keys, guide_config, minimal_config, openssl, verify_chain

SMALL_RSA = {"size": 1024}


def options(key_type):
    return SMALL_RSA if key_type is KeyType.RSA else {}


def roles(views):
    return [view.role.value for view in views]


@pytest.mark.parametrize("key_type", KeyType)
def test_a_chain_of_each_key_type(key_type, key_store, trustpoint_store, clock, tmp_path, authority):
    generate_keys(key_store, key_type, **options(key_type))
    config = guide_config(key_type)
    root = authority.authenticate(config)
    (leaf,) = authority.enroll(config)
    verify_chain(tmp_path, leaf.pem, root.pem, clock.now())
    assert trustpoint_store.certificates(NAME) == [root, leaf]
    assert trustpoint_store.names() == [NAME]


@pytest.mark.parametrize(("ca_key_type", "key_type"), list(zip(KeyType, reversed(KeyType), strict=True)))
def test_root_and_leaf_of_different_types(ca_key_type, key_type, key_store, clock, tmp_path, authority):
    key_store.generate(ca_key_type, "system-root-key", **options(ca_key_type))
    key_store.generate(key_type, "system-enroll-key", **options(key_type))
    config = minimal_config(key_type, ca_key_type)
    root = authority.authenticate(config)
    (leaf,) = authority.enroll(config)
    assert leaf.subject == root.subject, "the guide's Ed25519 example names neither"
    verify_chain(tmp_path, leaf.pem, root.pem, clock.now())


def test_the_certificates_of_the_guide(key_store, clock, tmp_path, authority):
    generate_keys(key_store, KeyType.RSA)
    root = authority.authenticate(guide_config())
    clock.advance(timedelta(seconds=21))
    (leaf,) = authority.enroll(guide_config())
    rest = "serialNumber=c44a11fc,unstructuredName=ios.cisco.com,OU=ASR,O=cisco systems,L=San Jose,ST=CA,C=US"
    assert root.subject == root.issuer == leaf.issuer == f"{rest},CN=lab1-ca"
    assert leaf.subject == f"{rest},CN=lab1-ads"
    assert root.not_before == datetime(2019, 10, 20, 13, 7, 26, tzinfo=UTC)
    assert root.not_after == datetime(2020, 10, 21, 13, 7, 26, tzinfo=UTC)
    assert leaf.not_before == datetime(2019, 10, 20, 13, 7, 47, tzinfo=UTC)
    assert leaf.not_after == datetime(2020, 8, 15, 13, 7, 47, tzinfo=UTC)
    assert root.key_usage == ("digitalSignature", "keyCertSign", "cRLSign")
    assert leaf.key_usage == ("digitalSignature", "dataEncipherment", "keyAgreement")
    assert leaf.serial == root.serial + 1
    assert (root.role, leaf.role) == (CertificateRole.CA, CertificateRole.ROUTER)

    (tmp_path / "leaf.pem").write_text(leaf.pem)
    text = openssl("x509", "-in", tmp_path / "leaf.pem", "-noout", "-text", "-nameopt", "RFC2253,sname")
    assert "sha256WithRSAEncryption" in text
    assert "X509v3 Key Usage: critical" in text
    assert "CA:FALSE" in text
    assert text.count("X509v3 Authority Key Identifier") == text.count("X509v3 Subject Key Identifier") == 1
    fingerprint = openssl("x509", "-in", tmp_path / "leaf.pem", "-noout", "-fingerprint", "-sha1")
    assert fingerprint.strip().split("=")[1].replace(":", "") == leaf.sha1_fingerprint
    assert openssl("x509", "-in", tmp_path / "leaf.pem", "-noout", "-serial").strip() == (
        "serial=" + leaf.serial_text.replace(":", "")
    )
    (tmp_path / "root.pem").write_text(root.pem)
    assert "CA:TRUE, pathlen:0" in openssl("x509", "-in", tmp_path / "root.pem", "-noout", "-text")


def test_serial_numbers_are_positive_and_never_used_twice(
    key_store, trustpoint_store, database, clock, tmp_path, authority
):
    generate_keys(key_store)
    serials = [authority.authenticate(minimal_config()).serial for _ in range(3)]
    serials += [authority.enroll(minimal_config())[0].serial for _ in range(3)]
    trustpoint_store.clear(NAME)
    again = SelfAuthority(database, key_store, TrustpointStore(database, key_store, clock), clock)
    serials.append(again.authenticate(minimal_config()).serial)
    assert serials == list(range(serials[0], serials[0] + 7))
    assert 0 < serials[0].bit_length() <= 63
    view = trustpoint_store.certificates(NAME)[0]
    assert bytes.fromhex(view.serial_text.replace(":", "")) == view.serial.to_bytes(8, "big")


def test_a_serial_is_printed_in_pairs_of_digits(key_store, clock):
    key_store.generate(KeyType.ED25519, "system-root-key")
    key = key_store.private_key(KeyType.ED25519, "system-root-key")
    for serial, text in ((0x0B62, "0B:62"), (1, "01"), (0x6E, "6E"), (0x10B5, "10:B5")):
        certificate = build_root(minimal_config(), key, serial, clock.now())
        der = certificate.public_bytes(Encoding.DER)
        assert CertificateView.from_der(CertificateRole.CA, der).serial_text == text


@pytest.mark.parametrize(
    ("digest", "name"),
    [
        (MessageDigest.SHA256, "sha256WithRSAEncryption"),
        (MessageDigest.SHA384, "sha384WithRSAEncryption"),
        (MessageDigest.SHA512, "sha512WithRSAEncryption"),
    ],
)
def test_the_digest_that_is_configured_signs(digest, name, key_store, tmp_path, authority):
    generate_keys(key_store, KeyType.RSA, **SMALL_RSA)
    (tmp_path / "root.pem").write_text(authority.authenticate(guide_config(message_digest=digest)).pem)
    assert openssl("x509", "-in", tmp_path / "root.pem", "-noout", "-text").count(name) == 2


def test_a_short_key_signs_what_it_can(key_store, trustpoint_store, clock, tmp_path, authority):
    generate_keys(key_store, KeyType.RSA, size=512)
    root = authority.authenticate(guide_config())
    (leaf,) = authority.enroll(guide_config())
    verify_chain(tmp_path, leaf.pem, root.pem, clock.now())
    for digest in (MessageDigest.SHA384, MessageDigest.SHA512):
        with pytest.raises(KeyTooSmallError, match="512 bits"):
            authority.authenticate(guide_config(message_digest=digest))
    assert trustpoint_store.certificates(NAME) == [root, leaf], "a refusal changes nothing"


def test_enrolling_needs_a_root(key_store, trustpoint_store, authority):
    generate_keys(key_store)
    with pytest.raises(NotAuthenticatedError, match="authenticate it first"):
        authority.enroll(minimal_config())
    assert trustpoint_store.names() == []


def test_keys_that_are_missing_are_named(key_store, trustpoint_store, authority):
    with pytest.raises(KeyNotFoundError, match="system-root-key"):
        authority.authenticate(minimal_config())
    key_store.generate(KeyType.ED25519, "system-root-key")
    root = authority.authenticate(minimal_config())
    with pytest.raises(KeyNotFoundError, match="system-enroll-key"):
        authority.enroll(minimal_config())
    assert trustpoint_store.certificates(NAME) == [root]


def test_the_leaf_is_rekeyed_under_the_same_root(key_store, trustpoint_store, clock, tmp_path, authority):
    generate_keys(key_store)
    root = authority.authenticate(minimal_config())
    (first,) = authority.enroll(minimal_config())
    clock.advance(timedelta(days=100))
    key_store.generate(KeyType.ED25519, "system-enroll-key")
    with pytest.raises(KeyChangedError, match="Enroll the trustpoint again") as refused:
        trustpoint_store.signer(NAME)
    assert refused.value.role == "router"
    (second,) = authority.enroll(minimal_config())
    assert trustpoint_store.certificates(NAME) == [root, second]
    assert second.issuer == root.subject
    verify_chain(tmp_path, second.pem, root.pem, clock.now())
    verify_chain(tmp_path, first.pem, root.pem, clock.now())


def test_a_leaf_is_not_signed_with_another_root_key(key_store, authority):
    generate_keys(key_store)
    authority.authenticate(minimal_config())
    key_store.generate(KeyType.ED25519, "system-root-key")
    with pytest.raises(KeyChangedError, match="Authenticate and enroll") as refused:
        authority.enroll(minimal_config())
    assert refused.value.role == "ca"


def test_a_new_root_of_the_same_key_keeps_the_leaf(key_store, trustpoint_store, clock, tmp_path, authority):
    generate_keys(key_store)
    authority.authenticate(minimal_config())
    (leaf,) = authority.enroll(minimal_config())
    root = authority.authenticate(minimal_config())
    assert trustpoint_store.certificates(NAME) == [root, leaf]
    verify_chain(tmp_path, leaf.pem, root.pem, clock.now())


@pytest.mark.parametrize("change", ["key", "subject", "lifetime"])
def test_a_new_root_that_is_not_the_leafs_removes_the_leaf(change, key_store, trustpoint_store, authority):
    generate_keys(key_store)
    authority.authenticate(minimal_config())
    authority.enroll(minimal_config())
    if change == "key":
        key_store.generate(KeyType.ED25519, "system-root-key")
    changes = {"subject": {"ca_subject_name": "CN=other"}, "lifetime": {"ca_lifetime": 30}}.get(change, {})
    root = authority.authenticate(minimal_config(**changes))
    assert trustpoint_store.certificates(NAME) == [root]
    with pytest.raises(NotEnrolledError):
        trustpoint_store.signer(NAME)


def test_a_leaf_ends_with_its_root(key_store, trustpoint_store, clock, tmp_path, authority):
    generate_keys(key_store)
    root = authority.authenticate(minimal_config(ca_lifetime=365))
    clock.advance(timedelta(days=200))
    (leaf,) = authority.enroll(minimal_config(lifetime=300))
    assert leaf.not_after == root.not_after
    verify_chain(tmp_path, leaf.pem, root.pem, clock.now())
    clock.advance(timedelta(days=165))
    with pytest.raises(RootNotValidError, match="authenticate it again"):
        authority.enroll(minimal_config())
    assert trustpoint_store.certificates(NAME) == [root, leaf]


def test_usage_keys_get_two_certificates(key_store, trustpoint_store, clock, tmp_path, authority):
    generate_keys(key_store, KeyType.RSA, size=1024, usage=KeyUsage.USAGE)
    config = guide_config()
    root = authority.authenticate(config)
    signature, encryption = authority.enroll(config)
    assert roles(trustpoint_store.certificates(NAME)) == ["ca", "router-signature", "router-encryption"]
    assert signature.key_usage == ("digitalSignature",)
    assert encryption.key_usage == ("dataEncipherment", "keyAgreement")
    for leaf in (signature, encryption):
        verify_chain(tmp_path, leaf.pem, root.pem, clock.now())
    assert trustpoint_store.signer(NAME).chain == (signature.der, root.der)
    key_store.generate(KeyType.RSA, "system-enroll-key", size=1024)
    authority.enroll(config)
    assert roles(trustpoint_store.certificates(NAME)) == ["ca", "router"]


def test_usage_keys_whose_usages_leave_one_nothing(key_store, authority):
    generate_keys(key_store, KeyType.RSA, size=1024, usage=KeyUsage.USAGE)
    config = guide_config(key_usage=frozenset({CertificateUsage.DIGITAL_SIGNATURE}))
    authority.authenticate(config)
    signature, encryption = authority.enroll(config)
    assert (signature.key_usage, encryption.key_usage) == (("digitalSignature",), ("keyEncipherment",))


def test_clearing_removes_the_certificates_and_not_the_keys(key_store, trustpoint_store, database, authority):
    generate_keys(key_store)
    authority.authenticate(minimal_config())
    authority.enroll(minimal_config())
    assert roles(trustpoint_store.clear(NAME)) == ["ca", "router"]
    assert trustpoint_store.certificates(NAME) == []
    assert trustpoint_store.names() == []
    assert len(key_store.list()) == 2
    assert trustpoint_store.clear(NAME) == []
    with pytest.raises(NotEnrolledError):
        trustpoint_store.signer(NAME)


def test_clearing_can_be_a_part_of_a_commit(key_store, trustpoint_store, database, authority):
    generate_keys(key_store)
    root = authority.authenticate(minimal_config())

    def fail():
        with database.transaction() as transaction:
            assert len(trustpoint_store.clear(NAME, transaction)) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert trustpoint_store.certificates(NAME) == [root]


def test_everything_is_still_true_after_a_restart(key_store, database, sealer, clock, tmp_path, authority):
    generate_keys(key_store)
    root = authority.authenticate(minimal_config())
    (leaf,) = authority.enroll(minimal_config())
    database.close()
    again = Database.open(tmp_path / "test.db")
    store = TrustpointStore(again, KeyStore(again, sealer, clock), clock)
    assert store.certificates(NAME) == [root, leaf]
    assert store.signer(NAME).sign(b"data")
    again.close()


@pytest.mark.parametrize(
    ("key_type", "algorithm", "digest"),
    [
        (KeyType.RSA, "rsa-pkcs1-sha256", "-sha256"),
        (KeyType.DSA, "dsa-sha256", "-sha256"),
        (KeyType.ECDSA_NISTP256, "ecdsa-sha256", "-sha256"),
        (KeyType.ECDSA_NISTP384, "ecdsa-sha384", "-sha384"),
        (KeyType.ECDSA_NISTP521, "ecdsa-sha512", "-sha512"),
        (KeyType.ED25519, "ed25519", None),
    ],
)
def test_openssl_verifies_what_the_leaf_signed(
    key_type, algorithm, digest, key_store, trustpoint_store, tmp_path, authority
):
    generate_keys(key_store, key_type, **options(key_type))
    root = authority.authenticate(minimal_config(key_type))
    (leaf,) = authority.enroll(minimal_config(key_type))
    signer = trustpoint_store.signer(NAME)
    assert signer.algorithm == algorithm
    assert signer.chain == (leaf.der, root.der)
    (tmp_path / "leaf.pem").write_text(leaf.pem)
    (tmp_path / "key.pem").write_text(openssl("x509", "-in", tmp_path / "leaf.pem", "-noout", "-pubkey"))
    (tmp_path / "data").write_bytes(b"nonce and payload" * 1000)
    (tmp_path / "signature").write_bytes(signer.sign((tmp_path / "data").read_bytes()))
    how = ["-digest", digest[1:]] if digest else []
    text = openssl(
        "pkeyutl", "-verify", "-rawin", *how, "-pubin", "-inkey", tmp_path / "key.pem",
        "-in", tmp_path / "data", "-sigfile", tmp_path / "signature",
    )  # fmt: skip
    assert "Verified Successfully" in text


def test_a_signer_of_a_zeroized_key_says_so(key_store, trustpoint_store, authority):
    generate_keys(key_store)
    authority.authenticate(minimal_config())
    authority.enroll(minimal_config())
    key_store.zeroize(KeyType.ED25519)
    with pytest.raises(KeyNotFoundError, match="system-enroll-key"):
        trustpoint_store.signer(NAME)


def test_certificates_of_an_older_database_are_still_in_service(tmp_path, sealer, clock):
    """Of the version before chains and previous certificates."""
    path = tmp_path / "old.db"
    old = Database.open(path, MIGRATIONS[:2])
    key = Authority.root("Root")
    der = key.certificate.public_bytes(Encoding.DER)
    with old.transaction() as transaction:
        for role, label in (("ca", "root"), ("router", "leaf")):
            transaction.execute(
                "INSERT INTO certificates (trustpoint, role, der, key_type, key_label, key_purpose, issued)"
                " VALUES (?, ?, ?, 'rsa', ?, 'general', '2026-01-31T12:00:00+00:00')",
                (NAME, role, der, label),
            )
    old.close()
    database = Database.open(path)
    try:
        ca, router = TrustpointStore(database, KeyStore(database, sealer, clock), clock).stored(NAME)
        assert (ca.role, router.role) == (CertificateRole.CA, CertificateRole.ROUTER)
        assert ca.der == router.der == der
        assert (ca.key.label, router.key.label) == ("root", "leaf")
    finally:
        database.close()
