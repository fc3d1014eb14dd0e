"""Every limit that the protocol puts on a client, in one place; the daemon's settings may change them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one server.

    Attributes:
        message: largest message in bytes, all its chunks together.
        chunk: largest chunk in bytes (RFC 6242 section 4.2).
        depth: deepest nesting of elements in a message, the `rpc` element included.
        attributes: most attributes of one element, and most namespace declarations in scope at one element. Reading
            either costs lxml the square of their number.
        filter_nodes: most elements in one subtree filter.
        sessions: most sessions at once.
        queued_notifications: most events that wait for one slow subscriber before its session is closed.
    """

    message: int = 16 * 1024 * 1024
    chunk: int = 16 * 1024 * 1024
    depth: int = 256
    attributes: int = 256
    filter_nodes: int = 10_000
    sessions: int = 100
    queued_notifications: int = 1_000
