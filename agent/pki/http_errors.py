"""How HTTP fails: one exception a kind of failure. URLs in them have no query: what stands there may be a secret."""

from __future__ import annotations

from agent.pki.errors import PkiError


class HttpError(PkiError):
    """Base of all failures of an exchange by HTTP. An answer with any status is no failure."""


class InvalidUrlError(HttpError):
    """There can be no server at this URL. `reason`: a sentence that says how to write it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InvalidVrfError(HttpError):
    """A network device can't have this name. `vrf`: the name."""

    def __init__(self, vrf: str) -> None:
        super().__init__("A VRF is named as its network device: at most 15 ASCII characters without slash and space.")
        self.vrf = vrf


class ServerUnreachableError(HttpError):
    """No connection, or it broke. `reason`: a few words."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"The server at {url} can't be reached: {reason}.")
        self.url = url
        self.reason = reason


class ServerTimeoutError(ServerUnreachableError):
    """No complete answer within `seconds`."""

    def __init__(self, url: str, seconds: float) -> None:
        super().__init__(url, f"no complete answer in {seconds:g} seconds")
        self.seconds = seconds


class TlsError(ServerUnreachableError):
    """TLS failed, or one side does not trust the certificate of the other."""


class VrfUnavailableError(ServerUnreachableError):
    """Connections can't leave by the network device of the VRF."""

    def __init__(self, url: str, vrf: str, reason: str) -> None:
        super().__init__(url, reason)
        self.vrf = vrf


class UnfollowedRedirectError(HttpError):
    """The server sends us to a place where we don't go."""

    def __init__(self, url: str) -> None:
        super().__init__(f"The server at {url} redirects to another place; configure the URL that it really has.")
        self.url = url


class ResponseTooLargeError(HttpError):
    """An answer has more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The answer of the server is longer than {limit} bytes.")
        self.limit = limit
