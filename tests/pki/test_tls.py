"""Contexts for TLS: what is in them, and where the private key was meanwhile."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, rsa

from agent.pki.tls import (
    NoTrustAnchorError,
    TlsIdentity,
    TlsSettings,
    UnusableIdentityError,
    client_context,
    unverified_context,
)
from tests.pki.authorities import Authority, name, rsa_key

DEVICE = 9


@pytest.fixture(scope="module")
def ca():
    return Authority.root("CA", start=datetime.now(UTC).replace(microsecond=0) - timedelta(days=1))


def settings(ca, key, certified=None):
    certificate = ca.issue(name("router1"), (certified or key).public_key(), ca=False)
    return TlsSettings((ca.certificate,), TlsIdentity((certificate,), key))


def test_servers_are_verified(ca):
    context = client_context(TlsSettings((ca.certificate,)))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not context.hostname_checks_common_name
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert len(context.get_ca_certs()) == 1


def test_without_an_anchor_there_is_no_context():
    with pytest.raises(NoTrustAnchorError, match="authenticate"):
        client_context(TlsSettings())


def test_the_first_contact_is_not_in_old_tls():
    assert unverified_context().minimum_version is ssl.TLSVersion.TLSv1_2


def test_the_key_is_never_in_a_file_in_clear(ca, monkeypatch):
    """What OpenSSL reads is in memory, encrypted, and gone afterwards."""
    read = []
    load = ssl.SSLContext.load_cert_chain

    def observed(context, file, **options):
        read.append((os.readlink(file), open(file, "rb").read()))  # noqa: SIM115
        return load(context, file, **options)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", observed)
    before = set(os.listdir("/proc/self/fd"))
    client_context(settings(ca, rsa_key(DEVICE)))
    ((where, content),) = read
    assert where.startswith("/memfd:")
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in content
    assert b"BEGIN PRIVATE KEY" not in content
    assert set(os.listdir("/proc/self/fd")) <= before


def test_an_identity_does_not_show_its_key(ca):
    assert "key" not in repr(settings(ca, rsa_key(DEVICE)).identity).lower()


@pytest.mark.parametrize(
    ("key", "certified", "said"),
    [
        (rsa_key(DEVICE), rsa_key(8), "not for the key pair in use"),
        (dsa.generate_private_key(2048), None, "DSA keys are not used in TLS"),
        (rsa.generate_private_key(65537, 1024), None, "too weak"),
    ],
    ids=["another key", "DSA", "weak"],
)
def test_identities_that_tls_can_not_use(ca, key, certified, said):
    unusable = settings(ca, key, certified)
    with pytest.raises(UnusableIdentityError, match=said):
        client_context(unusable)


def test_an_identity_without_certificate(ca):
    with pytest.raises(UnusableIdentityError, match="enroll"):
        client_context(TlsSettings((ca.certificate,), TlsIdentity((), rsa_key(DEVICE))))
