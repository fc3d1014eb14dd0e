"""How an exchange with a CA fails, whatever the protocol: one exception a kind of failure, carrying the facts. What
only one protocol can run into is in its own errors.py.

A CA that refuses a request has not failed: see Rejected in enrolment_outcome.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from agent.pki.chain_errors import ChainError
from agent.pki.errors import PkiError
from agent.pki.http_errors import (
    HttpError,
    ResponseTooLargeError,
    ServerTimeoutError,
    ServerUnreachableError,
    TlsError,
    UnfollowedRedirectError,
    VrfUnavailableError,
)

#: HTTP status codes from here on tell of a server that is not well now (RFC 9110 section 15.6).
_SERVER_FAULTS: Final = 500


class EnrolmentError(PkiError):
    """Base of all failures of an exchange with a CA."""


# Before anything is sent


class UnsupportedUrlError(EnrolmentError):
    """The URL can't be one of a server of this protocol."""


class AlgorithmNotAllowedError(EnrolmentError):
    """An algorithm that the policy does not allow is the only one, or the one that was used.

    Attributes:
        use: what it is used for, as in Weakness.
        algorithm: e.g. "sha1", "des-cbc".
    """

    def __init__(self, use: str, algorithm: str) -> None:
        super().__init__(
            f"The {use} uses {algorithm}, which is weak: have the CA upgraded, or allow it for this trustpoint by"
            " enrollment/allow-weak-algorithms."
        )
        self.use = use
        self.algorithm = algorithm


# Transport


class CaUnreachableError(EnrolmentError):
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


class CaTlsError(CaUnreachableError):
    """TLS failed, or one side does not trust the certificate of the other."""


class CaVrfError(CaUnreachableError):
    """The VRF that leads to the CA can't be used."""

    def __init__(self, url: str, vrf: str, reason: str) -> None:
        super().__init__(url, reason)
        self.vrf = vrf


class HttpStatusError(EnrolmentError):
    """The server answered with a status that is none of the protocol. `text`: what it says why, empty if nothing."""

    def __init__(self, url: str, status: int, text: str = "") -> None:
        said = f": {text}" if text else ""
        super().__init__(f"The CA at {url} answered with the HTTP status {status}{said}.")
        self.url = url
        self.status = status
        self.text = text

    @property
    def is_server_fault(self) -> bool:
        """Whether the server is not well now: later it may be."""
        return self.status >= _SERVER_FAULTS


class RedirectRefusedError(EnrolmentError):
    """The server sends us to a place where we don't go."""

    def __init__(self, url: str) -> None:
        super().__init__(f"The CA at {url} redirects to another place; configure the URL that it really has.")
        self.url = url


class AnswerTooLargeError(EnrolmentError):
    """An answer has more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The answer of the CA is longer than {limit} bytes.")
        self.limit = limit


# What it says


class MalformedMessageError(EnrolmentError):
    """A message, or a part of it, is not what it should be. `part`: which."""

    def __init__(self, part: str) -> None:
        super().__init__(f"The answer of the CA is damaged, or none of this protocol: {part}.")
        self.part = part


class WrongKeyError(EnrolmentError):
    """No certificate of the answer is for the key of the request. `subjects`: whom they are for."""

    def __init__(self, subjects: tuple[str, ...]) -> None:
        super().__init__("The CA sent no certificate for the key of the request.")
        self.subjects = subjects


class WrongIssuerError(EnrolmentError):
    """The certificate is not issued by the CA of the trustpoint. `reason`: the defect of the link."""

    def __init__(self, issuer: str, reason: ChainError | None = None) -> None:
        super().__init__(f"The certificate was not issued by the CA of the trustpoint, but by {issuer}.")
        self.issuer = issuer
        self.reason = reason


class CaCertificatesError(EnrolmentError):
    """The certificates of the CA are no chain. `cause`: the defect."""

    def __init__(self, cause: ChainError) -> None:
        super().__init__(f"The certificates that the CA sent can't be used. {cause.message}")
        self.cause = cause


@contextmanager
def told_of_the_ca() -> Iterator[None]:
    """Failures of HTTP become failures of the CA that was asked."""
    try:
        yield
    except VrfUnavailableError as error:
        raise CaVrfError(error.url, error.vrf, error.reason) from error
    except ServerTimeoutError as error:
        raise CaTimeoutError(error.url, error.seconds) from error
    except TlsError as error:
        raise CaTlsError(error.url, error.reason) from error
    except ServerUnreachableError as error:
        raise CaUnreachableError(error.url, error.reason) from error
    except UnfollowedRedirectError as error:
        raise RedirectRefusedError(error.url) from error
    except ResponseTooLargeError as error:
        raise AnswerTooLargeError(error.limit) from error
    except HttpError as error:
        raise EnrolmentError(error.message) from error
