"""Reading signed texts (our envelope, JWS, DSSE) in constant memory, however large the payload is.

All three are written with one member a line, and begin with a line that is an opening brace. A reader takes short lines
as they are and passes the base64 of the payload on, decoded, piece by piece. It is strict: there is one text for what
it says. What terminals and collectors add is tolerated: lines before the opening brace (a command's time line), CR LF
line ends and a missing last line feed.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

from agent.integrity.content import CHUNK_BYTES, Content

#: Bytes of a signed text that are read at most.
MAX_TEXT_BYTES = 1024 * 1024 * 1024
MAX_PREAMBLE_BYTES = 4096
#: Bytes of a line without the payload at most.
MAX_LINE_BYTES = 256 * 1024
#: Lines beside that of the payload at most.
MAX_LINES = 64

MAX_CERTIFICATES = 10
MAX_CERTIFICATE_BYTES = 64 * 1024
MAX_SIGNATURE_BYTES = 16 * 1024

_QUOTE = b'"'
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


class EnvelopeFormatError(ValueError):
    """The text is not an envelope. The message says in what, without quoting it."""


class SignedTextReader:
    """Takes a text apart from its beginning to its end. All methods raise EnvelopeFormatError, and OSError."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._buffer = b""
        self._read = 0
        self._crlf = False
        self._begin()

    def line_starting(self) -> bytes:
        """The beginning of the next line, up to its first colon; stays to be read."""
        while b":" not in self._buffer and len(self._buffer) < MAX_PREAMBLE_BYTES and self._more():
            pass
        return self._buffer[:MAX_PREAMBLE_BYTES].partition(b":")[0]

    def lines_before(self, name: str) -> list[bytes]:
        """The lines, with a line feed each, before that of the member `name`; leaves its value to `payload`."""
        start = f'"{name}": "'.encode()
        lines: list[bytes] = []
        while True:
            while len(self._buffer) < len(start) and self._more():
                pass
            if self._buffer.startswith(start):
                self._buffer = self._buffer[len(start) :]
                return lines
            lines.append(self._line())
            if len(lines) > MAX_LINES:
                raise EnvelopeFormatError(f"{name} is missing")

    def payload(self, write: Callable[[bytes], None], *, url_safe: bool = False) -> None:
        """Read base64 up to the end of the member, decode it strictly, and give it to `write` in pieces."""
        kept = b""
        while True:
            end = self._buffer.find(_QUOTE)
            kept += self._buffer if end < 0 else self._buffer[:end]
            self._buffer = b"" if end < 0 else self._buffer[end:]
            # The last group of four may be padding, and is the last only if the quote is there.
            ready = len(kept) if end >= 0 else max(0, len(kept) - 4) // 4 * 4
            write(_decoded(kept[:ready], url_safe, last=end >= 0))
            kept = kept[ready:]
            if end >= 0:
                break
            if not self._more():
                raise EnvelopeFormatError("the text ends inside its payload")
        if self._line() != b'",\n':
            raise EnvelopeFormatError("nothing but a comma may follow the payload in its line")

    def rest(self) -> bytes:
        """All lines up to the end, the last one with a line feed."""
        lines: list[bytes] = []
        while self._buffer or self._more():
            lines.append(self._line())
            if len(lines) > MAX_LINES:
                raise EnvelopeFormatError("something follows the envelope")
        return b"".join(lines)

    def _begin(self) -> None:
        """Read up to and with the line that is an opening brace."""
        read = 0
        while read <= MAX_PREAMBLE_BYTES and (self._buffer or self._more()):
            line = self._line(MAX_PREAMBLE_BYTES)
            if line in (b"{\n", b"{\r\n"):
                self._crlf = self._crlf or line == b"{\r\n"
                return
            read += len(line)
            self._crlf = self._crlf or line.endswith(b"\r\n")
        raise EnvelopeFormatError("no line with an opening brace alone, which begins an envelope")

    def _line(self, limit: int = MAX_LINE_BYTES) -> bytes:
        """The next line, with one line feed at its end."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > limit or not self._more():
                break
        line = self._buffer if end < 0 else self._buffer[: end + 1]
        if len(line) > limit:
            raise EnvelopeFormatError("a line is too long")
        self._buffer = self._buffer[len(line) :]
        line = line if line.endswith(b"\n") else line + b"\n"
        return line[:-2] + b"\n" if self._crlf and line.endswith(b"\r\n") else line

    def _more(self) -> bool:
        data = self._stream.read(CHUNK_BYTES)
        self._read += len(data)
        if self._read > MAX_TEXT_BYTES:
            raise EnvelopeFormatError(f"the envelope is larger than {MAX_TEXT_BYTES} bytes")
        self._buffer += data
        return bool(data)


def _decoded(text: bytes, url_safe: bool, *, last: bool) -> bytes:
    """Base64 that is written in the one way in which it can be: alphabet, padding, zero pad bits."""
    if url_safe:
        if b"+" in text or b"/" in text or b"=" in text:
            raise EnvelopeFormatError("the payload is not base64url")
        text = text.translate(_URL_SAFE) + b"=" * (-len(text) % 4 if last else 0)
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        content = None
    if content is None or base64.b64encode(content) != text or (not last and text.endswith(b"=")):
        raise EnvelopeFormatError("the payload is not base64")
    return content


def encoded(content: Content) -> Iterator[bytes]:
    """Base64 of a content, in pieces."""
    return map(base64.b64encode, content.chunks())


def encoded_url_safe(content: Content) -> Iterator[bytes]:
    """The same in the alphabet of RFC 4648 section 5, without padding."""
    for chunk in content.chunks():
        yield base64.urlsafe_b64encode(chunk).rstrip(b"=")


# Members of the short lines ------------------------------------------------------------------------------------------


def members_of(lines: Iterable[bytes]) -> dict[str, Any]:
    """The JSON members that `lines` hold; raises EnvelopeFormatError. A comma at the end of the last one is allowed."""
    text = b"{" + b"".join(lines).removesuffix(b",\n") + b"}"
    try:
        members = json.loads(text.decode("ascii"))
    except (ValueError, RecursionError):
        raise EnvelopeFormatError("the envelope is not JSON in ASCII") from None
    assert isinstance(members, dict)
    return members


def text_member(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise EnvelopeFormatError(f"{name} is missing or is not a string")
    return value


def bytes_member(value: object, name: str, max_bytes: int) -> bytes:
    """What a string is the base64 of."""
    try:
        content = base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except (binascii.Error, ValueError):
        content = None
    if content is None:
        raise EnvelopeFormatError(f"{name} is not base64")
    if len(content) > max_bytes:
        raise EnvelopeFormatError(f"{name} is larger than {max_bytes} bytes")
    return content


def certificates_member(members: dict[str, Any], name: str) -> tuple[bytes, ...]:
    """A list of certificates, () if it is not there."""
    certificates = members.get(name, [])
    if not isinstance(certificates, list) or len(certificates) > MAX_CERTIFICATES:
        raise EnvelopeFormatError(f"{name} is not a list of at most {MAX_CERTIFICATES} certificates")
    return tuple(bytes_member(each, name, MAX_CERTIFICATE_BYTES) for each in certificates)


def base64_text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
