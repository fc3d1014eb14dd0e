"""Answers that are wrong in one way each: every one has its error, and no certificate comes of it."""

from __future__ import annotations

import pytest
from asn1crypto import cms, core
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from agent.pki.scep import errors
from agent.pki.scep.algorithms import ScepPolicy
from agent.pki.scep.attributes import Attribute
from tests.peers.scep_messages import attribute as build
from tests.peers.scep_messages import degenerate, envelope, signed
from tests.peers.scep_rules import Reply
from tests.pki.authorities import START, Authority, make_certificate, name, rsa_key
from tests.pki.scep.applicant import LENIENT, Applicant
from tests.pki.scep.fake_ca import FakeCa


def fails_with(error, *, policy=None, ca=None, **changes):
    ca = ca or FakeCa()
    ca.answer_with(**changes)
    with pytest.raises(error) as caught:
        Applicant(ca, policy=policy).enroll()
    assert type(caught.value) is error
    return caught.value


def text(value):
    return core.PrintableString(value)


def test_another_transaction():
    error = fails_with(errors.WrongTransactionError, attributes={Attribute.TRANSACTION_ID: text("1234")})
    assert error.received == "1234"


@pytest.mark.parametrize("nonce", [b"", b"x" * 16])
def test_another_nonce(nonce):
    fails_with(errors.WrongNonceError, attributes={Attribute.RECIPIENT_NONCE: core.OctetString(nonce)})


def test_replay():
    """The answer to the first request comes again as the answer to the second."""
    ca = FakeCa()
    device = Applicant(ca)
    first = []
    ca.answer_with(Reply(3, mangle=lambda answer: first.append(answer) or answer))
    device.enroll()
    ca.answer_with(Reply(3, mangle=lambda _answer: first[0]))
    with pytest.raises(errors.WrongNonceError):
        device.poll()
    with pytest.raises(errors.WrongTransactionError):
        device.enroll()


REQUIRED = [Attribute.MESSAGE_TYPE, Attribute.TRANSACTION_ID, Attribute.PKI_STATUS, Attribute.RECIPIENT_NONCE]


@pytest.mark.parametrize("attribute", REQUIRED)
def test_missing_attribute(attribute):
    assert fails_with(errors.MissingAttributeError, attributes={attribute: None}).attribute == attribute.label


@pytest.mark.parametrize("attribute", REQUIRED)
def test_duplicate_attribute(attribute):
    extra = (build(attribute, text("0")),)
    assert fails_with(errors.DuplicateAttributeError, extra=extra).attribute == attribute.label


def test_an_attribute_with_two_values():
    attribute = build(Attribute.FAIL_INFO, text("0"))
    attribute["values"].append(core.Any(text("1")))
    fails_with(errors.DuplicateAttributeError, extra=(attribute,))


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        (Attribute.MESSAGE_TYPE, text("19")),
        (Attribute.MESSAGE_TYPE, text("three")),
        (Attribute.MESSAGE_TYPE, core.Integer(3)),
        (Attribute.PKI_STATUS, text("1")),
        (Attribute.PKI_STATUS, text("9" * 5000)),
        (Attribute.PKI_STATUS, core.OctetString(b"0")),
        (Attribute.TRANSACTION_ID, core.OctetString(b"0")),
        (Attribute.RECIPIENT_NONCE, text("0")),
    ],
)
def test_attributes_of_the_wrong_kind(attribute, value):
    fails_with(errors.MalformedMessageError, attributes={attribute: value})


def test_a_stranger_signs():
    fails_with(errors.UnknownSignerError, signer=Authority.root("Stranger", key=5))


def test_a_stranger_signs_in_the_name_of_the_ca():
    ca = FakeCa()
    fails_with(errors.BadSignatureError, ca=ca, signer=Authority(rsa_key(5), ca.issuer.certificate))


def test_another_certificate_of_the_ca_signs():
    """Who has a certificate of the CA is not its RA."""
    ca = FakeCa()
    neighbour = ca.issuer.registrar("Neighbour", 5, digital_signature=True)
    fails_with(errors.UnknownSignerError, ca=ca, signer=neighbour)


def test_an_ra_that_only_encrypts_signs():
    root = Authority.root("Root")
    recipient = root.registrar("RA", 5, key_encipherment=True)
    ca = FakeCa(root, authorities=[recipient.certificate], recipient=recipient, signer=recipient)
    fails_with(errors.UnknownSignerError, ca=ca)


def test_changed_content():
    flip = {"tamper": lambda content: content[:-1] + bytes([content[-1] ^ 1])}
    fails_with(errors.ContentChangedError, options=flip)


def test_changed_attributes():
    transaction_ids = []

    def mangle(answer):
        # The messageType "3" becomes "2", in its place.
        oid = core.ObjectIdentifier(Attribute.MESSAGE_TYPE.value).dump()
        at = answer.index(oid) + len(oid) + 4
        transaction_ids.append(answer[at : at + 1])
        return answer[:at] + b"2" + answer[at + 1 :]

    fails_with(errors.BadSignatureError, mangle=mangle)
    assert transaction_ids == [b"3"]


@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.MD5()])
def test_weak_digests(digest):
    error = fails_with(errors.AlgorithmNotAllowedError, options={"digest": digest})
    assert (error.use, error.algorithm) == ("answer signature", digest.name)


def test_md5_never():
    fails_with(errors.AlgorithmNotAllowedError, policy=LENIENT, options={"digest": hashes.MD5()})


def test_sha1_by_policy_is_reported():
    ca = FakeCa()
    ca.answer_with(options={"digest": hashes.SHA1()})
    (weakness,) = Applicant(ca, policy=ScepPolicy(allow_sha1=True)).enroll().weaknesses
    assert (weakness.use, weakness.algorithm) == ("answer signature", "sha1")


def test_the_digest_is_the_declared_one():
    fails_with(errors.BadSignatureError, options={"declared_digest": "sha512"})


def test_unknown_digest():
    fails_with(errors.UnsupportedAlgorithmError, options={"declared_digest": "md2"})


def test_encrypted_for_somebody_else():
    fails_with(errors.NotForUsError, encrypt_for=Authority.root("Somebody", key=5).certificate)


def test_encrypted_with_another_key_in_our_name():
    def make(content, certificate):
        names, serial = (certificate.subject, certificate.issuer), certificate.serial_number
        impostor = make_certificate(*names, rsa_key(5).public_key(), rsa_key(5), serial=serial)
        return envelope(content, impostor)

    fails_with(errors.DecryptionError, enveloped=make)


def test_certificate_for_another_key():
    ca = FakeCa()
    other = ca.issuer.issue(name("other"), rsa_key(5).public_key())
    error = fails_with(errors.WrongKeyError, ca=ca, certificates=(other,))
    assert error.subjects == ("CN=other",)


def test_no_certificate():
    assert fails_with(errors.WrongKeyError, certificates=()).subjects == ()


def test_certificate_of_another_issuer():
    stranger = Authority.root("Stranger", key=5)
    ours = stranger.issue(name("router1"), rsa_key(9).public_key())
    assert fails_with(errors.WrongIssuerError, certificates=(ours,)).issuer == "CN=Stranger"


def test_certificate_of_a_stranger_in_the_name_of_the_ca():
    stranger = Authority.root("Root", key=5)
    ours = stranger.issue(name("router1"), rsa_key(9).public_key())
    fails_with(errors.WrongIssuerError, certificates=(ours,))


@pytest.mark.parametrize("content", [b"", b"\x30\x00", b"garbage", b"\x30\x80" * 2000])
def test_content_that_is_no_pkcs7(content):
    fails_with(errors.MalformedMessageError, content=content)


@pytest.mark.parametrize("sent", [b"", b"\x04\x00", b"\x30\x80\x00\x00", degenerate()])
def test_envelope_that_is_none(sent):
    fails_with(errors.MalformedMessageError, enveloped=lambda _content, _certificate: sent)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_truncated(share):
    fails_with(errors.MalformedMessageError, mangle=lambda answer: answer[: int(len(answer) * share)])


def test_too_many_certificates():
    ca = FakeCa()
    crowd = tuple(ca.issuer.issue(name(str(n)), rsa_key(5).public_key()) for n in range(33))
    fails_with(errors.MalformedMessageError, ca=ca, certificates=crowd)


def sign_twice(answer):
    message = cms.ContentInfo.load(answer)
    message["content"]["signer_infos"].append(message["content"]["signer_infos"][0])
    return message.dump(force=True)


@pytest.mark.parametrize("mangle", [lambda _answer: degenerate(), sign_twice], ids=["none", "two"])
def test_not_exactly_one_signer(mangle):
    fails_with(errors.MalformedMessageError, mangle=mangle)


def test_who_can_not_sign_can_not_refuse():
    ca = FakeCa()
    fails_with(errors.BadSignatureError, ca=ca, status=2, signer=Authority(rsa_key(5), ca.issuer.certificate))


def test_an_endless_number_is_not_read():
    answer = b"\x30\x82\xff\xff\x1f" + b"\xff" * 65000
    fails_with(errors.MalformedMessageError, mangle=lambda _answer: answer)


def test_a_ca_without_rsa_key():
    root = Authority.root("Root")
    key = ec.generate_private_key(ec.SECP256R1())
    sub = make_certificate(name("EC"), name("Root"), key.public_key(), root.key, ca=True)
    ca = FakeCa(root, chain=[root.certificate, sub])
    with pytest.raises(errors.UnsupportedKeyError):
        Applicant(ca).enroll()
    assert ca.requests == []


def test_next_ca_signed_by_a_stranger():
    ca = FakeCa()
    device = Applicant(ca)
    bag = degenerate([Authority.root("Next", key=6, start=START).certificate])
    ca.next_ca = signed(bag, [], rsa_key(5), ca.issuer.certificate)
    with pytest.raises(errors.BadSignatureError):
        device.get_next_ca()
    ca.next_ca = bag
    with pytest.raises(errors.MalformedMessageError):
        device.get_next_ca()
