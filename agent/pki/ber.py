"""The elements of BER, as CAs really write them: what asn1crypto can't read, and a look at bytes before it reads them.

asn1crypto reads BER, except for one thing that the SCEP servers written in Go do: an implicitly tagged OCTET STRING in
the constructed form with a definite length. So the two places of CMS that hold a message's content are read here, from
the raw bytes, in all three forms: primitive, constructed, constructed without length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from agent.pki.errors import MalformedBerError

#: How deep constructed elements may nest. A content has one or two levels.
MAX_DEPTH: Final = 8

#: A number that goes on and on: asn1crypto reads tags and object identifiers in quadratic time.
_ENDLESS_NUMBER: Final = re.compile(rb"(?<![\x80-\xff])[\x80-\xff]{4096}")
_OCTET_STRING: Final = 0x04
_CONSTRUCTED: Final = 0x20
_HIGH_TAG: Final = 0x1F
_END_OF_CONTENTS: Final = b"\x00\x00"


@dataclass(frozen=True, slots=True)
class Element:
    """An element of `data`: its identifier octet, where its contents are, and where it ends."""

    data: bytes
    tag: int
    start: int
    stop: int
    end: int

    @property
    def constructed(self) -> bool:
        return bool(self.tag & _CONSTRUCTED)

    @property
    def contents(self) -> bytes:
        return self.data[self.start : self.stop]

    def children(self) -> Iterator[Element]:
        """The elements in a constructed one. Raises MalformedBerError."""
        return _elements(self.data, self.start, self.stop, 0)


def elements(data: bytes) -> Iterator[Element]:
    """The elements that follow each other in `data`. Raises MalformedBerError."""
    return _elements(data, 0, len(data), 0)


def refuse_endless_numbers(data: bytes) -> None:
    """To be called before asn1crypto reads `data`. Raises MalformedBerError."""
    if _ENDLESS_NUMBER.search(data):
        raise MalformedBerError("it has a number without end")


def octets(element: Element) -> bytes:
    """The value of an OCTET STRING of any form and any tag. Raises MalformedBerError."""
    parts: list[bytes] = []
    _collect(element, parts, 0)
    return b"".join(parts)


def _collect(element: Element, parts: list[bytes], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise MalformedBerError("nested too deep")
    if not element.constructed:
        parts.append(element.contents)
        return
    for child in element.children():
        if child.tag & ~_CONSTRUCTED != _OCTET_STRING:
            raise MalformedBerError("a part of its content is no octet string")
        _collect(child, parts, depth + 1)


def _elements(data: bytes, at: int, stop: int, depth: int) -> Iterator[Element]:
    while at < stop:
        element = _element(data, at, stop, depth)
        yield element
        at = element.end


def _element(data: bytes, at: int, limit: int, depth: int) -> Element:
    if depth > MAX_DEPTH:
        raise MalformedBerError("nested too deep")
    if limit - at < 2:
        raise MalformedBerError("truncated")
    tag, length = data[at], data[at + 1]
    if tag & _HIGH_TAG == _HIGH_TAG:
        raise MalformedBerError("an unknown tag")
    start = at + 2
    if length == 0x80:
        return _indefinite(data, tag, start, limit, depth)
    if length > 0x80:
        size = length & 0x7F
        length = int.from_bytes(data[start : min(start + size, limit)], "big")
        start += size
    stop = start + length
    if stop > limit:
        raise MalformedBerError("truncated")
    return Element(data, tag, start, stop, stop)


def _indefinite(data: bytes, tag: int, start: int, limit: int, depth: int) -> Element:
    if not tag & _CONSTRUCTED:
        raise MalformedBerError("a primitive element without length")
    at = start
    while data[at : min(at + 2, limit)] != _END_OF_CONTENTS:
        at = _element(data, at, limit, depth + 1).end
    return Element(data, tag, start, at, at + 2)
