"""An EST client: the operations of RFC 7030 section 4 against one server.

It keeps no state: a request that is pending is sent again as it is (RFC 7030 section 4.2.3). The server is verified
against certificates that the caller trusts, before anything is sent; only fetch_unverified_ca_certificates speaks with
whoever answers, and it says nothing. All methods run in the caller's event loop, and raise subclasses of EnrolmentError
only.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from agent.clock import Clock
from agent.pki.ca_chain import CaChain, arrange_chain
from agent.pki.enrolment_errors import EnrolmentError, HttpStatusError, told_of_the_ca
from agent.pki.enrolment_outcome import Outcome, Pending, Rejected, check_grant
from agent.pki.est.bodies import read_certificates, read_der, read_words
from agent.pki.est.csr_attributes import CsrAttributes, read_csr_attributes
from agent.pki.est.rollover import without_rollover
from agent.pki.est.urls import check_url, operation_url
from agent.pki.http import TIMEOUT_DEFAULT, HoldsConnections, HttpAnswer, HttpClient, Redirects
from agent.pki.tls import TlsSettings, TlsSettingsError, client_context, unverified_context

#: Bytes of an answer with certificates.
MAX_ANSWER: Final = 256 * 1024
#: Bytes of an answer with CSR attributes.
MAX_CSR_ATTRIBUTES: Final = 64 * 1024
#: Seconds that a server may tell a client to wait at most; more is taken for this.
RETRY_AFTER_MAX: Final = 86400.0
#: Characters of a user name or password.
LOGIN_MAX_LENGTH: Final = 255

#: Statuses by which a server refuses a request for good, in words.
_REFUSALS: Final[Mapping[int, str]] = {
    400: "the server does not accept the request",
    401: "the server does not know this device; check user name, password and certificate",
    403: "the server does not give this device such a certificate",
    406: "the server does not accept the request",
    409: "the server has another certificate for this device",
    413: "the request is too long for the server",
    415: "the server does not accept the request",
    422: "the server does not accept the request",
}
#: Statuses by which a server says that it has no CSR attributes (RFC 7030 section 4.5.2).
_NO_ATTRIBUTES: Final = frozenset({204, 404})


class UnusableTlsError(EnrolmentError):
    """There can be no TLS as it is wanted. `cause`: the error of tls.py."""

    def __init__(self, cause: TlsSettingsError) -> None:
        super().__init__(cause.message)
        self.cause = cause


class InvalidLoginError(EnrolmentError):
    """A user name or password can't be sent as HTTP sends them."""

    def __init__(self) -> None:
        super().__init__(
            f"User name and password of EST have at most {LOGIN_MAX_LENGTH} printable characters each; the user name"
            " has at least one, and no colon."
        )


@dataclass(frozen=True, slots=True)
class Login:
    """HTTP Basic authentication (RFC 7617, in UTF-8). The password is never shown.

    Making one raises InvalidLoginError.
    """

    username: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.username or ":" in self.username:
            raise InvalidLoginError
        for text in (self.username, self.password):
            if len(text) > LOGIN_MAX_LENGTH or not text.isprintable():
                raise InvalidLoginError


class EstClient(HoldsConnections):
    """Speaks with the server at `url`. Close it, or use it as a context manager.

    Making one raises UnsupportedUrlError, UnusableTlsError, InvalidVrfError.

    Args:
        url: https://host[:port]/.well-known/est[/label].
        clock: for the validity of CA certificates, and for dates of the server.
        tls: whom to trust as the server, and the certificate of this device, if it has one to show.
        login: if the server wants a password.
        vrf, timeout: as HttpClient has them.
        allow_sha1: certificates of the CA, and from it, may be signed with SHA-1.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        tls: TlsSettings,
        login: Login | None = None,
        vrf: str | None = None,
        timeout: float = TIMEOUT_DEFAULT,
        allow_sha1: bool = False,
    ) -> None:
        self.url = check_url(url)
        self._clock = clock
        self._allow_sha1 = allow_sha1
        self._authorization = {} if login is None else {"Authorization": _basic(login)}
        try:
            context = client_context(tls)
        except TlsSettingsError as error:
            raise UnusableTlsError(error) from error
        self._http = HttpClient(timeout=timeout, tls=context, vrf=vrf, redirects=Redirects.SAME_SERVER)

    async def close(self) -> None:
        await self._http.close()

    async def get_ca_certificates(self) -> CaChain:
        """The CA's certificates as the verified server has them.

        Raises CaCertificatesError, AlgorithmNotAllowedError, MalformedMessageError, HttpStatusError and the transport
        errors of enrolment_errors.py.
        """
        return await _fetch_ca_certificates(self._http, self.url, self._clock, self._authorization, self._allow_sha1)

    async def get_csr_attributes(self) -> CsrAttributes:
        """What the server wants to find in a request; nothing if it does not say.

        Raises MalformedMessageError, HttpStatusError and the transport errors.
        """
        url = operation_url(self.url, "csrattrs")
        with told_of_the_ca():
            answer = await self._http.request("GET", url, limit=MAX_CSR_ATTRIBUTES, headers=self._authorization)
        if answer.status in _NO_ATTRIBUTES or (answer.status == 200 and not answer.body.strip()):
            return CsrAttributes()
        _expect_ok(answer, url)
        return read_csr_attributes(read_der(answer.body))

    async def enroll(self, request: bytes, ca: CaChain) -> Outcome:
        """Ask for a certificate: `request` is PKCS #10 in DER, `ca` who has to issue it.

        To poll, ask again with the same request.

        Raises WrongKeyError, WrongIssuerError, AlgorithmNotAllowedError, MalformedMessageError, HttpStatusError and the
        transport errors.
        """
        return await self._enrolment("simpleenroll", request, ca)

    async def reenroll(self, request: bytes, ca: CaChain) -> Outcome:
        """Ask for the next certificate. The request has the subject and alternative names of the present certificate,
        which this device shows in TLS (RFC 7030 section 4.2.2). Otherwise as enroll."""
        return await self._enrolment("simplereenroll", request, ca)

    async def _enrolment(self, operation: str, request: bytes, ca: CaChain) -> Outcome:
        url = operation_url(self.url, operation)
        headers = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"} | self._authorization
        body = base64.encodebytes(request)
        with told_of_the_ca():
            answer = await self._http.request("POST", url, limit=MAX_ANSWER, body=body, headers=headers)
        if answer.status == 202:
            return Pending(retry_after=_retry_after(answer, self._clock))
        if answer.status in _REFUSALS:
            return _rejected(answer)
        _expect_ok(answer, url)
        return check_grant(read_certificates(answer.body), request, ca.issuer, allow_sha1=self._allow_sha1)


async def fetch_unverified_ca_certificates(
    url: str, *, clock: Clock, vrf: str | None = None, timeout: float = TIMEOUT_DEFAULT, allow_sha1: bool = False
) -> CaChain:
    """The certificates that whoever answers at `url` says are the CA's (RFC 7030 section 4.1.1).

    They are worth nothing until somebody compares a fingerprint. On the connection goes this request and nothing else:
    no certificate, no password. Raises UnsupportedUrlError, InvalidVrfError, and what get_ca_certificates raises.
    """
    checked = check_url(url)
    async with HttpClient(timeout=timeout, tls=unverified_context(), vrf=vrf, redirects=Redirects.SAME_SERVER) as http:
        return await _fetch_ca_certificates(http, checked, clock, {}, allow_sha1)


async def _fetch_ca_certificates(
    http: HttpClient,
    base: str,
    clock: Clock,
    headers: Mapping[str, str],
    allow_sha1: bool,
) -> CaChain:
    url = operation_url(base, "cacerts")
    with told_of_the_ca():
        answer = await http.request("GET", url, limit=MAX_ANSWER, headers=headers)
    _expect_ok(answer, url)
    certificates = without_rollover(read_certificates(answer.body))
    return arrange_chain(certificates, clock.now(), allow_sha1=allow_sha1)


def _expect_ok(answer: HttpAnswer, url: str) -> None:
    if answer.status != 200:
        raise HttpStatusError(url, answer.status, read_words(answer))


def _rejected(answer: HttpAnswer) -> Rejected:
    text = read_words(answer)
    meaning = _REFUSALS[answer.status]
    return Rejected(text, f"{text} ({meaning})" if text else meaning)


def _retry_after(answer: HttpAnswer, clock: Clock) -> float | None:
    """Seconds to wait (RFC 9110 section 10.2.3), None if the server doesn't say or can't be understood."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        # Digits beyond these are more than the maximum anyway.
        seconds = float(value[:12])
    else:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError, TypeError, IndexError):
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - clock.now()).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_MAX)


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
