"""What all types have in common.

Four forms of one value: *lexical* (what an XML document may hold), *canonical text* (what a tree holds; "the text"
below), *JSON* (RFC 7951) and *Python* (northbound/contract.py). A subclass says how lexical becomes text and, where
they differ from a plain string, how JSON and Python look.
"""

from __future__ import annotations

import abc
import enum
from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: Prefixes in scope -> namespaces; None is the default namespace.
NamespaceMap = Mapping[str | None, str]

#: How much of a refused value is repeated in a message.
SHOWN_LENGTH = 60
#: How many allowed names a message lists before it stops.
SHOWN_NAMES = 24


class TypeViolation(ValueError):  # noqa: N818 - a fact about a value, named as RFC 7950 names it
    """A value that a type does not allow.

    `message` says what is allowed; `app_tag` is the error-app-tag that the model gives for this restriction, or None.
    """

    def __init__(self, message: str, app_tag: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.app_tag = app_tag


class Type(abc.ABC):
    """A type as one leaf has it, restrictions of all typedefs included."""

    #: Built-in name: "uint8", "leafref", "union"...
    base: str

    @abc.abstractmethod
    def expectation(self) -> str:
        """What is allowed, as it stands in a sentence: "an integer in 1..10"."""

    @abc.abstractmethod
    def canonical(self, lexical: str, nsmap: NamespaceMap) -> str:
        """Canonical text of an XML value; `nsmap` has the namespaces in scope. Raises TypeViolation."""

    def canonical_in_schema(self, lexical: str, nsmap: NamespaceMap) -> str:
        """Canonical text of a `default` in a module, where RFC 7950 9.2.1 allows more. Raises TypeViolation."""
        return self.canonical(lexical, nsmap)

    def is_canonical(self, text: str) -> bool:
        """True if `text` is a canonical text of this type."""
        try:
            return self.canonical(text, {}) == text
        except TypeViolation:
            return False

    def to_xml(self, text: str, prefix_for: Callable[[str], str]) -> str:
        """Lexical form for XML; `prefix_for(module)` declares that module's namespace and returns its prefix."""
        return text

    def from_json(self, value: object, module: str) -> str:
        """Canonical text of a JSON value of a leaf in `module`. Raises TypeViolation."""
        return self.canonical(self._text(value), {})

    def to_json(self, text: str) -> object:
        return text

    def from_python(self, value: object) -> str:
        """Canonical text of a provider's value. Raises TypeViolation."""
        return self.canonical(self._text(value), {})

    def to_python(self, text: str) -> Any:
        return text

    def find_members(self) -> Iterator[Type]:
        """This type itself, or for a union all its members, unions in unions resolved."""
        yield self

    def _text(self, value: object) -> str:
        """`value` if it is a string (or a string-valued enum member); raises TypeViolation otherwise."""
        if isinstance(value, enum.Enum):
            value = value.value
        if not isinstance(value, str):
            raise self.violation(value)
        return value

    def violation(self, value: object) -> TypeViolation:
        return TypeViolation(f"{shown(value)} is not valid: expected {self.expectation()}")


def shown(value: object) -> str:
    """A refused value for a message: quoted, and cut when it is long."""
    text = str(value)
    return f'"{text}"' if len(text) <= SHOWN_LENGTH else f'"{text[:SHOWN_LENGTH]}..."'


def name_list(names: Mapping[str, Any]) -> str:
    """Allowed names for a message, cut when there are many."""
    listed = list(names)
    if len(listed) <= SHOWN_NAMES:
        return ", ".join(listed)
    return ", ".join(listed[:SHOWN_NAMES]) + f" and {len(listed) - SHOWN_NAMES} more"
