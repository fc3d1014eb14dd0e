"""The two framings of RFC 6242: bytes in, whole messages out, and back.

A decoder is fed whatever the transport read, in pieces of any size, and gives the complete messages one at a time, so
that its owner may change the framing between two messages and hand the rest over. Each byte is looked at a bounded
number of times. A length is checked when it is announced, not when the bytes have come.

Nothing in here knows XML.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

END_OF_MESSAGE: Final = b"]]>]]>"
END_OF_CHUNKS: Final = b"\n##\n"
#: Digits of the largest chunk size that RFC 6242 allows, 4294967295.
MAX_SIZE_DIGITS: Final = 10
#: Size of the chunks that we send. RFC 6242 sets no limit; this keeps clients' buffers small.
SENT_CHUNK: Final = 1024 * 1024


class FramingError(Exception):
    """The byte stream is not what the framing prescribes; the session can't go on (RFC 6242 section 4.2)."""


class MessageTooBigError(FramingError):
    """A message or chunk is above the limit."""


class Decoder(Protocol):
    """Turns a byte stream into messages."""

    def feed(self, data: bytes) -> None:
        """Take what was read."""

    def next_message(self) -> bytes | None:
        """The next complete message, None when more bytes are needed. Raises FramingError."""

    def take_rest(self) -> bytes:
        """Give up the bytes after the last message, for another decoder."""


class EndOfMessageDecoder:
    """NETCONF 1.0 framing: messages end with `]]>]]>` (RFC 6242 section 4.3)."""

    def __init__(self, max_message: int) -> None:
        self._max_message = max_message
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next_message(self) -> bytes | None:
        # The mark may have begun in bytes that were searched before.
        start = max(0, self._searched - len(END_OF_MESSAGE) + 1)
        end = self._buffer.find(END_OF_MESSAGE, start)
        length = len(self._buffer) - len(END_OF_MESSAGE) + 1 if end < 0 else end
        if length > self._max_message:
            raise MessageTooBigError(f"a message is longer than {self._max_message} bytes")
        if end < 0:
            self._searched = len(self._buffer)
            return None
        message = bytes(self._buffer[:end])
        del self._buffer[: end + len(END_OF_MESSAGE)]
        self._searched = 0
        return message

    def take_rest(self) -> bytes:
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        return rest


class ChunkedDecoder:
    """NETCONF 1.1 framing: messages come in chunks with their sizes (RFC 6242 section 4.2).

    Line feeds before the first chunk of a message are skipped: people and some clients end their hello with one.
    """

    def __init__(self, max_message: int, max_chunk: int) -> None:
        self._max_message = max_message
        self._max_chunk = max_chunk
        self._input = bytearray()
        self._message = bytearray()
        self._has_chunk = False
        #: Bytes that the chunk in progress still lacks; 0: a header comes next.
        self._missing = 0

    def feed(self, data: bytes) -> None:
        self._input += data

    def next_message(self) -> bytes | None:
        while self._input:
            if self._missing:
                piece = self._input[: self._missing]
                self._message += piece
                self._missing -= len(piece)
                del self._input[: len(piece)]
                continue
            header = self._take_header()
            if header is None:
                return None
            if header == b"#":
                return self._finish()
            self._missing = int(header)
            self._has_chunk = True
        return None

    def take_rest(self) -> bytes:
        rest = bytes(self._input)
        self._input.clear()
        return rest

    def _take_header(self) -> bytes | None:
        """The digits of a chunk header, b"#" for the end of the chunks, None when it is not complete yet."""
        if not self._has_chunk:
            while self._input.startswith(b"\n\n"):
                del self._input[:1]
        if not b"\n#".startswith(self._input[:2]):
            raise FramingError("a chunk header must begin with a line feed and '#'")
        end = self._input.find(b"\n", 2, MAX_SIZE_DIGITS + 3)
        token = bytes(self._input[2 : end if end >= 0 else MAX_SIZE_DIGITS + 3])
        self._check_token(token)
        if end < 0:
            return None
        if not token:
            raise FramingError("a chunk header has no size")
        del self._input[: end + 1]
        return token

    def _check_token(self, token: bytes) -> None:
        if token in (b"", b"#"):
            if token and not self._has_chunk:
                raise FramingError("a message has no chunk")
            return
        # isdigit of bytes knows ASCII digits only.
        if not token.isdigit() or token.startswith(b"0") or len(token) > MAX_SIZE_DIGITS:
            raise FramingError("a chunk size must be a number from 1 to 4294967295 without leading zeros")
        if int(token) > self._max_chunk:
            raise MessageTooBigError(f"a chunk is longer than {self._max_chunk} bytes")
        if len(self._message) + int(token) > self._max_message:
            raise MessageTooBigError(f"a message is longer than {self._max_message} bytes")

    def _finish(self) -> bytes:
        message = bytes(self._message)
        self._message = bytearray()
        self._has_chunk = False
        return message


def encode_end_of_message(message: bytes) -> bytes:
    """`message` in NETCONF 1.0 framing. It must not contain the mark; XML text never does, ">" is escaped."""
    return message + END_OF_MESSAGE


def encode_chunked(message: bytes) -> bytes:
    """`message`, which must not be empty, in NETCONF 1.1 framing."""
    if len(message) <= SENT_CHUNK:
        return b"\n#%d\n%b\n##\n" % (len(message), message)
    parts = []
    for start in range(0, len(message), SENT_CHUNK):
        piece = message[start : start + SENT_CHUNK]
        parts += [b"\n#%d\n" % len(piece), piece]
    parts.append(END_OF_CHUNKS)
    return b"".join(parts)


def end_of_message_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same as encode_end_of_message, of a message that comes in pieces."""
    yield from pieces
    yield END_OF_MESSAGE


def chunked_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same as encode_chunked, of a message that comes in pieces: small ones are joined to one chunk."""
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        for start in range(0, len(piece), SENT_CHUNK):
            part = piece[start : start + SENT_CHUNK]
            if kept and size + len(part) > SENT_CHUNK:
                yield b"".join([b"\n#%d\n" % size, *kept])
                kept, size = [], 0
            kept.append(part)
            size += len(part)
    yield b"".join([b"\n#%d\n" % size, *kept, END_OF_CHUNKS])
