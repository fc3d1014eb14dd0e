"""HTTP as SCEP uses it (RFC 8894 section 4.1): every answer has status 200, and messages have their own type.

The message layer sees a Transport, so that a test can be one.
"""

from __future__ import annotations

import ssl
from typing import Final, Protocol
from urllib.parse import quote

from yarl import URL

from agent.pki.enrolment_errors import told_of_the_ca
from agent.pki.http import TIMEOUT_DEFAULT, URL_MAX_LENGTH, HoldsConnections, HttpAnswer, HttpClient, is_plain_url
from agent.pki.scep.errors import HttpStatusError, UnsupportedUrlError

__all__ = ["DEFAULT_PATH", "HttpAnswer", "HttpTransport", "Transport", "check_url", "operation_url"]

#: Where a server is that was configured without a path: what CAs have answered to since the first one.
DEFAULT_PATH: Final = "/cgi-bin/pkiclient.exe"

_PKI_MESSAGE: Final = "application/x-pki-message"


class Transport(Protocol):
    """How a message gets to the CA and back. Both raise the transport errors of errors.py."""

    async def get(self, url: str, limit: int) -> HttpAnswer:
        """GET an encoded URL; the answer has at most `limit` bytes."""

    async def post(self, url: str, body: bytes, limit: int) -> HttpAnswer:
        """POST a pkiMessage; the answer has at most `limit` bytes."""


class HttpTransport(HoldsConnections):
    """Transport by HTTP, for the event loop that it is first used in. Close it, or use it as a context manager."""

    def __init__(
        self, *, timeout: float = TIMEOUT_DEFAULT, tls: ssl.SSLContext | None = None, vrf: str | None = None
    ) -> None:
        """`timeout`, `tls`, `vrf`: as HttpClient has them. Raises InvalidVrfError."""
        self._http = HttpClient(timeout=timeout, tls=tls, vrf=vrf)

    async def close(self) -> None:
        await self._http.close()

    async def get(self, url: str, limit: int) -> HttpAnswer:
        return await self._exchange("GET", url, None, limit)

    async def post(self, url: str, body: bytes, limit: int) -> HttpAnswer:
        return await self._exchange("POST", url, body, limit)

    async def _exchange(self, method: str, url: str, body: bytes | None, limit: int) -> HttpAnswer:
        headers = {"Content-Type": _PKI_MESSAGE} if body is not None else {}
        with told_of_the_ca():
            answer = await self._http.request(method, url, limit=limit, body=body, headers=headers)
        if answer.status != 200:
            raise HttpStatusError(url.partition("?")[0], answer.status)
        return answer


def check_url(url: str) -> str:
    """The URL of a SCEP server as it is used: with the default path if it has none. Raises UnsupportedUrlError."""
    if not is_plain_url(url):
        raise UnsupportedUrlError(f"A URL has at most {URL_MAX_LENGTH} ASCII characters and no spaces.")
    try:
        parsed = URL(url)
        host, port = parsed.host, parsed.port
    except ValueError as error:
        raise UnsupportedUrlError("The URL of the CA can't be understood; write http://host/path.") from error
    if parsed.scheme not in ("http", "https") or not host or not port:
        raise UnsupportedUrlError("The URL of a SCEP server begins with http:// or https:// and a host.")
    if parsed.user is not None or parsed.password is not None:
        raise UnsupportedUrlError("The URL of a SCEP server has no user name or password in it; remove it.")
    if parsed.fragment:
        raise UnsupportedUrlError("The URL of a SCEP server has no #; remove it and what follows.")
    return str(parsed.with_path(DEFAULT_PATH) if parsed.path in ("", "/") and not parsed.query else parsed)


def operation_url(base: str, operation: str, message: str | None = None) -> str:
    """The URL of an operation. `message` is percent-encoded whole: a plus sign would be read as a space."""
    separator = "&" if "?" in base else "?"
    url = f"{base}{separator}operation={operation}"
    return url if message is None else f"{url}&message={quote(message, safe='')}"
