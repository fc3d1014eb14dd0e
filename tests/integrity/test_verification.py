"""`trustconf verify`'s report and exit status, and what it says of things that evidence can't be judged by."""

import io
import json
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from agent.integrity.packages.known_good import FORMAT, load_signing_key
from agent.integrity.verification import Standard, verify_report
from tests.integrity.judging.dossiers import dossier, drifted, envelope, package, packages
from tests.integrity.signers import NOW, authority, signer, usual

FIRST = envelope(dossier(packages=packages(package())), "n0")
SECOND = envelope(dossier(hours=1, packages=packages(drifted())), "n1")


def report(content=SECOND, *, as_json=False, previous=None, **changes):
    standard = {"trust_anchor": usual()[0].pem, "nonce": "n1", "at": NOW, **changes}
    earlier = None if previous is None else io.BytesIO(previous)
    return verify_report(io.BytesIO(content), Standard(previous=earlier, **standard), as_json=as_json)


@pytest.fixture(scope="module")
def known_good():
    """Known good values of `package()`, and the PEM of the key that signed them."""
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    values = {"name": "tool", "epoch": "", "version": "2.0", "release": "3.el9", "architecture": "x86_64"}
    entry = {"manager": "rpm", **values, "fingerprint-basis": "header", "fingerprint": "a" * 64}
    document = {"format": FORMAT, "version": 1, "algorithm": "fp1", "packages": [entry]}
    text = envelope(json.dumps(document).encode(), None, signing=load_signing_key(pem), include_certificate=False)
    return text.decode(), public


def test_verified():
    found = report(FIRST, nonce="n0")
    assert found.exit_status == 0
    assert found.text.startswith("Verified.\n")
    assert not found.text.endswith("\n")


def test_not_verified():
    found = report(nonce="other", as_json=True)
    assert found.exit_status == json.loads(found.text)["exit-status"] == 17


def test_beside_an_earlier_one():
    found = report(previous=FIRST)
    assert found.exit_status == 31
    assert "compared with:       the dossier of 2026-03-01T12:00:00Z" in found.text
    assert report(FIRST, nonce="n0", previous=SECOND).exit_status == 39
    assert report(FIRST, nonce=None, is_any_nonce=True, previous=SECOND).exit_status == 22


def test_beside_known_good_values(known_good):
    assert report(FIRST, nonce="n0", known_good=known_good).exit_status == 0
    assert report(known_good=known_good).exit_status == 30
    assert report(known_good=known_good, required=["ima"]).exit_status == 25


def unusable(**changes):
    text, as_json = report(**changes), report(as_json=True, **changes)
    assert text.exit_status == as_json.exit_status == 2
    assert json.loads(as_json.text) == {
        "verified": False, "exit-status": 2, "detail": text.text, "failures": [],
    }  # fmt: skip
    return text.text


def test_a_trust_anchor_that_can_not_be_used():
    assert unusable(trust_anchor=b"nothing") == "the trust anchor is not a PEM file of certificates"
    assert unusable(trust_anchor=b"").endswith("name the --trust-anchor")


def test_an_earlier_one_that_can_not_be_used():
    edited = FIRST.replace(b'"n0"', b'"n9"')
    assert "not genuine (bad-signature)" in unusable(previous=edited)
    assert "not a dossier" in unusable(previous=envelope(b"text"))
    foreign = authority("foreign")
    other = envelope(dossier(), "n0", signing=signer(foreign))
    assert "untrusted-chain" in unusable(previous=other)


def test_known_good_values_that_can_not_be_used(known_good):
    text, key = known_good
    assert "not a public key" in unusable(known_good=(text, b"nothing"))
    assert "not signed by that key" in unusable(known_good=(text, _another_key()))
    assert "not a signed envelope" in unusable(known_good=("nothing", key))


def _another_key():
    command = "openssl genpkey -algorithm ed25519 | openssl pkey -pubout"
    return subprocess.run(["sh", "-c", command], capture_output=True, check=True, timeout=60).stdout
