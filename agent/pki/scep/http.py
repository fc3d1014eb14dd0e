"""HTTP as SCEP uses it (RFC 8894 section 4.1), by aiohttp: one request, one whole answer, within limits.

Every exchange has one time limit for all of it, so that a server that sends a byte a second does not hold it; no answer
is longer than its caller allows; proxies of the environment, cookies and compression are not used. A redirect is
followed only for GET, to the same scheme, a few times.

The message layer sees a Transport, so that a test can be one.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol
from urllib.parse import quote

import aiohttp
from yarl import URL

from agent.pki.scep.errors import (
    AnswerTooLargeError,
    CaTimeoutError,
    CaUnreachableError,
    HttpStatusError,
    RedirectRefusedError,
    ScepError,
    UnsupportedUrlError,
)

#: Seconds for one exchange: name, connection, request and the whole answer.
TIMEOUT_DEFAULT: Final = 30.0
MAX_REDIRECTS: Final = 3
#: Characters of a configured URL.
URL_MAX_LENGTH: Final = 1024
#: Where a server is that was configured without a path: what CAs have answered to since the first one.
DEFAULT_PATH: Final = "/cgi-bin/pkiclient.exe"

_PKI_MESSAGE: Final = "application/x-pki-message"
_CHUNK: Final = 65536
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer with status 200."""

    body: bytes
    content_type: str = ""


class Transport(Protocol):
    """How a message gets to the CA and back. Both raise the transport errors of errors.py."""

    async def get(self, url: str, limit: int) -> HttpAnswer:
        """GET an encoded URL; the answer has at most `limit` bytes."""

    async def post(self, url: str, body: bytes, limit: int) -> HttpAnswer:
        """POST a pkiMessage; the answer has at most `limit` bytes."""


class HttpTransport:
    """Transport by aiohttp, for the event loop that it is first used in. Close it, or use it as a context manager."""

    def __init__(
        self,
        *,
        timeout: float = TIMEOUT_DEFAULT,
        tls: ssl.SSLContext | None = None,
        connector: aiohttp.BaseConnector | None = None,
    ) -> None:
        """`tls`: for https; None trusts the system's CAs. `connector`: where connections come from."""
        self._timeout = timeout
        self._tls = tls
        self._connector = connector
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> HttpTransport:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, url: str, limit: int) -> HttpAnswer:
        return await self._exchange("GET", url, None, limit)

    async def post(self, url: str, body: bytes, limit: int) -> HttpAnswer:
        return await self._exchange("POST", url, body, limit)

    async def _exchange(self, method: str, url: str, body: bytes | None, limit: int) -> HttpAnswer:
        shown = url.partition("?")[0]
        try:
            async with asyncio.timeout(self._timeout):
                return await self._follow(method, URL(url, encoded=True), body, limit, shown)
        except ScepError:
            raise
        except TimeoutError as error:
            raise CaTimeoutError(shown, self._timeout) from error
        except aiohttp.ClientSSLError as error:
            raise CaUnreachableError(shown, "its TLS certificate is not trusted, or TLS failed") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise CaUnreachableError(shown, "its name can't be resolved") from error
        except aiohttp.ClientConnectorError as error:
            raise CaUnreachableError(shown, "no connection") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CaUnreachableError(shown, "the connection broke, or it does not speak HTTP") from error

    async def _follow(self, method: str, url: URL, body: bytes | None, limit: int, shown: str) -> HttpAnswer:
        for _ in range(MAX_REDIRECTS + 1):
            async with self._open().request(
                method,
                url,
                data=body,
                headers={"Content-Type": _PKI_MESSAGE} if body is not None else {},
                allow_redirects=False,
                ssl=self._tls if self._tls is not None else True,
            ) as response:
                if response.status in _REDIRECTS:
                    url = _redirected(method, url, response.headers.get("Location", ""), shown)
                    continue
                if response.status != 200:
                    raise HttpStatusError(shown, response.status)
                return HttpAnswer(await _read(response, limit), response.content_type)
        raise RedirectRefusedError(shown)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=self._connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                headers={"Accept-Encoding": "identity"},
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > limit:
            raise AnswerTooLargeError(limit)
    return bytes(body)


def _redirected(method: str, url: URL, location: str, shown: str) -> URL:
    try:
        target = url.join(URL(location, encoded=True))
    except ValueError as error:
        raise RedirectRefusedError(shown) from error
    if method != "GET" or not location or target.scheme != url.scheme or not target.host or target.user:
        raise RedirectRefusedError(shown)
    return target


def check_url(url: str) -> str:
    """The URL of a SCEP server as it is used: with the default path if it has none. Raises UnsupportedUrlError."""
    if len(url) > URL_MAX_LENGTH or not url.isascii() or not url.isprintable() or " " in url:
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
