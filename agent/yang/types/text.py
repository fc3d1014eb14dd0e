"""string (RFC 7950 section 9.4) and binary (section 9.8)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.yang.types.base import NamespaceMap, Type, TypeViolation, shown
from agent.yang.types.intervals import Intervals
from agent.yang.types.xsd_regex import XsdRegex

UNLIMITED_LENGTH: Final = 2**64 - 1
_ANY_LENGTH: Final = Intervals.all(0, UNLIMITED_LENGTH)

#: What RFC 7950 section 14 (yang-char) leaves out: most control characters, surrogates and noncharacters.
_FORBIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(chr(plane << 16 | low) for plane in range(1, 17) for low in (0xFFFE, 0xFFFF))
    + "]"
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """One `pattern` statement. `inverted` is YANG 1.1's modifier invert-match."""

    regex: XsdRegex
    inverted: bool = False
    error_message: str | None = None
    error_app_tag: str | None = None

    def allows(self, text: str) -> bool:
        return self.regex.matches(text) is not self.inverted

    def describe(self) -> str:
        return f'{"not " if self.inverted else ""}matching the pattern "{self.regex.source}"'


class StringType(Type):
    """Text, with a length in characters and any number of patterns that must all hold.

    `secret`: a value that may be a password or the like; no message repeats it.
    """

    base = "string"

    def __init__(
        self, length: Intervals | None = None, patterns: Sequence[Pattern] = (), *, secret: bool = False
    ) -> None:
        self.length: Final = length
        self.patterns: Final = tuple(patterns)
        self.secret: Final = secret

    def expectation(self) -> str:
        parts = ["a string"]
        if self.length is not None:
            parts.append(f"of {self.length.describe()} characters")
        parts.extend(pattern.describe() for pattern in self.patterns[:1])
        return " ".join(parts)

    def canonical(self, lexical: str, nsmap: NamespaceMap) -> str:
        if not lexical.isprintable() and _FORBIDDEN.search(lexical) is not None:
            raise TypeViolation("a string may not hold control characters other than tab, line feed and return")
        if self.length is not None and len(lexical) not in self.length:
            expected = f"expected {self.length.describe()} characters"
            raise self.length.violation(
                TypeViolation(f"{self._shown(lexical)} is {len(lexical)} characters long: {expected}")
            )
        for pattern in self.patterns:
            if not pattern.allows(lexical):
                message = f"{self._shown(lexical)} is not valid: expected a string {pattern.describe()}"
                raise TypeViolation(pattern.error_message or message, pattern.error_app_tag)
        return lexical

    def violation(self, value: object) -> TypeViolation:
        return TypeViolation(f"{self._shown(value)} is not valid: expected {self.expectation()}")

    def _shown(self, value: object) -> str:
        return "this value" if self.secret else shown(value)


class BinaryType(Type):
    """Bytes, as base64 text; `length` counts bytes. White space in the lexical form is ignored (as XML Schema does)."""

    base = "binary"

    def __init__(self, length: Intervals | None = None) -> None:
        self.length: Final = length or _ANY_LENGTH

    def expectation(self) -> str:
        if self.length is _ANY_LENGTH:
            return "base64 text (RFC 4648 section 4)"
        return f"base64 text (RFC 4648 section 4) of {self.length.describe()} bytes"

    def canonical(self, lexical: str, nsmap: NamespaceMap) -> str:
        try:
            data = base64.b64decode("".join(lexical.split()).encode("ascii"), validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise self.violation(lexical) from None
        return self.from_python(data)

    def from_python(self, value: object) -> str:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise self.violation(value)
        data = bytes(value)
        if len(data) not in self.length:
            expected = f"expected {self.length.describe()} bytes"
            raise self.length.violation(TypeViolation(f"the value is {len(data)} bytes long: {expected}"))
        return base64.b64encode(data).decode("ascii")

    def to_python(self, text: str) -> Any:
        return base64.b64decode(text)
