"""What can be wrong with a CertRep, each by itself and in an otherwise right answer.

    ca.answer_with(MessageFault.WRONG_NONCE)             # from now on
    ca.answer_with(MessageFault.WRONG_NONCE, Reply())    # once, then honestly
    ca.answer_with()                                     # honestly

A client must not take a certificate from any of them.
"""

from __future__ import annotations

from enum import Enum, member, unique

from asn1crypto import core
from cryptography.hazmat.primitives import hashes

from tests.peers.scep_ca import ScepCa
from tests.peers.scep_messages import (
    MESSAGE_TYPE,
    PENDING,
    PKI_STATUS,
    RECIPIENT_NONCE,
    SUCCESS,
    TRANSACTION_ID,
    Request,
    attribute,
    degenerate,
    envelope,
)
from tests.peers.scep_rules import Reply
from tests.pki.authorities import Authority, make_certificate, name, rsa_key

#: The numbers of keys that no CA, RA or device of the tests has.
_STRANGER, _OTHER = 11, 12


def _stranger() -> Authority:
    return Authority.root("Stranger", key=_STRANGER)


def _signed_by_a_stranger(ca: ScepCa, request: Request) -> Reply:
    return Reply(signer=_stranger())


def _signed_in_the_name_of_the_ca(ca: ScepCa, request: Request) -> Reply:
    return Reply(signer=Authority(rsa_key(_STRANGER), ca.signer.certificate))


def _encrypted_for_somebody_else(ca: ScepCa, request: Request) -> Reply:
    return Reply(encrypt_for=_stranger().certificate)


def _subject_and_key(request: Request):
    return request.csr.parsed.subject, request.csr.parsed.public_key()


def _certificate_for_another_key(ca: ScepCa, request: Request) -> Reply:
    return Reply(certificates=(ca.issuer.issue(name("other"), rsa_key(_OTHER).public_key()),))


def _issued_by_a_stranger(ca: ScepCa, request: Request) -> Reply:
    return Reply(certificates=(_stranger().issue(*_subject_and_key(request)),))


def _issued_in_the_name_of_the_ca(ca: ScepCa, request: Request) -> Reply:
    subject, public_key = _subject_and_key(request)
    forged = make_certificate(subject, ca.issuer.certificate.subject, public_key, rsa_key(_STRANGER))
    return Reply(certificates=(forged,))


def _encrypted_with_another_key(ca: ScepCa, request: Request) -> Reply:
    """The recipient is named right."""
    sender, other = request.sender, rsa_key(_OTHER)
    impostor = make_certificate(sender.subject, sender.issuer, other.public_key(), other, serial=sender.serial_number)
    return Reply(encrypt_for=impostor)


def _envelope_of_garbage(ca: ScepCa, request: Request) -> Reply:
    return Reply(enveloped=lambda _content, certificate: envelope(b"garbage", certificate))


def _without(oid: str) -> Reply:
    return Reply(attributes={oid: None})


@unique
class MessageFault(Enum):
    """Use a member where a Reply would do. Those about certificates are for an answer to a PKCSReq or RenewalReq."""

    #: recipientNonce, transactionID, messageType and pkiStatus.
    WRONG_NONCE = Reply(attributes={RECIPIENT_NONCE: core.OctetString(b"x" * 16)})
    WRONG_TRANSACTION = Reply(attributes={TRANSACTION_ID: core.PrintableString("1234")})
    WRONG_TYPE = Reply(attributes={MESSAGE_TYPE: core.PrintableString("19")})
    WRONG_STATUS = Reply(attributes={PKI_STATUS: core.PrintableString("1")})
    NO_NONCE = _without(RECIPIENT_NONCE)
    NO_TRANSACTION = _without(TRANSACTION_ID)
    NO_TYPE = _without(MESSAGE_TYPE)
    NO_STATUS = _without(PKI_STATUS)
    #: Denied by one attribute, granted by the other.
    TWO_STATUSES = Reply(extra=(attribute(PKI_STATUS, core.PrintableString(str(PENDING))),))
    #: Signatures.
    SIGNED_BY_A_STRANGER = member(_signed_by_a_stranger)
    SIGNED_IN_THE_NAME_OF_THE_CA = member(_signed_in_the_name_of_the_ca)
    WRONG_DIGEST = Reply(options={"message_digest": bytes(32)})
    OTHER_DIGEST_DECLARED = Reply(options={"declared_digest": "sha512"})
    MD5 = Reply(options={"digest": hashes.MD5()})
    CHANGED_CONTENT = Reply(options={"tamper": lambda content: content[:-1] + bytes([content[-1] ^ 1])})
    NOT_SIGNED = Reply(mangle=lambda _answer: degenerate())
    #: Envelopes.
    ENCRYPTED_FOR_SOMEBODY_ELSE = member(_encrypted_for_somebody_else)
    ENCRYPTED_WITH_ANOTHER_KEY = member(_encrypted_with_another_key)
    ENVELOPE_OF_GARBAGE = member(_envelope_of_garbage)
    #: Certificates.
    CERTIFICATE_FOR_ANOTHER_KEY = member(_certificate_for_another_key)
    ISSUED_BY_A_STRANGER = member(_issued_by_a_stranger)
    ISSUED_IN_THE_NAME_OF_THE_CA = member(_issued_in_the_name_of_the_ca)
    NO_CERTIFICATE = Reply(status=SUCCESS, certificates=())
    #: Bytes.
    GARBAGE = Reply(mangle=lambda _answer: b"\x30\x03garbage")
    EMPTY = Reply(mangle=lambda _answer: b"")
    TRUNCATED = Reply(mangle=lambda answer: answer[: len(answer) // 2])
    HTML = Reply(mangle=lambda _answer: b"<html><body>Please log in</body></html>")

    def __call__(self, ca: ScepCa, request: Request) -> Reply:
        return self.value(ca, request)
