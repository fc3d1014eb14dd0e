"""Small readings that several sources need: one-line attributes of /sys and /proc, and optional values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.errors import unavailable

#: An attribute of /sys is at most a page.
MAX_ATTRIBUTE_BYTES = 4096

T = TypeVar("T")


def attribute(host: Host, path: str) -> str:
    """A one-line file of /sys, /proc or the device tree, without NULs, control characters and outer blanks.

    Raises HostError.
    """
    text = host.read_file(path, MAX_ATTRIBUTE_BYTES).decode("utf-8", "replace")
    return "".join(character for character in text if character.isprintable()).strip()


def optional(read: Callable[[], T]) -> T | None:
    """What `read` returns, or None if the host refuses."""
    try:
        return read()
    except HostError:
        return None


def optional_attribute(host: Host, path: str) -> str | None:
    """`attribute`, or None if the host refuses or it is empty."""
    return optional(lambda: attribute(host, path)) or None


def required(read: Callable[[], T]) -> T:
    """What `read` returns; what the host refuses becomes SourceUnavailableError."""
    try:
        return read()
    except HostError as error:
        raise unavailable(error) from None
