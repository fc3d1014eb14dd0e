"""How SCEP fails: one exception a kind of failure, carrying the facts. Whatever a CA sends, nothing else is raised.

Failures that every protocol has are those of enrolment_errors.py. A CA that refuses a request has not failed: see
Rejected in grants.py.
"""

from __future__ import annotations

from agent.pki.enrolment_errors import (
    AlgorithmNotAllowedError,
    AnswerTooLargeError,
    CaCertificatesError,
    CaTimeoutError,
    CaTlsError,
    CaUnreachableError,
    CaVrfError,
    EnrolmentError,
    HttpStatusError,
    MalformedMessageError,
    RedirectRefusedError,
    UnsupportedUrlError,
    WrongIssuerError,
    WrongKeyError,
)

__all__ = [
    "AlgorithmNotAllowedError",
    "AnswerTooLargeError",
    "BadSignatureError",
    "CaCertificatesError",
    "CaTimeoutError",
    "CaTlsError",
    "CaUnreachableError",
    "CaVrfError",
    "ContentChangedError",
    "DecryptionError",
    "DuplicateAttributeError",
    "EnrolmentError",
    "HttpStatusError",
    "MalformedMessageError",
    "MissingAttributeError",
    "NotForUsError",
    "NotFoundError",
    "QueryRefusedError",
    "RaCertificateError",
    "RedirectRefusedError",
    "ScepError",
    "UnknownSignerError",
    "UnsupportedAlgorithmError",
    "UnsupportedKeyError",
    "UnsupportedUrlError",
    "WrongIssuerError",
    "WrongKeyError",
    "WrongNonceError",
    "WrongTransactionError",
]

#: Base of all failures of an exchange with a CA.
ScepError = EnrolmentError


# Before anything is sent


class UnsupportedKeyError(ScepError):
    """A key can't be used: SCEP signs and encrypts its messages with RSA (RFC 8894 section 3.1)."""


# The form of a message


class MissingAttributeError(MalformedMessageError):
    """A signed attribute is missing."""

    def __init__(self, attribute: str) -> None:
        super().__init__(f"it has no {attribute}")
        self.attribute = attribute


class DuplicateAttributeError(MalformedMessageError):
    """A signed attribute is there twice, or has not exactly one value."""

    def __init__(self, attribute: str) -> None:
        super().__init__(f"it has {attribute} more than once")
        self.attribute = attribute


class UnsupportedAlgorithmError(ScepError):
    """A message uses an algorithm that we don't have."""

    def __init__(self, use: str, algorithm: str) -> None:
        super().__init__(f"The {use} uses an algorithm that is not supported: {algorithm}.")
        self.use = use
        self.algorithm = algorithm


# Who sent it, and to whom


class UnknownSignerError(ScepError):
    """The message is not signed by the CA or RA of the trustpoint."""

    def __init__(self) -> None:
        super().__init__(
            "The answer is signed by a stranger instead of the CA or RA; authenticate the trustpoint again."
        )


class BadSignatureError(ScepError):
    """The signature does not fit the message."""

    def __init__(self) -> None:
        super().__init__("The signature of the answer is wrong: it was changed on its way, or is not from the CA.")


class ContentChangedError(ScepError):
    """The digest that was signed is not the one of the content."""

    def __init__(self) -> None:
        super().__init__("The content of the answer was changed on its way: its digest is not the one that was signed.")


class WrongTransactionError(ScepError):
    """The answer is to another transaction."""

    def __init__(self, sent: str, received: str) -> None:
        super().__init__("The answer of the CA is for another transaction.")
        self.sent = sent
        self.received = received


class WrongNonceError(ScepError):
    """The answer is to another message of the transaction: a replay."""

    def __init__(self) -> None:
        super().__init__("The answer of the CA is not the one to this request, but a repeated one.")


class NotForUsError(ScepError):
    """The content is encrypted for somebody else."""

    def __init__(self) -> None:
        super().__init__("The answer of the CA is encrypted for another recipient.")


class DecryptionError(ScepError):
    """The content can't be decrypted with our key."""

    def __init__(self) -> None:
        super().__init__("The answer of the CA can't be decrypted.")


# What it says


class NotFoundError(ScepError):
    """The CA sent something else than the certificate or CRL that was asked for."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The CA did not send the {what} that was asked for.")
        self.what = what


class QueryRefusedError(ScepError):
    """The CA refused to look up a certificate or CRL. `reason`: what it says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The CA refused: {reason}.")
        self.reason = reason


class RaCertificateError(ScepError):
    """A certificate of a registration authority can't be used."""
