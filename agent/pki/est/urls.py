"""Where an EST server and its operations are (RFC 7030 section 3.2.2)."""

from __future__ import annotations

import re
from typing import Final

from yarl import URL

from agent.pki.enrolment_errors import UnsupportedUrlError
from agent.pki.http import URL_MAX_LENGTH, is_plain_url
from agent.pki.trustpoint import EST_PATH

#: Paths of operations, which no label may be called like.
OPERATIONS: Final = frozenset({"cacerts", "simpleenroll", "simplereenroll", "fullcmc", "serverkeygen", "csrattrs"})

_LABEL: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%-]+")
_FORM: Final = f"https://host{EST_PATH} or https://host{EST_PATH}/label"


def check_url(url: str) -> str:
    """The URL of an EST server as it is used, without a slash at its end. Raises UnsupportedUrlError."""
    if not is_plain_url(url):
        raise UnsupportedUrlError(f"A URL has at most {URL_MAX_LENGTH} ASCII characters and no spaces.")
    try:
        parsed = URL(url)
        host, port = parsed.host, parsed.port
    except ValueError as error:
        raise UnsupportedUrlError(f"The URL of the CA can't be understood; write {_FORM}.") from error
    if parsed.scheme == "http":
        raise UnsupportedUrlError("EST needs TLS: the URL of an EST server begins with https://.")
    if parsed.scheme != "https" or not host or not port:
        raise UnsupportedUrlError("The URL of an EST server begins with https:// and a host.")
    if parsed.user is not None or parsed.password is not None:
        raise UnsupportedUrlError("The URL of an EST server has no user name or password in it; configure them apart.")
    if "?" in url or "#" in url:
        raise UnsupportedUrlError("The URL of an EST server has no ? or #; remove it and what follows.")
    _check_path(parsed.raw_path)
    return str(parsed).removesuffix("/")


def _check_path(path: str) -> None:
    well_known, label = path[: len(EST_PATH)], path[len(EST_PATH) :].removesuffix("/")
    if well_known != EST_PATH or (label and not label.startswith("/")):
        raise UnsupportedUrlError(f"The path of an EST server is fixed: write {_FORM}.")
    name = label.removeprefix("/")
    if name in OPERATIONS:
        raise UnsupportedUrlError(f"The URL of an EST server ends before the operation; remove /{name}.")
    if label and (not _LABEL.fullmatch(name) or name in (".", "..")):
        raise UnsupportedUrlError(f"There is at most one label after {EST_PATH}, and no slash in it.")


def operation_url(base: str, operation: str) -> str:
    """The URL of an operation of OPERATIONS at a server's checked URL."""
    return f"{base}/{operation}"
