"""Paths as text, and back. They may hold any bytes; what is no printable UTF-8 is escaped."""

from __future__ import annotations

import os
import re

from agent.integrity.readable import shown

_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


def shown_path(path: bytes) -> str:
    """`path` with backslashes, control characters and bytes that are no UTF-8 as \\xNN."""
    if path.isascii() and b"\\" not in path and (text := path.decode("ascii")).isprintable():
        return text
    return shown(os.fsdecode(path))


def path_of(text: str) -> bytes:
    """The bytes that `shown_path` was given."""
    return _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode("ascii")), text.encode("utf-8", "surrogatepass"))
