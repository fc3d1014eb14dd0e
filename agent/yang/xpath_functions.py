"""The functions that RFC 7950 section 10 adds to XPath, for libxml2. current() is a variable (xpath_syntax.Writer)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lxml import etree

from agent.yang.projection import Cursor
from agent.yang.schema import Schema
from agent.yang.types import BitsType, EnumerationType, LeafrefType, Type
from agent.yang.types.xsd_regex import XsdRegex

#: What lxml passes for an argument, and takes as a result.
Argument = Any
Function = Callable[..., Argument]


def yang_functions(
    schema: Schema,
    cursor_of: Callable[[etree._Element], Cursor | None],
    deref: Callable[[Cursor], Iterable[Cursor]],
) -> dict[str, Function]:
    """The functions by name, for one projection: `cursor_of` tells what an element stands for."""

    def cursors(nodes: Argument) -> list[Cursor]:
        found = (cursor_of(node) for node in nodes) if isinstance(nodes, list) else ()
        return [cursor for cursor in found if cursor is not None]

    def derived(nodes: Argument, identity: Argument, or_self: bool) -> bool:
        module, _, name = _string(identity).rpartition(":")
        below = schema.derived.get((module, name), frozenset())
        names = {f"{owner}:{derived_name}" for owner, derived_name in below}
        if or_self:
            names.add(f"{module}:{name}")
        return any(cursor.text in names for cursor in cursors(nodes))

    def derived_from(_: Argument, nodes: Argument, identity: Argument) -> bool:
        return derived(nodes, identity, or_self=False)

    def derived_from_or_self(_: Argument, nodes: Argument, identity: Argument) -> bool:
        return derived(nodes, identity, or_self=True)

    def deref_(_: Argument, nodes: Argument) -> list[etree._Element]:
        return [target.element for cursor in cursors(nodes)[:1] for target in deref(cursor)]

    def enum_value(_: Argument, nodes: Argument) -> float:
        for cursor in cursors(nodes)[:1]:
            for member in _members(cursor):
                if isinstance(member, EnumerationType) and cursor.text in member.values:
                    return float(member.values[cursor.text])
        return float("nan")

    def bit_is_set(_: Argument, nodes: Argument, bit: Argument) -> bool:
        for cursor in cursors(nodes)[:1]:
            if any(isinstance(member, BitsType) for member in _members(cursor)):
                return _string(bit) in (cursor.text or "").split()
        return False

    def re_match(_: Argument, subject: Argument, pattern: Argument) -> bool:
        return _pattern(_string(pattern)).matches(_string(subject))

    return {
        "derived-from": derived_from,
        "derived-from-or-self": derived_from_or_self,
        "deref": deref_,
        "enum-value": enum_value,
        "bit-is-set": bit_is_set,
        "re-match": re_match,
    }


def _members(cursor: Cursor) -> Sequence[Type]:
    if cursor.schema.type is None:
        return ()
    members = cursor.schema.type.find_members()
    return [
        final
        for member in members
        for final in (member.target_type if isinstance(member, LeafrefType) else member).find_members()
    ]


def _string(argument: Argument) -> str:
    """XPath's string() of an argument."""
    if isinstance(argument, list):
        return "".join(map(str, argument[0].itertext())) if argument and isinstance(argument[0], etree._Element) else ""
    if isinstance(argument, bool):
        return "true" if argument else "false"
    if isinstance(argument, float):
        return str(int(argument)) if argument.is_integer() else repr(argument)
    return str(argument)


@functools.lru_cache(maxsize=256)
def _pattern(source: str) -> XsdRegex:
    return XsdRegex(source)
