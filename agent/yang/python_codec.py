"""Data trees to the records that providers see, and back: plain Python values (northbound/contract.py).

anydata and anyxml are bytes that hold their XML element.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from agent.yang import mapping
from agent.yang.building import leaf_type
from agent.yang.defaults import Applies, defaults_in_use
from agent.yang.schema import SchemaNode
from agent.yang.tree import Inner, Node
from agent.yang.types import TypeViolation


def to_record(node: Inner, *, defaults: bool = False, applies: Applies | None = None) -> dict[str, Any]:
    """The record of a container, a list entry, the root or a body.

    With `defaults`, defaults in use are filled in as if they had been set; `applies` decides about those that depend on
    a `when` (None: all of them count, a provider passes over what the rest of the record makes pointless).
    """
    return mapping.write_inner(node, _PYTHON, _additions(defaults, applies))


def to_value(node: Node, *, defaults: bool = False, applies: Applies | None = None) -> Any:
    """The value of any node: a dict, a list of dicts, a list of values or a value."""
    return mapping.write_node(node, _PYTHON, _additions(defaults, applies))


def from_record(record: Mapping[str, Any], schema: SchemaNode) -> Inner:
    """The node that a record describes; for a list's schema, one entry. Raises DataError subclasses.

    Empty containers without presence are left out (tree.py, normal form).
    """
    return mapping.read_inner(record, schema, _PYTHON)


def _additions(defaults: bool, applies: Applies | None) -> mapping.Additions | None:
    return partial(defaults_in_use, applies=applies) if defaults else None


def _read_leaf(schema: SchemaNode, value: Any) -> str:
    return leaf_type(schema).from_python(value)


def _write_leaf(schema: SchemaNode, text: str) -> Any:
    return leaf_type(schema).to_python(text)


def _read_any(schema: SchemaNode, value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise TypeViolation("it must be the bytes of an XML element.")
    return value


_PYTHON = mapping.Notation(
    read_leaf=_read_leaf,
    write_leaf=_write_leaf,
    read_any=_read_any,
    write_any=lambda xml: xml,
)
