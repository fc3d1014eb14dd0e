"""What is said on the control socket before and beside NETCONF; both ends read it here.

A client first sends one line that names what it wants:

    netconf   then NETCONF, as on an SSH channel (RFC 6242 framing in both versions)
    exec      then one request and the answer in frames: each is 4 bytes length (big-endian) and a JSON object
              {"exec": "show version"}  ->  {"output": "..."}, as often as needed, then {"status": 0}
"""

from __future__ import annotations

import json
import struct
from typing import Any

from agent.transport.streams import ByteStream

MODE_NETCONF = b"netconf"
MODE_EXEC = b"exec"
MAX_MODE_BYTES = 16
MAX_REQUEST_BYTES = 128 * 1024
#: Of one frame of an answer.
MAX_ANSWER_BYTES = 8 * 1024 * 1024

_LENGTH = struct.Struct(">I")


class ControlProtocolError(Exception):
    """The other end doesn't keep to the protocol; the message says in what."""


def read_mode(stream: ByteStream) -> bytes:
    """The first line, without its end; empty when the peer only looked whether somebody is there.

    Raises ControlProtocolError, OSError.
    """
    line = b""
    while len(line) <= MAX_MODE_BYTES:
        byte = stream.recv(1)
        if not byte and line:
            raise ControlProtocolError("the connection ended inside its first line")
        if byte in (b"", b"\n"):
            return line
        line += byte
    raise ControlProtocolError("the first line is too long")


def write_frame(stream: ByteStream, content: dict[str, Any]) -> None:
    body = json.dumps(content).encode()
    stream.sendall(_LENGTH.pack(len(body)) + body)


def read_frame(stream: ByteStream, limit: int) -> dict[str, Any]:
    """One frame of at most `limit` bytes. Raises ControlProtocolError, OSError."""
    (length,) = _LENGTH.unpack(_read_exactly(stream, _LENGTH.size))
    if length > limit:
        raise ControlProtocolError(f"a frame of {length} bytes is more than the {limit} that are allowed")
    try:
        content = json.loads(_read_exactly(stream, length))
    except (ValueError, RecursionError) as error:
        raise ControlProtocolError("a frame is not JSON") from error
    if not isinstance(content, dict):
        raise ControlProtocolError("a frame is not a JSON object")
    return content


def _read_exactly(stream: ByteStream, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        data = stream.recv(min(size - len(content), 64 * 1024))
        if not data:
            raise ControlProtocolError("the connection ended inside a frame")
        content += data
    return bytes(content)
