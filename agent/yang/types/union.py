"""union (RFC 7950 section 9.12): the first member that accepts a value gives it its form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from agent.yang.types.base import NamespaceMap, Type, TypeViolation


class UnionType(Type):
    """`members` in the order of the module; leafref and union members included as they are.

    A text must mean the same whenever it is read again. So a value that a late member brought into canonical form is
    offered to the earlier members once more: in a union of decimal64 and int8, "0016" becomes 16 by int8 only if
    decimal64 refuses "16", too.
    """

    base = "union"

    def __init__(self, members: tuple[Type, ...]) -> None:
        self.members: Final = members

    def expectation(self) -> str:
        return "; or ".join(dict.fromkeys(member.expectation() for member in self.members))

    def canonical(self, lexical: str, nsmap: NamespaceMap) -> str:
        return self._first(lexical, lambda member: member.canonical(lexical, nsmap))

    def canonical_in_schema(self, lexical: str, nsmap: NamespaceMap) -> str:
        return self._first(lexical, lambda member: member.canonical_in_schema(lexical, nsmap))

    def is_canonical(self, text: str) -> bool:
        return any(member.is_canonical(text) for member in self.members)

    def member_of(self, text: str) -> Type:
        """The member (never a union) that a canonical text belongs to. Raises TypeViolation."""
        for member in self.find_members():
            if member.is_canonical(text):
                return member
        raise self.violation(text)

    def to_xml(self, text: str, prefix_for: Callable[[str], str]) -> str:
        return self.member_of(text).to_xml(text, prefix_for)

    def from_json(self, value: object, module: str) -> str:
        return self._first(value, lambda member: member.from_json(value, module))

    def to_json(self, text: str) -> object:
        return self.member_of(text).to_json(text)

    def from_python(self, value: object) -> str:
        return self._first(value, lambda member: member.from_python(value))

    def to_python(self, text: str) -> Any:
        return self.member_of(text).to_python(text)

    def find_members(self) -> Iterator[Type]:
        for member in self.members:
            yield from member.find_members()

    def _first(self, value: object, convert: Callable[[Type], str]) -> str:
        for member in self.members:
            try:
                text = convert(member)
            except TypeViolation:
                continue
            return self._settled(text)
        raise self.violation(value)

    def _settled(self, text: str) -> str:
        """`text` in the form of the first member that would accept it when it is read again."""
        for _ in self.members:
            for member in self.members:
                try:
                    again = text if member.is_canonical(text) else member.canonical(text, {})
                except TypeViolation:
                    continue
                break
            else:
                return text
            if again == text:
                return text
            text = again
        return text
