"""The SCEP responder by our own client, in what no client of others asks for; openssl judges what can be judged."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from urllib.request import urlopen

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.clock import SystemClock
from agent.pki.keys import KeyType, generate_private_key
from agent.pki.scep import errors
from agent.pki.scep.attributes import FailInfo
from agent.pki.scep.grants import Granted, Pending, Rejected
from agent.pki.scep.messages import MessageSigner
from tests.peers.clients import verify_by_openssl
from tests.peers.http_server import loopback_tls
from tests.peers.scep_ca import Ra, ScepCa
from tests.peers.scep_faults import MessageFault
from tests.peers.scep_messages import BAD_TIME, FAIL_INFO_TEXT_OF_STEP_CA, PENDING, BadMessageError, MessageKind
from tests.peers.scep_responder import scep_responder_process
from tests.peers.scep_rules import FOREVER, NO_CAPS, OLD_CAPS, Rejection, Reply
from tests.pki.authorities import name, rsa_key
from tests.pki.scep.applicant import LENIENT, Applicant, OneShot
from tests.pki.trustpoints import openssl


def applicant(server, **options):
    return Applicant(OneShot(tls=options.pop("tls", None)), url=server.url, clock=SystemClock(), **options)


def holder_of(device, certificate):
    """The device renews: what it has signs for its next key."""
    holder = MessageSigner.holder(device.key, certificate.public_bytes(Encoding.DER))
    device.key = rsa_key(8)
    return holder


@pytest.mark.parametrize("ra", Ra)
@pytest.mark.parametrize("tiers", [1, 8])
def test_chains_and_registration_authorities(scep_responder, tmp_path, tiers, ra):
    responder = scep_responder(tiers=tiers, ra=ra)
    device = applicant(responder)
    assert device.ca.chain == responder.ca.chain
    verify_by_openssl(tmp_path, device.enroll().certificate, responder.ca.chain)
    assert responder.ca.operations == ["GetCACert", "GetCACaps", "PKIOperation"]


def test_nine_tiers_are_served(scep_responder):
    with pytest.raises(errors.CaCertificatesError):
        applicant(scep_responder(tiers=9))


@pytest.mark.parametrize("caps", [OLD_CAPS, NO_CAPS])
@pytest.mark.parametrize("cipher", ["3des", "des"])
def test_old(scep_responder, caps, cipher):
    responder = scep_responder(caps=caps, cipher=cipher, digest="sha1")
    assert isinstance(applicant(responder, policy=LENIENT).enroll(), Granted)
    (request,) = responder.ca.requests
    assert (request.method, request.cipher, request.digest) == ("GET", "3des", "sha1")


def test_what_is_not_among_the_capabilities_is_refused(scep_responder):
    responder = scep_responder()
    device = applicant(responder)
    responder.rules.caps = b"POSTPKIOperation\nAES\n"
    assert device.enroll().fail_info is FailInfo.BAD_ALG
    responder.rules.caps = OLD_CAPS
    with pytest.raises(errors.HttpStatusError):
        device.enroll()
    assert len(responder.ca.complaints) == 2
    responder.ca.complaints.clear()


def test_pending_is_counted_for_each_transaction(scep_responder):
    responder = scep_responder(pending=2)
    one, other = applicant(responder), applicant(responder, key=rsa_key(8))
    assert [one.enroll(), other.enroll(), one.poll()] == [Pending()] * 3
    first = one.poll()
    assert isinstance(first, Granted)
    assert other.poll() == Pending()
    assert isinstance(other.poll(), Granted)
    assert one.poll().certificate == first.certificate


def test_somebody_decides(scep_responder):
    responder = scep_responder(pending=FOREVER)
    device = applicant(responder)
    assert [device.enroll(), device.poll(), device.poll()] == [Pending()] * 3
    assert len(responder.ca.wait_for(2, MessageKind.CERT_POLL)) == 2
    responder.ca.approve()
    assert isinstance(device.poll(), Granted)
    responder.rules.rejection = Rejection(text="not in my network")
    assert device.poll().text == "not in my network"


def test_a_refusal_with_the_other_oid(scep_responder):
    rejection = Rejection(BAD_TIME, "set your clock", FAIL_INFO_TEXT_OF_STEP_CA)
    refused = applicant(scep_responder(rejection=rejection)).enroll()
    assert (refused.fail_info, refused.text) == (FailInfo.BAD_TIME, "set your clock")


def test_each_request_has_its_own_fate(scep_responder):
    def decide(ca, request):
        return {
            "CN=busy": Reply(status=PENDING),
            "CN=unknown": Reply(rejection=Rejection(text="who is that")),
        }.get(ca.subject_of(request), Reply())

    responder = scep_responder()
    responder.ca.answer_with(decide)
    device = applicant(responder)
    assert device.enroll(name("unknown")).text == "who is that"
    assert isinstance(device.enroll(name("known")), Granted)
    assert [device.enroll(name("busy")), device.poll()] == [Pending()] * 2
    responder.ca.answer_with()
    assert isinstance(device.poll(), Granted)


def test_https(scep_responder, tmp_path):
    serving, trusting = loopback_tls(tmp_path)
    responder = scep_responder(tls=serving)
    assert responder.url.startswith("https://127.0.0.1:")
    assert isinstance(applicant(responder, tls=trusting).enroll(), Granted)


def test_challenge(scep_responder):
    responder = scep_responder(challenge="secret")
    device = applicant(responder)
    for options in ({"challenge_password": "wrong"}, {}):
        assert device.enroll(**options).text == "wrong challenge password"
    assert isinstance(device.enroll(challenge_password="secret"), Granted)
    assert [request.challenge for request in responder.ca.requests] == ["wrong", None, "secret"]


@pytest.mark.parametrize("renewal", [True, False], ids=["RenewalReq", "PKCSReq"])
def test_renewal(scep_responder, renewal):
    responder = scep_responder(challenge="secret")
    device = applicant(responder)
    first = device.enroll(challenge_password="secret").certificate
    holder = holder_of(device, first)
    assert isinstance(device.enroll(signer=holder, renewal=renewal), Granted)
    responder.rules.renewal_needs_challenge = True
    assert isinstance(device.enroll(signer=holder, renewal=renewal), Rejected)
    assert isinstance(device.enroll(signer=holder, renewal=renewal, challenge_password="secret"), Granted)
    assert responder.ca.requests[-1].sender == first
    responder.ca.revoke(first)
    assert device.enroll(signer=holder, renewal=renewal).text == "the certificate of the signer is revoked"


@pytest.mark.parametrize("key_type", [KeyType.ECDSA_NISTP384, KeyType.ED25519])
def test_other_keys(scep_responder, tmp_path, key_type):
    responder = scep_responder()
    granted = applicant(responder, key=generate_private_key(key_type)).enroll()
    verify_by_openssl(tmp_path, granted.certificate, responder.ca.chain)


@pytest.mark.parametrize(("start", "valid"), [(-30, "expired"), (2, "not yet"), (-1, "valid")])
def test_lifetimes(scep_responder, start, valid):
    responder = scep_responder(not_before=timedelta(days=start), lifetime=timedelta(days=7))
    certificate = applicant(responder).enroll().certificate
    now = SystemClock().now()
    assert (certificate.not_valid_after_utc < now) == (valid == "expired")
    assert (certificate.not_valid_before_utc > now) == (valid == "not yet")


def test_the_subject_is_changed(scep_responder):
    responder = scep_responder(rename=lambda name: x509.Name(list(name)[:1]))
    (difference,) = applicant(responder).enroll().differences
    assert difference.field == "subject"


def test_get_certificate_and_crl(scep_responder, tmp_path):
    responder = scep_responder(tiers=2)
    device = applicant(responder)
    certificate = device.enroll().certificate
    assert device.get_certificate(certificate.serial_number) == certificate
    with pytest.raises(errors.QueryRefusedError, match="badCertId"):
        device.get_certificate(certificate.serial_number + 1)
    assert len(device.get_crl(certificate.serial_number)) == 0
    responder.ca.revoke(certificate)
    crl = device.get_crl(certificate.serial_number)
    assert crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
    (tmp_path / "crl").write_bytes(crl.public_bytes(Encoding.PEM))
    (tmp_path / "ca").write_text(responder.ca.pem())
    openssl("crl", "-in", tmp_path / "crl", "-noout", "-CAfile", tmp_path / "ca")


def test_rollover(scep_responder, tmp_path):
    responder = scep_responder()
    device = applicant(responder)
    certificate = device.enroll().certificate
    with pytest.raises(errors.HttpStatusError):
        device.get_next_ca()
    following = responder.ca.prepare_rollover(tiers=2)
    assert device.get_next_ca().chain == following.chain
    responder.ca.roll_over()
    renewing = applicant(responder, key=device.key)
    assert renewing.ca.chain == following.chain
    renewed = renewing.enroll(signer=holder_of(renewing, certificate), renewal=True).certificate
    verify_by_openssl(tmp_path, renewed, following.chain)


def test_a_lost_answer_is_given_again(scep_responder):
    responder = scep_responder()
    device = applicant(responder)
    transaction = device.begin()
    responder.ca.answer_with(MessageFault.EMPTY, Reply())

    def send():
        return asyncio.run(device.client.enroll(transaction, device.ca, device.capabilities))

    with pytest.raises(errors.MalformedMessageError):
        send()
    assert send().certificate in responder.ca.issued.values()
    assert len(responder.ca.issued) == 1


@pytest.mark.parametrize("fault", MessageFault)
def test_message_faults(scep_responder, fault):
    """No certificate comes of any, and the next answer is right again."""
    responder = scep_responder(ra=Ra.SPLIT)
    responder.ca.answer_with(fault, Reply())
    device = applicant(responder)
    with pytest.raises(errors.ScepError):
        device.enroll()
    assert isinstance(device.enroll(), Granted)


def test_a_wrong_request_is_seen():
    ca = ScepCa.make()
    with pytest.raises(BadMessageError, match="can't be read"):
        ca.operate(b"garbage", "POST")
    assert len(ca.complaints) == 1


def test_a_process_of_its_own():
    with scep_responder_process("--tiers", "2", "--ra", "split", "--pending", "inf") as (url, *said):
        with urlopen(f"{url}?operation=GetCACaps") as answer:
            assert b"SCEPStandard" in answer.read()
        assert sum(line.startswith("ca ") for line in said) == 2
        assert sum(line.startswith("sha256 ") for line in said) == 2
