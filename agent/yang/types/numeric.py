"""int8 .. uint64 (RFC 7950 section 9.2) and decimal64 (section 9.3)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from agent.yang.types.base import NamespaceMap, Type
from agent.yang.types.intervals import Intervals

#: Lowest and highest value of each integer type.
INTEGER_LIMITS: Final = {
    "int8": (-(2**7), 2**7 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint8": (0, 2**8 - 1),
    "uint16": (0, 2**16 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
#: Written as strings in JSON (RFC 7951 section 6.1), because JSON readers lose precision.
QUOTED_IN_JSON: Final = frozenset({"int64", "uint64"})

#: Longer numerals are refused unread: 20 digits are the most that any value needs, and leading zeros are allowed.
MAX_DIGITS: Final = 64

_WHITESPACE: Final = " \t\r\n"
_DECIMAL_NUMERAL: Final = re.compile(r"[+-]?[0-9]+")
_SCHEMA_NUMERAL: Final = re.compile(r"([+-]?)(?:0x([0-9a-fA-F]+)|0([0-7]+)|(0|[1-9][0-9]*))")
_FRACTION_NUMERAL: Final = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?")


class IntegerType(Type):
    """One of the eight integer types."""

    def __init__(self, base: str, range_: Intervals | None = None) -> None:
        self.base = base
        self.range: Final = range_ or Intervals.all(*INTEGER_LIMITS[base])

    def expectation(self) -> str:
        return f"an integer in {self.range.describe()}"

    def canonical(self, lexical: str, nsmap: NamespaceMap) -> str:
        stripped = lexical.strip(_WHITESPACE)
        if len(stripped) > MAX_DIGITS or _DECIMAL_NUMERAL.fullmatch(stripped) is None:
            raise self.violation(lexical)
        return self._checked(int(stripped))

    def canonical_in_schema(self, lexical: str, nsmap: NamespaceMap) -> str:
        """Also hexadecimal and octal, which RFC 7950 9.2.1 allows for default values in modules only."""
        return self._checked(self.number_in_schema(lexical))

    def number_in_schema(self, lexical: str) -> int:
        found = _SCHEMA_NUMERAL.fullmatch(lexical.strip(_WHITESPACE))
        if found is None or len(lexical) > MAX_DIGITS:
            raise self.violation(lexical)
        sign, hexadecimal, octal, decimal = found.groups()
        number = int(hexadecimal, 16) if hexadecimal else int(octal, 8) if octal else int(decimal)
        return -number if sign == "-" else number

    def from_json(self, value: object, module: str) -> str:
        if self.base in QUOTED_IN_JSON:
            return self.canonical(self._text(value), {})
        return self.from_python(value)

    def to_json(self, text: str) -> object:
        return text if self.base in QUOTED_IN_JSON else int(text)

    def from_python(self, value: object) -> str:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.violation(value)
        return self._checked(value)

    def to_python(self, text: str) -> Any:
        return int(text)

    def _checked(self, number: int) -> str:
        if number not in self.range:
            raise self.range.violation(self.violation(number))
        return str(number)


class Decimal64Type(Type):
    """A 64-bit integer scaled by 10 to the power of -fraction_digits. Ranges are kept in scaled integers."""

    base = "decimal64"

    def __init__(self, fraction_digits: int, range_: Intervals | None = None) -> None:
        self.fraction_digits: Final = fraction_digits
        self.range: Final = range_ or Intervals.all(*INTEGER_LIMITS["int64"])

    def expectation(self) -> str:
        digits = f"at most {self.fraction_digits} fraction digits"
        return f"a decimal number in {self.range.describe(self.write)} with {digits}"

    def canonical(self, lexical: str, nsmap: NamespaceMap) -> str:
        return self._checked(self.scaled(lexical))

    def scaled(self, lexical: str) -> int:
        """The number that `lexical` writes, times 10 to the power of fraction_digits."""
        found = _FRACTION_NUMERAL.fullmatch(lexical.strip(_WHITESPACE))
        if found is None or len(lexical) > MAX_DIGITS:
            raise self.violation(lexical)
        sign, whole, fraction = found.groups()
        fraction = (fraction or "").rstrip("0")
        if len(fraction) > self.fraction_digits:
            raise self.violation(lexical)
        number = int(whole + fraction.ljust(self.fraction_digits, "0"))
        return -number if sign == "-" else number

    def write(self, scaled: int) -> str:
        """Canonical form (RFC 7950 section 9.3.2): a point, no "+", no superfluous zeros, at least one digit each."""
        digits = str(abs(scaled)).rjust(self.fraction_digits + 1, "0")
        whole, fraction = digits[: -self.fraction_digits], digits[-self.fraction_digits :].rstrip("0")
        return f"{'-' if scaled < 0 else ''}{whole}.{fraction or '0'}"

    def from_python(self, value: object) -> str:
        if isinstance(value, bool) or not isinstance(value, Decimal | int):
            raise self.violation(value)
        return self.canonical(format(Decimal(value), "f"), {})

    def to_python(self, text: str) -> Any:
        return Decimal(text)

    def _checked(self, scaled: int) -> str:
        if scaled not in self.range:
            raise self.range.violation(self.violation(self.write(scaled)))
        return self.write(scaled)
