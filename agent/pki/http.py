"""HTTP as PKI uses it, by aiohttp: one request, one whole answer, within limits. Knows no protocol above it.

Every exchange has one time limit for all of it, so that a server that sends a byte a second does not hold it; no answer
is longer than its caller allows; proxies of the environment, cookies and compression are not used. A redirect is
followed only for GET, a few times, to the same scheme or, where a client tells who it is, only to the same server.
"""

from __future__ import annotations

import asyncio
import errno
import importlib.util
import socket
import ssl
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from multidict import CIMultiDict
from yarl import URL

from agent.pki.http_errors import (
    HttpError,
    InvalidUrlError,
    InvalidVrfError,
    ResponseTooLargeError,
    ServerTimeoutError,
    ServerUnreachableError,
    TlsError,
    UnfollowedRedirectError,
    VrfUnavailableError,
)

if TYPE_CHECKING:
    import aiohttp


def _imported_when_used(name: str) -> ModuleType:
    """The module, which is read when something of it is used first (importlib's own recipe)."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if not TYPE_CHECKING:
    # A sixth of the time that the agent, and each command, needs to start; most of them never ask a server.
    aiohttp = _imported_when_used("aiohttp")

#: Seconds for one exchange: name, connection, request and the whole answer.
TIMEOUT_DEFAULT: Final = 30.0
MAX_REDIRECTS: Final = 3
#: Characters of a configured URL.
URL_MAX_LENGTH: Final = 1024
#: Bytes of an answer that tells of a failure; the rest of it is not read.
FAILURE_MAX_BYTES: Final = 4096
#: Characters of the name of a network device in Linux: IFNAMSIZ, without the end.
VRF_MAX_LENGTH: Final = 15

_CHUNK: Final = 65536
_SCHEMES: Final = frozenset({"http", "https"})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

#: What OpenSSL finds wrong with a certificate (X509_V_ERR_...), in words.
_CERTIFICATE_DEFECTS: Final[Mapping[int, str]] = {
    9: "its TLS certificate is not valid yet",
    10: "its TLS certificate has expired",
    18: "its TLS certificate is self-signed, and not one that is trusted",
    19: "its TLS certificate is not trusted: it was issued by another CA",
    20: "its TLS certificate is not trusted: it was issued by another CA",
    21: "its TLS certificate is not trusted: its CA can't be found",
    62: "its TLS certificate is for another name",
    64: "its TLS certificate is for another address",
    66: "its TLS certificate has too weak a key",
    67: "its TLS certificate was issued by a CA with too weak a key",
    68: "its TLS certificate has too weak a signature",
}
_VRF_DEFECTS: Final[Mapping[int, str]] = {
    errno.ENODEV: "there is no network device {vrf}, which its VRF is named after",
    errno.EPERM: "the agent may not use VRF {vrf}: it needs the capability CAP_NET_RAW",
    errno.ENOPROTOOPT: "this system has no VRFs",
}

_AddrInfo: TypeAlias = tuple[Any, ...]


class Redirects(Enum):
    """Where a redirected GET may go."""

    SAME_SCHEME = "same-scheme"
    SAME_SERVER = "same-server"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer; of one that tells of a failure, the beginning.

    Attributes:
        content_type: without parameters, in lower case; "application/octet-stream" if the server names none.
        headers: by name in any case.
    """

    body: bytes
    content_type: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=CIMultiDict)


class HoldsConnections(ABC):
    """Has connections that are closed at the end of `async with`."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""


class HttpClient(HoldsConnections):
    """Asks servers, in the event loop that it is first used in. Close it, or use it as a context manager."""

    def __init__(
        self,
        *,
        timeout: float = TIMEOUT_DEFAULT,
        tls: ssl.SSLContext | None = None,
        vrf: str | None = None,
        redirects: Redirects = Redirects.SAME_SCHEME,
    ) -> None:
        """`tls`: for https; None trusts the system's CAs. `vrf`: connections leave by the network device of this name;
        names of servers are resolved as the system does it. Raises InvalidVrfError."""
        check_vrf(vrf)
        self._timeout = timeout
        self._tls = tls
        self._vrf = vrf
        self._redirects = redirects
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def request(
        self, method: str, url: str, *, limit: int, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """The answer to one request, whatever its status, with at most `limit` bytes. The URL is an encoded one.

        Raises subclasses of HttpError only.
        """
        shown = url.partition("?")[0]
        try:
            async with asyncio.timeout(self._timeout):
                return await self._follow(method, URL(url, encoded=True), body, headers or {}, limit, shown)
        except HttpError:
            raise
        except TimeoutError as error:
            raise ServerTimeoutError(shown, self._timeout) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _unreachable(shown, error) from error

    async def _follow(
        self, method: str, url: URL, body: bytes | None, headers: Mapping[str, str], limit: int, shown: str
    ) -> HttpAnswer:
        for _ in range(MAX_REDIRECTS + 1):
            async with self._open().request(
                method,
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
                ssl=self._tls if self._tls is not None else True,
            ) as response:
                if response.status in _REDIRECTS:
                    url = self._redirected(method, url, response.headers.get("Location", ""), shown)
                    continue
                content = await (_read(response, limit) if response.status < 400 else _read_beginning(response))
                return HttpAnswer(content, response.content_type, response.status, response.headers)
        raise UnfollowedRedirectError(shown)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=None if self._vrf is None else aiohttp.TCPConnector(socket_factory=_bound_to(self._vrf)),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                headers={"Accept-Encoding": "identity"},
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    def _redirected(self, method: str, url: URL, location: str, shown: str) -> URL:
        try:
            target = url.join(URL(location, encoded=True))
        except ValueError as error:
            raise UnfollowedRedirectError(shown) from error
        if method != "GET" or not location or target.scheme != url.scheme or not target.host or target.user:
            raise UnfollowedRedirectError(shown)
        if self._redirects is Redirects.SAME_SERVER and target.origin() != url.origin():
            raise UnfollowedRedirectError(shown)
        return target


class _VrfError(OSError):
    """A socket can't be bound to the device: the only kind of failure that aiohttp expects of a socket factory."""

    def __init__(self, vrf: str, reason: str) -> None:
        super().__init__(reason)
        self.vrf = vrf
        self.reason = reason


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > limit:
            raise ResponseTooLargeError(limit)
    return bytes(body)


async def _read_beginning(response: aiohttp.ClientResponse) -> bytes:
    """What explains a failure, as much as there is of it: the status tells enough."""
    body = bytearray()
    try:
        while len(body) < FAILURE_MAX_BYTES and (chunk := await response.content.read(FAILURE_MAX_BYTES - len(body))):
            body += chunk
    except aiohttp.ClientError:
        pass
    response.close()
    return bytes(body)


def _unreachable(url: str, error: Exception) -> ServerUnreachableError:
    """A failure of the connection, in words."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, _VrfError):
        return VrfUnavailableError(url, error.os_error.vrf, error.os_error.reason)
    tls = _tls_failure(error)
    if tls is not None:
        return TlsError(url, tls)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return ServerUnreachableError(url, "its name can't be resolved")
    if isinstance(error, aiohttp.ClientConnectorError):
        return ServerUnreachableError(url, "no connection")
    return ServerUnreachableError(url, "the connection broke, or it does not speak HTTP")


def _tls_failure(error: BaseException | None) -> str | None:
    """What went wrong in TLS, None if something else did."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        # aiohttp's own are of these classes too, without what they tell.
        told = not isinstance(error, aiohttp.ClientError)
        if told and isinstance(error, ssl.SSLCertVerificationError):
            return _CERTIFICATE_DEFECTS.get(error.verify_code, "its TLS certificate is not trusted")
        if told and isinstance(error, ssl.SSLError):
            if "_ALERT_" in (error.reason or ""):
                return "it refuses TLS with us; it may want another TLS certificate of this device"
            return "TLS failed; it may not speak TLS, or none that is safe"
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def check_vrf(vrf: str | None) -> None:
    """Raises InvalidVrfError for what can't be the name of a VRF."""
    if vrf is not None and not _is_device_name(vrf):
        raise InvalidVrfError(vrf)


def _is_device_name(name: str) -> bool:
    """Whether Linux may have a network device of this name (dev_valid_name)."""
    return (
        0 < len(name) <= VRF_MAX_LENGTH
        and name not in (".", "..")
        and all("!" <= character <= "~" and character not in "/:" for character in name)
    )


def _bound_to(vrf: str) -> Callable[[_AddrInfo], socket.socket]:
    """Makes sockets whose connections leave by one network device."""

    def make(address: _AddrInfo) -> socket.socket:
        family, kind, protocol = address[:3]
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, vrf.encode())
        except OSError as error:
            made.close()
            reason = _VRF_DEFECTS.get(error.errno or 0, "VRF {vrf} can't be used")
            raise _VrfError(vrf, reason.format(vrf=vrf)) from error
        return made

    return make


def is_plain_url(url: str) -> bool:
    """Whether it is no longer than a URL may be, and of ASCII characters without spaces."""
    return len(url) <= URL_MAX_LENGTH and url.isascii() and url.isprintable() and " " not in url


def check_url(url: str) -> str:
    """An http or https URL that somebody has written, encoded as HttpClient wants it. Raises InvalidUrlError."""
    if not is_plain_url(url):
        raise InvalidUrlError(f"A URL has at most {URL_MAX_LENGTH} ASCII characters and no spaces.")
    try:
        parsed = URL(url)
        complete = bool(parsed.host and parsed.port)
    except ValueError as error:
        raise InvalidUrlError("This is no URL: write http://host/path or https://host/path.") from error
    if parsed.scheme not in _SCHEMES:
        raise InvalidUrlError("Only http:// and https:// URLs are supported: put the file on such a server.")
    if not complete:
        raise InvalidUrlError("The URL names no host, or no port that there is: write http://host/path.")
    if parsed.user is not None or parsed.password is not None:
        raise InvalidUrlError("There is a user name or password in the URL, where it would be shown: remove it.")
    if parsed.fragment:
        raise InvalidUrlError("There is a # in the URL: remove it and what follows.")
    return str(parsed)
