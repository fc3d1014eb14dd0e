"""Enrolling with a real CA, the Debian package `scep`."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.clock import SystemClock
from agent.pki.keys import KeyType, generate_private_key
from agent.pki.names import parse_subject
from agent.pki.scep.algorithms import ScepPolicy
from agent.pki.scep.attributes import FailInfo
from agent.pki.scep.errors import AlgorithmNotAllowedError, HttpStatusError
from agent.pki.scep.grants import Granted, Rejected
from agent.pki.scep.messages import MessageSigner
from agent.pki.weaknesses import Weakness
from tests.peers.scepserver import CHALLENGE
from tests.pki.authorities import rsa_key
from tests.pki.scep.applicant import LENIENT, Applicant, OneShot
from tests.pki.trustpoints import openssl


def applicant(server, policy=LENIENT, key=None):
    return Applicant(OneShot(), url=server.url, policy=policy, key=key, clock=SystemClock())


def subject(common_name):
    return x509.Name(parse_subject(f"CN={common_name},O=Example"))


def test_authenticate(scepserver):
    device = applicant(scepserver)
    assert [c.public_bytes(Encoding.PEM).decode() for c in device.ca.chain] == [scepserver.ca_pem]
    assert device.ca.complete
    assert device.capabilities.post
    assert device.capabilities.aes
    assert device.capabilities.renewal


def test_enroll_with_the_right_challenge(scepserver, tmp_path):
    device = applicant(scepserver)
    granted = device.enroll(subject("right"), challenge_password=CHALLENGE)
    assert isinstance(granted, Granted)
    assert granted.certificate.public_key() == device.key.public_key()
    assert set(granted.weaknesses) == {Weakness("answer signature", "sha1"), Weakness("answer encryption", "des-cbc")}
    (tmp_path / "leaf.pem").write_bytes(granted.certificate.public_bytes(Encoding.PEM))
    openssl("verify", "-CAfile", scepserver.depot / "ca.pem", tmp_path / "leaf.pem")


def test_wrong_challenge(scepserver):
    refused = applicant(scepserver).enroll(subject("wrong"), challenge_password="wrong")
    assert isinstance(refused, Rejected)
    assert refused.fail_info is FailInfo.BAD_REQUEST
    assert refused.reason.startswith("badRequest")


@pytest.mark.parametrize("renewal", [True, False], ids=["RenewalReq", "PKCSReq signed by the old certificate"])
def test_renew(scepserver, renewal):
    device = applicant(scepserver)
    name = subject(f"renew {renewal}")
    first = device.enroll(name, challenge_password=CHALLENGE).certificate
    holder = MessageSigner.holder(device.key, first.public_bytes(Encoding.DER))
    device.key = rsa_key(8)
    second = device.enroll(name, signer=holder, renewal=renewal, challenge_password=CHALLENGE).certificate
    assert second.serial_number != first.serial_number
    assert second.public_key() == rsa_key(8).public_key()


def test_same_key_again_gets_a_new_certificate(scepserver):
    device = applicant(scepserver)
    serials = {
        device.enroll(subject("again"), challenge_password=CHALLENGE).certificate.serial_number for _ in range(2)
    }
    assert len(serials) == 2


def test_this_ca_refuses_other_keys_than_rsa(scepserver):
    device = applicant(scepserver, key=generate_private_key(KeyType.ECDSA_NISTP256))
    refused = device.enroll(subject("ec"), challenge_password=CHALLENGE)
    assert isinstance(refused, Rejected)
    assert device.transaction.signer.temporary


@pytest.mark.parametrize(
    ("policy", "use"),
    [
        (ScepPolicy(), "answer signature"),
        (ScepPolicy(allow_des=True), "answer signature"),
        (ScepPolicy(allow_sha1=True), "answer encryption"),
    ],
)
def test_its_old_algorithms_must_be_allowed(scepserver, policy, use):
    with pytest.raises(AlgorithmNotAllowedError) as caught:
        applicant(scepserver, policy).enroll(subject("strict"), challenge_password=CHALLENGE)
    assert caught.value.use == use


def test_what_it_can_not(scepserver):
    device = applicant(scepserver)
    for operation in (lambda: device.get_crl(1), lambda: device.get_certificate(1), device.get_next_ca):
        with pytest.raises(HttpStatusError) as caught:
            operation()
        assert caught.value.status >= 400
    device.begin(subject("poll"))
    with pytest.raises(HttpStatusError):
        device.poll()
