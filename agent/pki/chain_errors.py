"""How a chain of CA certificates is refused: one exception a defect, with the subjects concerned as facts.

Subjects are printed as names.format_name does; they come from certificates that nobody has vouched for yet.
"""

from __future__ import annotations

from datetime import datetime

from agent.pki.errors import PkiError


class ChainError(PkiError):
    """Base: these certificates are no chain of certification authorities."""


class EmptyChainError(ChainError):
    """There is no certificate."""

    def __init__(self) -> None:
        super().__init__("There is no CA certificate; send the whole chain, from the root to the issuing CA.")


class ChainTooLongError(ChainError):
    """More tiers than `limit`."""

    def __init__(self, tiers: int, limit: int) -> None:
        super().__init__(f"The chain has {tiers} tiers, and at most {limit} are supported.")
        self.tiers = tiers
        self.limit = limit


class DuplicateCertificateError(ChainError):
    """The same certificate is there twice."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"The certificate of {subject} is there twice; send each certificate once.")
        self.subject = subject


class ChainLoopError(ChainError):
    """Certificates issue each other, so that there is no root above them."""

    def __init__(self, subjects: tuple[str, ...]) -> None:
        super().__init__(f"These certificates issue each other in a circle: {'; '.join(subjects)}.")
        self.subjects = subjects


class BrokenChainError(ChainError):
    """The issuer of `subject`, `issuer`, is not among the certificates."""

    def __init__(self, subject: str, issuer: str) -> None:
        super().__init__(f"The chain is broken: {subject} was issued by {issuer}, whose certificate is missing.")
        self.subject = subject
        self.issuer = issuer


class BranchedChainError(ChainError):
    """The certificates are no single line: several follow, or several stand at the top."""

    def __init__(self, subjects: tuple[str, ...]) -> None:
        super().__init__(f"The certificates are not one chain: {'; '.join(subjects)} stand side by side.")
        self.subjects = subjects


class NotACaError(ChainError):
    """A certificate of the chain may not issue certificates."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"The certificate of {subject} is not that of a certification authority.")
        self.subject = subject


class PathLengthError(ChainError):
    """A CA says that fewer tiers may follow than do (RFC 5280 section 4.2.1.9)."""

    def __init__(self, subject: str, allowed: int, found: int) -> None:
        super().__init__(f"{subject} allows {allowed} CAs below itself, and {found} follow.")
        self.subject = subject
        self.allowed = allowed
        self.found = found


class CertificateNotValidError(ChainError):
    """A certificate is not valid at the moment asked for."""

    def __init__(self, subject: str, not_before: datetime, not_after: datetime, at: datetime) -> None:
        when = "is not valid before" if at < not_before else "expired at"
        moment = not_before if at < not_before else not_after
        super().__init__(f"The certificate of {subject} {when} {moment:%Y-%m-%dT%H:%M:%SZ}.")
        self.subject = subject
        self.not_before = not_before
        self.not_after = not_after


class WrongSignatureError(ChainError):
    """The key of `issuer` did not make the signature of `subject`'s certificate."""

    def __init__(self, subject: str, issuer: str) -> None:
        super().__init__(f"The signature of the certificate of {subject} was not made by {issuer}.")
        self.subject = subject
        self.issuer = issuer


class SignatureNotAllowedError(ChainError):
    """A signature is made with an algorithm that is broken, unknown, or not allowed here.

    Attributes:
        algorithm: "sha1", "md5" or what else it is called.
    """

    def __init__(self, subject: str, algorithm: str) -> None:
        super().__init__(f"The certificate of {subject} is signed with {algorithm}, which is not allowed.")
        self.subject = subject
        self.algorithm = algorithm


class UnreadableCertificateError(ChainError):
    """A certificate holds something that can't be read: its extensions or its key."""

    def __init__(self, part: str) -> None:
        super().__init__(f"A certificate of the chain can't be read: {part}.")
        self.part = part
