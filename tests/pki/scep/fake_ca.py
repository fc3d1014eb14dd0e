"""A CA in memory, as a Transport: issues what it is asked for, or answers as badly as a test wants.

It is no second opinion on the format (scepserver and openssl are); it exists to be wrong in one chosen way at a time.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlsplit

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding

from agent.pki.scep.algorithms import AES_128, ContentCipher, ScepPolicy
from agent.pki.scep.attributes import Attribute, MessageType, build
from agent.pki.scep.cms import decrypt, encrypt
from agent.pki.scep.http import HttpAnswer
from tests.pki.authorities import Authority

EVERYTHING = b"POSTPKIOperation\nRenewal\nSHA-256\nAES\nGetNextCACert\n"


def degenerate(certificates=(), crls=()):
    """A PKCS #7 that is just a bag."""
    return cms.ContentInfo(
        {
            "content_type": "signed_data",
            "content": cms.SignedData(
                {
                    "version": "v1",
                    "digest_algorithms": [],
                    "encap_content_info": {"content_type": "data"},
                    "certificates": [cms.CertificateChoices({"certificate": own(c)}) for c in certificates],
                    "crls": [cms.RevocationInfoChoice.load(crl.public_bytes(Encoding.DER)) for crl in crls],
                    "signer_infos": [],
                }
            ),
        }
    ).dump()


def own(certificate):
    """A certificate as asn1crypto has it."""
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def signed(content, attributes, key, certificate, digest=None, declared_digest=None, message_digest=None, tamper=None):
    """SignedData, written apart from the client's own, with whatever attributes."""
    digest = digest or hashes.SHA256()
    state = hashes.Hash(digest)
    state.update(content or b"")
    standard = [
        cms.CMSAttribute({"type": "content_type", "values": ["data"]}),
        cms.CMSAttribute({"type": "message_digest", "values": [message_digest or state.finalize()]}),
    ]
    attrs = None if attributes is None else cms.CMSAttributes([*standard, *attributes])
    data = content if attrs is None else attrs.dump()
    who = own(certificate)
    info = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            {
                "issuer_and_serial_number": cms.IssuerAndSerialNumber(
                    {"issuer": who.issuer, "serial_number": who.serial_number}
                )
            }
        ),
        "digest_algorithm": algos.DigestAlgorithm({"algorithm": declared_digest or digest.name}),
        "signature_algorithm": {"algorithm": "sha256_rsa", "parameters": core.Null()},
        "signature": key.sign(data, padding.PKCS1v15(), digest),
    }
    if attrs is not None:
        info["signed_attrs"] = attrs
    encapsulated = {"content_type": "data"}
    if content is not None:
        encapsulated["content"] = core.OctetString(content if tamper is None else tamper(content))
    body = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [algos.DigestAlgorithm({"algorithm": digest.name})],
            "encap_content_info": encapsulated,
            "signer_infos": [cms.SignerInfo(info)],
        }
    )
    return cms.ContentInfo({"content_type": "signed_data", "content": body}).dump()


@dataclass
class Request:
    """A message that the CA got."""

    kind: MessageType
    transaction_id: str
    nonce: bytes
    sender: x509.Certificate
    content: bytes
    cipher: str
    digest: str
    method: str


@dataclass(frozen=True)
class Reply:
    """How the CA answers: honestly, but for what a test changes.

    Attributes:
        attributes: OID -> asn1crypto value, added or replaced; None removes.
        extra: CMSAttributes added on top.
        certificates: of the answer; None issues the right one.
        content: of the PKCS #7, instead of certificates.
        signer, encrypt_for: other than the right ones.
        enveloped: makes the envelope instead of our own code: (content, certificate) -> DER
        options: of `signed`
        mangle: changes the whole answer.
    """

    status: int = 0
    attributes: dict = field(default_factory=dict)
    extra: tuple = ()
    certificates: tuple | None = None
    content: bytes | None = None
    signer: Authority | None = None
    encrypt_for: x509.Certificate | None = None
    enveloped: object = None
    cipher: ContentCipher = AES_128
    options: dict = field(default_factory=dict)
    mangle: object = None


class FakeCa:
    """Speaks SCEP for `issuer`. `replies`: one a message, the last one for all that follow."""

    def __init__(self, issuer=None, *, chain=None, authorities=(), recipient=None, signer=None, caps=EVERYTHING):
        self.issuer = issuer or Authority.root("Root")
        self.chain = chain or (self.issuer.certificate,)
        self.authorities = tuple(authorities)
        self.recipient = recipient or self.issuer
        self.signer = signer or self.issuer
        self.caps = caps
        self.replies = [Reply()]
        self.requests = []
        self.next_ca = b""
        self.ca_answer = None

    async def get(self, url, limit):
        query = parse_qs(urlsplit(url).query)
        match query["operation"][0]:
            case "GetCACaps":
                return HttpAnswer(self.caps)
            case "GetCACert":
                return HttpAnswer(self.ca_answer or degenerate((*self.authorities, *self.chain)))
            case "GetNextCACert":
                return HttpAnswer(self.next_ca)
        return HttpAnswer(self.operate(base64.b64decode(query["message"][0], validate=True), "GET"))

    async def post(self, url, body, limit):
        assert parse_qs(urlsplit(url).query) == {"operation": ["PKIOperation"]}
        return HttpAnswer(self.operate(body, "POST"))

    def answer_with(self, *replies, **changes):
        self.replies = list(replies) or [replace(Reply(), **changes)]

    def operate(self, message, method):
        request = self.read(message, method)
        self.requests.append(request)
        if request.kind in (MessageType.PKCS_REQ, MessageType.RENEWAL_REQ):
            self.csr = x509.load_der_x509_csr(request.content)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return self.answer(request, reply)

    def read(self, message, method):
        data = cms.ContentInfo.load(message)["content"]
        sender = x509.load_der_x509_certificate(data["certificates"][0].chosen.dump())
        info = data["signer_infos"][0]
        values = {a["type"].dotted: a["values"][0] for a in info["signed_attrs"]}
        parsed = {oid: v.parse() if isinstance(v, core.Any) else v for oid, v in values.items()}
        envelope = data["encap_content_info"]["content"].native
        algorithm = cms.ContentInfo.load(envelope)["content"]["encrypted_content_info"]["content_encryption_algorithm"]
        content, _ = decrypt(envelope, self.recipient.certificate, self.recipient.key, ScepPolicy(True, True))
        return Request(
            MessageType(int(parsed[Attribute.MESSAGE_TYPE].native)),
            parsed[Attribute.TRANSACTION_ID].native,
            parsed[Attribute.SENDER_NONCE].native,
            sender,
            content,
            algorithm["algorithm"].native,
            info["digest_algorithm"]["algorithm"].native,
            method,
        )

    def answer(self, request, reply):
        attributes = {
            Attribute.MESSAGE_TYPE: core.PrintableString("3"),
            Attribute.TRANSACTION_ID: core.PrintableString(request.transaction_id),
            Attribute.PKI_STATUS: core.PrintableString(str(reply.status)),
            Attribute.SENDER_NONCE: core.OctetString(b"n" * 16),
            Attribute.RECIPIENT_NONCE: core.OctetString(request.nonce),
            **reply.attributes,
        }
        built = [build(oid, value) for oid, value in attributes.items() if value is not None]
        content = None
        if reply.status == 0:
            bag = reply.content
            if bag is None:
                bag = degenerate(reply.certificates if reply.certificates is not None else (self.issue(request),))
            recipient = reply.encrypt_for or request.sender
            make = reply.enveloped or (lambda content, certificate: encrypt(content, certificate, reply.cipher))
            content = make(bag, recipient)
        signer = reply.signer or self.signer
        message = signed(content, [*built, *reply.extra], signer.key, signer.certificate, **reply.options)
        return message if reply.mangle is None else reply.mangle(message)

    def issue(self, request):
        """What the last PKCS #10 asks for."""
        return self.issuer.issue(self.csr.subject, self.csr.public_key(), self.csr.extensions)
