"""Enrolling with a CA that behaves: what goes over the wire, RAs, polling, other keys, and what the answers mean."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agent.pki.keys import KeyType, generate_private_key
from agent.pki.scep.algorithms import ScepPolicy
from agent.pki.scep.attributes import Attribute, FailInfo, MessageType
from agent.pki.scep.errors import AlgorithmNotAllowedError, NotFoundError, QueryRefusedError, WrongIssuerError
from agent.pki.scep.grants import Difference, Granted, Pending, Rejected
from agent.pki.scep.messages import MessageSigner, Transaction
from agent.pki.trustpoint import CertificateUsage
from agent.pki.weaknesses import Weakness
from tests.peers.scep_messages import degenerate, signed
from tests.peers.scep_rules import Reply
from tests.pki.authorities import START, Authority, line, name, rsa_key
from tests.pki.scep.applicant import LENIENT, SUBJECT, Applicant
from tests.pki.scep.fake_ca import FakeCa
from tests.pki.trustpoints import openssl


def test_openssl_reads_what_we_send(tmp_path):
    class Recorder(FakeCa):
        def operate(self, message, method):
            (tmp_path / "request").write_bytes(message)
            return super().operate(message, method)

    ca = Recorder()
    device = Applicant(ca)
    device.enroll(challenge_password="secret")
    (tmp_path / "ca.pem").write_bytes(ca.issuer.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "ca.key").write_bytes(
        ca.issuer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    openssl("cms", "-verify", "-inform", "der", "-in", tmp_path / "request", "-noverify", "-binary",
            "-out", tmp_path / "envelope")  # fmt: skip
    openssl("cms", "-decrypt", "-inform", "der", "-in", tmp_path / "envelope", "-binary",
            "-recip", tmp_path / "ca.pem", "-inkey", tmp_path / "ca.key", "-out", tmp_path / "csr")  # fmt: skip
    assert (tmp_path / "csr").read_bytes() == device.transaction.request
    assert "secret" not in repr(device.transaction)


@pytest.mark.parametrize("caps", [b"POSTPKIOperation\nAES\nSHA-256", b"aes\r\nsha-256\r\n"], ids=["POST", "GET"])
def test_post_and_get(caps):
    ca = FakeCa(caps=caps)
    granted = Applicant(ca).enroll()
    assert isinstance(granted, Granted)
    assert granted.certificate.public_key() == rsa_key(9).public_key()
    assert granted.differences == granted.weaknesses == ()
    (request,) = ca.requests
    assert request.method == ("POST" if caps.startswith(b"POST") else "GET")
    assert request.kind == MessageType.PKCS_REQ
    assert (request.cipher, request.digest) == ("aes-128", "sha256")
    assert request.sender.subject == request.sender.issuer == SUBJECT


@pytest.mark.parametrize(
    ("caps", "policy", "cipher", "digest"),
    [
        (b"SCEPStandard", ScepPolicy(), "aes-128", "sha256"),
        (b"SCEPStandard", ScepPolicy(prefer_aes256=True), "aes-256", "sha256"),
        (b"AES-256\nSHA-512", ScepPolicy(), "aes-256", "sha512"),
        (b"DES3\nSHA-256", LENIENT, "3des", "sha256"),
        (b"", LENIENT, "3des", "sha1"),
    ],
)
def test_algorithms_follow_capabilities(caps, policy, cipher, digest):
    ca = FakeCa(caps=caps)
    granted = Applicant(ca, policy=policy).enroll()
    assert (ca.requests[0].cipher, ca.requests[0].digest) == (cipher, digest)
    weak = {"3des": Weakness("request encryption", "3des-cbc"), "sha1": Weakness("request signature", "sha1")}
    assert set(granted.weaknesses) == {weak[used] for used in (cipher, digest) if used in weak}


@pytest.mark.parametrize(("caps", "use"), [(b"AES\nSHA-1", "request signature"), (b"SHA-256", "request encryption")])
def test_a_weak_ca_gets_nothing_from_a_strict_device(caps, use):
    ca = FakeCa(caps=caps)
    with pytest.raises(AlgorithmNotAllowedError) as caught:
        Applicant(ca).enroll()
    assert caught.value.use == use
    assert ca.requests == []


@pytest.mark.parametrize(("cipher", "name"), [("des", "des-cbc"), ("3des", "3des-cbc")])
def test_weak_encryption_of_answers(cipher, name):
    ca = FakeCa()
    ca.answer_with(cipher=cipher)
    with pytest.raises(AlgorithmNotAllowedError, match=name):
        Applicant(ca).enroll()
    granted = Applicant(ca, policy=ScepPolicy(allow_des=True)).enroll()
    assert granted.weaknesses == (Weakness("answer encryption", name),)


@pytest.mark.parametrize("digest", [hashes.SHA384(), hashes.SHA512()])
def test_strong_answers(digest):
    ca = FakeCa()
    ca.answer_with(cipher="aes-256", options={"digest": digest})
    assert Applicant(ca).enroll().weaknesses == ()


def test_pending_until_granted_across_a_restart():
    ca = FakeCa()
    ca.answer_with(Reply(3), Reply(3), Reply())
    device = Applicant(ca)
    device.key = generate_private_key(KeyType.ED25519)
    assert device.enroll() == Pending()
    before = device.transaction
    kept = before.signer.temporary_key(), before.signer.certificate.public_bytes(Encoding.DER)
    device.transaction = Transaction(before.id, before.request, MessageSigner.restore(*kept))
    assert device.poll() == Pending()
    granted = device.poll()
    assert granted.certificate.public_key() == device.key.public_key()
    assert [request.kind for request in ca.requests] == [MessageType.PKCS_REQ, *[MessageType.CERT_POLL] * 2]
    assert len({request.transaction_id for request in ca.requests}) == 1
    assert len({request.nonce for request in ca.requests}) == 3


def test_a_poll_names_issuer_and_subject():
    ca = FakeCa()
    ca.answer_with(Reply(3))
    device = Applicant(ca)
    device.enroll()
    device.poll()
    names = core.SequenceOf.load(ca.requests[1].content, spec=core.Any)
    assert [part.dump() for part in names] == [name("Root").public_bytes(), SUBJECT.public_bytes()]


def test_every_transaction_has_its_own_id():
    ca = FakeCa()
    device = Applicant(ca)
    device.enroll()
    device.enroll()
    first, second = ca.requests
    assert first.transaction_id != second.transaction_id


@pytest.mark.parametrize("oid", [Attribute.FAIL_INFO_TEXT, Attribute.FAIL_INFO_TEXT_OF_STEP_CA])
@pytest.mark.parametrize("info", FailInfo)
def test_rejected(oid, info):
    ca = FakeCa()
    text = core.UTF8String("no such\nrouter ä")
    ca.answer_with(Reply(2, {Attribute.FAIL_INFO: core.PrintableString(str(int(info))), oid: text}))
    refused = Applicant(ca).enroll()
    assert isinstance(refused, Rejected)
    assert (refused.fail_info, refused.text) == (info, "no such router ä")
    assert refused.reason == f"no such router ä ({info.explanation})"


@pytest.mark.parametrize("info", [None, core.PrintableString("17")])
def test_rejected_without_a_reason(info):
    ca = FakeCa()
    ca.answer_with(Reply(2, {Attribute.FAIL_INFO: info}))
    assert Applicant(ca).enroll() == Rejected("", "no reason given")


@pytest.mark.parametrize("key_type", [t for t in KeyType if t is not KeyType.RSA])
def test_other_keys_use_a_temporary_rsa_key(key_type):
    ca = FakeCa()
    device = Applicant(ca, key=generate_private_key(key_type))
    granted = device.enroll()
    assert granted.certificate.public_key() == device.key.public_key()
    assert ca.requests[0].sender.public_key() != device.key.public_key()
    assert device.transaction.signer.temporary


def test_renewal_is_signed_by_the_certificate_in_service():
    ca = FakeCa()
    device = Applicant(ca)
    first = device.enroll().certificate
    holder = MessageSigner.holder(device.key, first.public_bytes(Encoding.DER))
    device.key = rsa_key(8)
    granted = device.enroll(signer=holder, renewal=True)
    assert granted.certificate.public_key() == rsa_key(8).public_key()
    assert ca.requests[1].kind == MessageType.RENEWAL_REQ
    assert ca.requests[1].sender == first


def registered_ca(tiers=3):
    """A chain with an RA whose signing and encryption are apart."""
    chain = line(tiers)
    signer = chain[-1].registrar("RA sign", 4, digital_signature=True)
    recipient = chain[-1].registrar("RA encrypt", 5, key_encipherment=True)
    return FakeCa(
        chain[-1],
        chain=[authority.certificate for authority in chain],
        authorities=[recipient.certificate, signer.certificate],
        recipient=recipient,
        signer=signer,
    )


@pytest.mark.parametrize("tiers", [1, 3, 8])
def test_registration_authority(tiers):
    ca = registered_ca(tiers)
    device = Applicant(ca)
    assert device.ca.chain == ca.chain
    assert device.enroll().certificate.issuer == name(f"Tier {tiers}")


def test_the_ca_itself_may_sign_beside_an_ra():
    ca = registered_ca()
    ca.signer = ca.issuer
    assert isinstance(Applicant(ca).enroll(), Granted)


def test_changes_of_the_ca_are_reported():
    ca = FakeCa()
    device = Applicant(ca)
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    changed = ca.issuer.issue(name("other"), device.key.public_key(), usage=usage)
    ca.answer_with(certificates=(changed, ca.issuer.certificate))
    granted = device.enroll(
        alternative_names=[x509.DNSName("router1"), x509.IPAddress(ip_address("192.0.2.1"))],
        key_usages=[CertificateUsage.DIGITAL_SIGNATURE, CertificateUsage.KEY_ENCIPHERMENT],
        extended_key_usages=[x509.ObjectIdentifier("1.3.6.1.5.5.7.3.2")],
    )
    assert granted.certificate == changed
    assert granted.others == (ca.issuer.certificate,)
    assert granted.differences == (
        Difference("subject", "O=Example,CN=router1", "CN=other"),
        Difference("subject alternative name", "DNS:router1, IP:192.0.2.1", ""),
        Difference("key usage", "digitalSignature, keyEncipherment", "digitalSignature"),
        Difference("extended key usage", "1.3.6.1.5.5.7.3.2", ""),
    )


def test_what_is_granted_as_asked_is_no_difference():
    granted = Applicant(FakeCa()).enroll(
        alternative_names=[x509.DNSName("router1")], key_usages=[CertificateUsage.DIGITAL_SIGNATURE]
    )
    assert granted.differences == ()


def test_get_certificate():
    ca = FakeCa()
    device = Applicant(ca)
    wanted = ca.issuer.issue(name("a"), rsa_key(3).public_key())
    ca.answer_with(certificates=(ca.issuer.certificate, wanted))
    assert device.get_certificate(wanted.serial_number) == wanted
    assert ca.requests[0].kind == MessageType.GET_CERT
    with pytest.raises(NotFoundError):
        device.get_certificate(wanted.serial_number + 1)
    ca.answer_with(Reply(2, {Attribute.FAIL_INFO: core.PrintableString("4")}))
    with pytest.raises(QueryRefusedError, match="badCertId"):
        device.get_certificate(1)


def make_crl(authority, issuer=None):
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer or authority.certificate.subject)
    return builder.last_update(START).next_update(START + timedelta(days=7)).sign(authority.key, hashes.SHA256())


def test_get_crl():
    ca = FakeCa()
    device = Applicant(ca)
    crl = make_crl(ca.issuer)
    ca.answer_with(content=degenerate(crls=[crl]))
    assert device.get_crl(7) == crl
    request = ca.requests[0]
    assert request.kind == MessageType.GET_CRL
    issuer, serial = core.SequenceOf.load(request.content, spec=core.Any)
    assert (issuer.dump(), serial.parse().native) == (name("Root").public_bytes(), 7)


@pytest.mark.parametrize(
    "crl", [make_crl(Authority.root("Root", key=5)), make_crl(Authority.root("Root"), issuer=name("Other"))]
)
def test_crl_of_a_stranger(crl):
    ca = FakeCa()
    ca.answer_with(content=degenerate(crls=[crl]))
    with pytest.raises(WrongIssuerError):
        Applicant(ca).get_crl(7)


def test_no_crl():
    ca = FakeCa()
    ca.answer_with(content=degenerate())
    with pytest.raises(NotFoundError):
        Applicant(ca).get_crl(7)


@pytest.mark.parametrize("attributes", [[], None], ids=["signed attributes", "none"])
def test_next_ca(attributes):
    ca = FakeCa()
    following = Authority.root("Next", key=6, start=START + timedelta(days=300))
    bag = degenerate([following.certificate])
    ca.next_ca = signed(bag, attributes, ca.issuer.key, ca.issuer.certificate)
    assert Applicant(ca).get_next_ca().chain == (following.certificate,)
