"""What an enrolment by SCEP comes to: the answer of a CA, read as an outcome of enrolment_outcome.py."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from agent.pki import enrolment_outcome
from agent.pki.enrolment_outcome import Difference, Granted, Pending, check_grant
from agent.pki.scep.algorithms import ScepPolicy
from agent.pki.scep.attributes import FailInfo, PkiStatus
from agent.pki.scep.ca_certificates import CaCertificates
from agent.pki.scep.cms import read_certificates
from agent.pki.scep.messages import Answer

__all__ = ["Difference", "Granted", "Outcome", "Pending", "Rejected", "read_outcome"]


@dataclass(frozen=True, slots=True)
class Rejected(enrolment_outcome.Rejected):
    """The CA refuses; this transaction is over. `text` is its failInfoText, `reason` that and the failInfo.

    Attributes:
        fail_info: None when the CA sent none, or an unknown one.
    """

    fail_info: FailInfo | None = None


Outcome: TypeAlias = Granted | Pending | Rejected


def read_outcome(answer: Answer, request: bytes, ca: CaCertificates, policy: ScepPolicy) -> Outcome:
    """What the answer means for the request (PKCS #10 in DER).

    Raises WrongKeyError, WrongIssuerError, AlgorithmNotAllowedError, MalformedMessageError.
    """
    if answer.status is PkiStatus.PENDING:
        return Pending(answer.weaknesses)
    if answer.status is PkiStatus.FAILURE:
        return Rejected(answer.fail_info_text, answer.reason, answer.weaknesses, answer.fail_info)
    granted = check_grant(read_certificates(answer.content), request, ca.issuer, allow_sha1=policy.allow_sha1)
    return replace(granted, weaknesses=answer.weaknesses + granted.weaknesses)
