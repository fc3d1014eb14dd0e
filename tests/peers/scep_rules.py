"""What a test tells ScepCa: the Rules that it behaves by, and the Reply that it answers one message with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from asn1crypto import cms
from cryptography import x509

from tests.peers.scep_messages import BAD_REQUEST, FAIL_INFO_TEXT, Request
from tests.pki.authorities import Authority

if TYPE_CHECKING:
    from tests.peers.scep_ca import ScepCa

#: GetCACaps of a modern CA, of one from before AES, and of one that has no such operation (an HTTP status).
FULL_CAPS = b"POSTPKIOperation\nRenewal\nSHA-1\nSHA-256\nSHA-512\nAES\nDES3\nSCEPStandard\nGetNextCACert\n"
OLD_CAPS = b"DES3\nSHA-1\n"
NO_CAPS = 404
#: `Rules.pending` for requests that nobody ever decides.
FOREVER = math.inf

#: Which words of the capabilities allow which algorithms; those of the first CAs need no word.
_ALLOWING = {
    "aes-128": {"AES", "AES-128", "SCEPSTANDARD"},
    "aes-192": {"AES", "SCEPSTANDARD"},
    "aes-256": {"AES", "AES-256", "SCEPSTANDARD"},
    "sha256": {"SHA-256", "SCEPSTANDARD"},
    "sha384": {"SHA-384"},
    "sha512": {"SHA-512"},
}


@dataclass(frozen=True)
class Rejection:
    """A refusal: failInfo (None leaves it out), and failInfoText with its OID."""

    fail_info: int | None = BAD_REQUEST
    text: str = ""
    text_oid: str = FAIL_INFO_TEXT


@dataclass
class Rules:
    """How the CA behaves. Every one may be changed while it runs.

    Attributes:
        caps: the answer to GetCACaps; a number is an HTTP status instead. What it doesn't list is refused: POST,
            RenewalReq, AES, SHA-2, GetNextCACert.
        challenge: the challenge password that a request must have; None asks for none.
        renewal_needs_challenge: who has a certificate of this CA must have the password too.
        pending: a transaction is told so many times to wait before it gets its certificate. FOREVER: until `approve`.
        rejection: refuses enrolments and polls while it is there.
        cipher, digest: of answers, by their names in CIPHERS and DIGESTS.
        not_before: when certificates begin, counted from now.
        lifetime: how long they are valid from then on.
        rename: what the CA makes of the subject.
        empty_content: PENDING and FAILURE have an empty content instead of none, which certmonger needs.
    """

    caps: bytes | int = FULL_CAPS
    challenge: str | None = field(default=None, repr=False)
    renewal_needs_challenge: bool = False
    pending: float = 0
    rejection: Rejection | None = None
    cipher: str = "aes-128"
    digest: str = "sha256"
    not_before: timedelta = timedelta(hours=-1)
    lifetime: timedelta = timedelta(days=365)
    rename: Callable[[x509.Name], x509.Name] | None = None
    empty_content: bool = False

    def lists(self, capability: str) -> bool:
        return capability.upper() in self._words()

    def allows(self, algorithm: str) -> bool:
        return algorithm not in _ALLOWING or bool(_ALLOWING[algorithm] & self._words())

    def _words(self) -> set[str]:
        return set() if isinstance(self.caps, int) else set(self.caps.decode().upper().split())


@dataclass(frozen=True)
class Reply:
    """How one message is answered: as the rules say, but for what a test changes.

    Attributes:
        status: pkiStatus, whatever the rules say.
        attributes: OID -> asn1crypto value, added or replaced; None removes.
        extra: CMSAttributes added on top.
        certificates: of the answer, instead of the right ones.
        content: of the PKCS #7, instead of certificates.
        signer, encrypt_for: other than the right ones.
        enveloped: makes the envelope: (content, certificate) -> DER
        cipher: other than that of the rules.
        options: of `signed`
        mangle: changes the whole answer.
        rejection: refuses, whatever the rules say.
    """

    status: int | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    extra: tuple[cms.CMSAttribute, ...] = ()
    certificates: tuple[x509.Certificate, ...] | None = None
    content: bytes | None = None
    signer: Authority | None = None
    encrypt_for: x509.Certificate | None = None
    enveloped: Callable[[bytes, x509.Certificate], bytes] | None = None
    cipher: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    mangle: Callable[[bytes], bytes] | None = None
    rejection: Rejection | None = None

    def __call__(self, ca: ScepCa, request: Request) -> Reply:
        return self


#: What decides about a reply when the request is there: a Reply itself, or a fault.
Answering = Callable[["ScepCa", Request], Reply]
