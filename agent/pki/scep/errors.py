"""How SCEP fails: one exception a kind of failure, carrying the facts. Whatever a CA sends, nothing else is raised.

A CA that refuses a request has not failed: see Rejected in messages.py.
"""

from __future__ import annotations

from agent.pki.chain_errors import ChainError
from agent.pki.errors import PkiError


class ScepError(PkiError):
    """Base of all failures of an exchange with a CA."""


# Before anything is sent


class UnsupportedUrlError(ScepError):
    """The URL can't be one of a SCEP server."""


class UnsupportedKeyError(ScepError):
    """A key can't be used: SCEP signs and encrypts its messages with RSA (RFC 8894 section 3.1)."""


class AlgorithmNotAllowedError(ScepError):
    """An algorithm that the policy does not allow is the only one, or the one that was used.

    Attributes:
        use: what it is used for, as in Weakness.
        algorithm: e.g. "sha1", "des-cbc".
    """

    def __init__(self, use: str, algorithm: str) -> None:
        super().__init__(f"The {use} uses {algorithm}, which is weak; allow it for this CA, or have the CA upgraded.")
        self.use = use
        self.algorithm = algorithm


# Transport


class CaUnreachableError(ScepError):
    """No connection, or it broke. `reason`: a few words."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"The CA at {url} can't be reached: {reason}.")
        self.url = url
        self.reason = reason


class CaTimeoutError(CaUnreachableError):
    """No complete answer within `seconds`."""

    def __init__(self, url: str, seconds: float) -> None:
        super().__init__(url, f"no complete answer in {seconds:g} seconds")
        self.seconds = seconds


class HttpStatusError(ScepError):
    """The server answered with another status than 200."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"The CA at {url} answered with the HTTP status {status}.")
        self.url = url
        self.status = status


class RedirectRefusedError(ScepError):
    """The server sends us to a place where we don't go."""

    def __init__(self, url: str) -> None:
        super().__init__(f"The CA at {url} redirects to another place; configure the URL that it really has.")
        self.url = url


class AnswerTooLargeError(ScepError):
    """An answer has more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The answer of the CA is longer than {limit} bytes.")
        self.limit = limit


# The form of a message


class MalformedMessageError(ScepError):
    """A message, or a part of it, is not what it should be. `part`: which."""

    def __init__(self, part: str) -> None:
        super().__init__(f"The answer of the CA is damaged or not SCEP: {part}.")
        self.part = part


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


class WrongKeyError(ScepError):
    """No certificate of the answer is for the key of the request. `subjects`: whom they are for."""

    def __init__(self, subjects: tuple[str, ...]) -> None:
        super().__init__("The CA sent no certificate for the key of the request.")
        self.subjects = subjects


class WrongIssuerError(ScepError):
    """The certificate is not issued by the CA of the trustpoint. `reason`: the defect of the link."""

    def __init__(self, issuer: str, reason: ChainError | None = None) -> None:
        super().__init__(f"The certificate was not issued by the CA of the trustpoint, but by {issuer}.")
        self.issuer = issuer
        self.reason = reason


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


class CaCertificatesError(ScepError):
    """The certificates of the CA are no chain. `cause`: the defect."""

    def __init__(self, cause: ChainError) -> None:
        super().__init__(f"The certificates that the CA sent can't be used. {cause.message}")
        self.cause = cause


class RaCertificateError(ScepError):
    """A certificate of a registration authority can't be used."""
