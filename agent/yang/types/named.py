"""boolean, enumeration, bits and empty (RFC 7950 sections 9.5, 9.6, 9.7 and 9.11)."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Final

from agent.yang.types.base import NamespaceMap, Type, TypeViolation, name_list, shown


class BooleanType(Type):
    base = "boolean"

    def expectation(self) -> str:
        return "true or false"

    def canonical(self, lexical: str, nsmap: NamespaceMap) -> str:
        if lexical not in ("true", "false"):
            raise self.violation(lexical)
        return lexical

    def from_json(self, value: object, module: str) -> str:
        return self.from_python(value)

    def to_json(self, text: str) -> object:
        return text == "true"

    def from_python(self, value: object) -> str:
        if not isinstance(value, bool):
            raise self.violation(value)
        return "true" if value else "false"

    def to_python(self, text: str) -> Any:
        return text == "true"


class EmptyType(Type):
    """Present or absent; the text is always ""."""

    base = "empty"

    def expectation(self) -> str:
        return "no value (the element is empty)"

    def canonical(self, lexical: str, nsmap: NamespaceMap) -> str:
        if lexical:
            raise self.violation(lexical)
        return ""

    def from_json(self, value: object, module: str) -> str:
        if value != [None]:
            raise TypeViolation(f"{shown(value)} is not valid: expected [null]")
        return ""

    def to_json(self, text: str) -> object:
        return [None]

    def from_python(self, value: object) -> str:
        if value is not None:
            raise self.violation(value)
        return ""

    def to_python(self, text: str) -> Any:
        return None


class EnumerationType(Type):
    """One of a set of names; `values` gives each name's integer, for XPath's enum-value()."""

    base = "enumeration"

    def __init__(self, values: Mapping[str, int]) -> None:
        self.values: Final = dict(values)

    def expectation(self) -> str:
        return f"one of: {name_list(self.values)}"

    def canonical(self, lexical: str, nsmap: NamespaceMap) -> str:
        if lexical not in self.values:
            raise self.violation(lexical)
        return lexical


class BitsType(Type):
    """A set of names, written in the order of their positions."""

    base = "bits"

    def __init__(self, positions: Mapping[str, int]) -> None:
        self.positions: Final = dict(sorted(positions.items(), key=lambda item: item[1]))

    def expectation(self) -> str:
        return f"any of these, each at most once, separated by spaces: {name_list(self.positions)}"

    def canonical(self, lexical: str, nsmap: NamespaceMap) -> str:
        return self._ordered(lexical.split(), lexical)

    def from_python(self, value: object) -> str:
        if not isinstance(value, tuple | list | Set):
            raise self.violation(value)
        return self._ordered(list(value), value)

    def _ordered(self, names: list[Any], given: object) -> str:
        if any(name not in self.positions for name in names) or len(set(names)) != len(names):
            raise self.violation(given)
        return " ".join(name for name in self.positions if name in names)

    def to_python(self, text: str) -> Any:
        return tuple(text.split())
