"""XML Schema regular expressions (the language of YANG's `pattern`) on Python's re.

The two languages look alike and differ in what matters: XML Schema's patterns are anchored, `^` and `$` are ordinary
characters, `\\d`, `\\w`, `\\i`, `\\c` and `\\p{..}` are defined on Unicode categories, and classes can be subtracted. A
pattern is therefore parsed and written anew; every class is computed as a set of code points.

Most values are ASCII, and for them the sets are cut to ASCII: the tables for all of Unicode are built only when a
value that is not ASCII meets a pattern that needs them. What this parser does not know (block names such as
`\\p{IsGreek}`) is left to libxml2's own, slower engine.
"""

from __future__ import annotations

import functools
import itertools
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable
from typing import Final
from xml.sax.saxutils import quoteattr

from lxml import etree

#: Code points as sorted, disjoint, closed intervals.
Ranges = tuple[tuple[int, int], ...]

_ASCII_END: Final = 0x7F
_UNICODE_END: Final = sys.maxunicode

_NAME_START: Final[Ranges] = (
    (0x3A, 0x3A), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x2FF),
    (0x370, 0x37D), (0x37F, 0x1FFF), (0x200C, 0x200D), (0x2070, 0x218F), (0x2C00, 0x2FEF), (0x3001, 0xD7FF),
    (0xF900, 0xFDCF), (0xFDF0, 0xFFFD), (0x10000, 0xEFFFF),
)  # fmt: skip
_NAME_MORE: Final[Ranges] = ((0x2D, 0x2E), (0x30, 0x39), (0xB7, 0xB7), (0x300, 0x36F), (0x203F, 0x2040))

_SPECIAL: Final = frozenset("\\|.?*+(){}[]")
_CONTROL_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}
_QUANTIFIER: Final = re.compile(r"[?*+]|\{[0-9]+(?:,[0-9]*)?\}")
_CATEGORY: Final = re.compile(r"\{([LMNPZSC][a-z]?)\}")


class UnsupportedPatternError(ValueError):
    """The parser does not know something in this pattern."""


class XsdRegex:
    """One pattern, compiled when it is first used. `source` is as the module has it."""

    def __init__(self, source: str) -> None:
        self.source: Final = source

    def matches(self, text: str) -> bool:
        """True if the whole of `text` matches."""
        return self._ascii(text) if text.isascii() else self._unicode(text)

    @functools.cached_property
    def _ascii(self) -> Callable[[str], bool]:
        return _matcher(self.source, _ASCII_END)

    @functools.cached_property
    def _unicode(self) -> Callable[[str], bool]:
        return _matcher(self.source, _UNICODE_END)


@functools.lru_cache(maxsize=4096)
def _matcher(source: str, end: int) -> Callable[[str], bool]:
    try:
        compiled = re.compile(translate(source, end))
    except UnsupportedPatternError:
        return _libxml2_matcher(source)
    return lambda text: compiled.fullmatch(text) is not None


def _libxml2_matcher(source: str) -> Callable[[str], bool]:
    restriction = f'<xs:restriction base="xs:string"><xs:pattern value={quoteattr(source)}/></xs:restriction>'
    schema = etree.XMLSchema(
        etree.fromstring(
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="value">'
            f"<xs:simpleType>{restriction}</xs:simpleType></xs:element></xs:schema>"
        )
    )

    def matches(text: str) -> bool:
        element = etree.Element("value")
        element.text = text
        return bool(schema.validate(element))

    return matches


def translate(source: str, end: int = _UNICODE_END) -> str:
    """A Python pattern (for fullmatch) equal to `source` on texts of code points up to `end`.

    Raises UnsupportedPatternError.
    """
    parser = _Parser(source, end)
    written = parser.alternatives()
    if parser.position != len(source):
        raise UnsupportedPatternError(f"unexpected {source[parser.position]!r} in {source!r}")
    return written


class _Parser:
    """Recursive descent over the grammar of XML Schema part 2, appendix F."""

    def __init__(self, source: str, end: int) -> None:
        self.source = source
        self.end = end
        self.position = 0

    def _peek(self) -> str:
        return self.source[self.position : self.position + 1]

    def _take(self) -> str:
        character = self._peek()
        if not character:
            raise UnsupportedPatternError(f"{self.source!r} ends too early")
        self.position += 1
        return character

    def alternatives(self) -> str:
        branches = [self._branch()]
        while self._peek() == "|":
            self.position += 1
            branches.append(self._branch())
        return "|".join(branches)

    def _branch(self) -> str:
        pieces = []
        while self._peek() not in ("", "|", ")"):
            atom = self._atom()
            quantifier = _QUANTIFIER.match(self.source, self.position)
            if quantifier is not None:
                self.position = quantifier.end()
                atom += quantifier.group()
            pieces.append(atom)
        return "".join(pieces)

    def _atom(self) -> str:
        character = self._take()
        if character == "(":
            inner = self.alternatives()
            if self._take() != ")":
                raise UnsupportedPatternError(f"a group is not closed in {self.source!r}")
            return f"(?:{inner})"
        if character == "[":
            return self._write(self._class_body())
        if character == "\\":
            return self._write(self._escape())
        if character == ".":
            return r"[^\n\r]"
        if character in _SPECIAL:
            raise UnsupportedPatternError(f"unexpected {character!r} in {self.source!r}")
        return re.escape(character)

    def _escape(self) -> Ranges:
        character = self._take()
        if character in "pP":
            category = _CATEGORY.match(self.source, self.position)
            if category is None:
                raise UnsupportedPatternError(f"unknown property in {self.source!r}")
            self.position = category.end()
            ranges = _category(category.group(1), self.end)
            return ranges if character == "p" else _inverted(ranges, self.end)
        if character in _MULTIPLE:
            return _MULTIPLE[character](self.end)
        if character.lower() in _MULTIPLE:
            return _inverted(_MULTIPLE[character.lower()](self.end), self.end)
        if character.isalnum() and character not in _CONTROL_ESCAPES:
            raise UnsupportedPatternError(f"unknown escape \\{character} in {self.source!r}")
        return _single(_CONTROL_ESCAPES.get(character, character))

    def _class_body(self) -> Ranges:
        """What follows "[", the closing "]" included."""
        negated = self._peek() == "^"
        self.position += negated
        found: list[tuple[int, int]] = []
        subtracted: Ranges = ()
        while self._peek() != "]":
            if found and self.source.startswith("-[", self.position):
                self.position += 2
                subtracted = self._class_body()
                break
            found.extend(self._class_part())
        if self._take() != "]":
            raise UnsupportedPatternError(f"a class is not closed in {self.source!r}")
        ranges = _inverted(_merged(found), self.end) if negated else _merged(found)
        return _without(ranges, subtracted, self.end)

    def _class_part(self) -> Ranges:
        """One character, escape or range."""
        first = self._class_character()
        follows = self.source[self.position + 1 : self.position + 2]
        if self._peek() != "-" or follows in ("]", "[", "") or not _is_single(first):
            return first
        self.position += 1
        last = self._class_character()
        if not _is_single(last) or last[0][0] < first[0][0]:
            raise UnsupportedPatternError(f"a bad range in {self.source!r}")
        return ((first[0][0], last[0][0]),)

    def _class_character(self) -> Ranges:
        character = self._take()
        if character == "\\":
            return self._escape()
        if character == "[":
            raise UnsupportedPatternError(f"unexpected '[' in {self.source!r}")
        return _single(character)

    def _write(self, ranges: Ranges) -> str:
        cut = [(low, min(high, self.end)) for low, high in ranges if low <= self.end]
        if not cut:
            return "(?!)"
        if len(cut) == 1 and _is_single(tuple(cut)):
            return re.escape(chr(cut[0][0]))
        return "[" + "".join(_write_range(low, high) for low, high in cut) + "]"


def _write_range(low: int, high: int) -> str:
    return f"\\U{low:08x}" if low == high else f"\\U{low:08x}-\\U{high:08x}"


def _single(character: str) -> Ranges:
    return ((ord(character), ord(character)),)


def _is_single(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]


def _merged(parts: Iterable[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(parts):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _inverted(ranges: Ranges, end: int) -> Ranges:
    gaps = []
    start = 0
    for low, high in ranges:
        if start < low:
            gaps.append((start, min(low - 1, end)))
        start = high + 1
    if start <= end:
        gaps.append((start, end))
    return tuple(gap for gap in gaps if gap[0] <= end)


def _without(ranges: Ranges, subtracted: Ranges, end: int) -> Ranges:
    return _inverted(_merged((*_inverted(ranges, end), *subtracted)), end) if subtracted else ranges


@functools.lru_cache(maxsize=2)
def _categories(end: int) -> dict[str, Ranges]:
    """Every two-letter Unicode category as ranges."""
    found: dict[str, list[tuple[int, int]]] = {}
    start = 0
    for name, group in itertools.groupby(map(unicodedata.category, map(chr, range(end + 1)))):
        length = sum(1 for _ in group)
        found.setdefault(name, []).append((start, start + length - 1))
        start += length
    return {name: tuple(ranges) for name, ranges in found.items()}


@functools.lru_cache(maxsize=128)
def _category(name: str, end: int) -> Ranges:
    """A category, or with one letter all that begin with it."""
    tables = _categories(end)
    return _merged(part for category, ranges in tables.items() if category.startswith(name) for part in ranges)


def _word(end: int) -> Ranges:
    """XML Schema's word characters: all but punctuation, separators and others. "_" is punctuation."""
    outside = _merged((*_category("P", end), *_category("Z", end), *_category("C", end)))
    return _inverted(outside, end)


#: The classes of the multi-character escapes; the upper-case letter is the complement.
_MULTIPLE: Final[dict[str, Callable[[int], Ranges]]] = {
    "s": lambda end: ((0x09, 0x0A), (0x0D, 0x0D), (0x20, 0x20)),
    "i": lambda end: _NAME_START,
    "c": lambda end: _merged((*_NAME_START, *_NAME_MORE)),
    "d": lambda end: _category("Nd", end),
    "w": _word,
}
