"""The rules that hold wherever data enters a tree, whatever it was written in: XML, JSON, records or an edit.

Each of them says where and what is wrong; the readers only know their own notation.
"""

from __future__ import annotations

from agent.yang.errors import (
    BadElementError,
    ConstraintError,
    DataError,
    InvalidValueError,
    MissingElementError,
)
from agent.yang.schema import INNER, Kind, SchemaNode
from agent.yang.tree import InstancePath, Key, Leaf, Node, Step
from agent.yang.types import LeafrefType, Type, TypeViolation

#: Kinds that may occur once below a parent.
SINGLE = frozenset({*INNER, Kind.LEAF, Kind.ANYDATA, Kind.ANYXML})
#: Built-in types whose text names modules.
_MODULE_NAMING = frozenset({"identityref", "instance-identifier"})


def leaf_type(schema: SchemaNode) -> Type:
    """The type of a leaf or leaf-list."""
    assert schema.type is not None
    return schema.type


def names_modules(schema: SchemaNode) -> bool:
    """Whether values of a leaf or leaf-list may name modules, so that their XML text depends on namespace prefixes."""
    answer: bool | None = schema.cache.get("building.names_modules")
    if answer is None:
        answer = schema.cache["building.names_modules"] = _type_names_modules(leaf_type(schema))
    return answer


def _type_names_modules(value_type: Type) -> bool:
    for member in value_type.find_members():
        if isinstance(member, LeafrefType):
            if _type_names_modules(member.target_type):
                return True
        elif member.base in _MODULE_NAMING:
            return True
    return False


def invalid_value(schema: SchemaNode, violation: TypeViolation) -> InvalidValueError:
    return InvalidValueError(
        f"The value of {schema.name} is not allowed: {violation.message}",
        app_tag=violation.app_tag,
        bad_name=schema.name,
    )


def duplicate(schema: SchemaNode) -> BadElementError:
    what = {Kind.LIST: "an entry with the same keys", Kind.LEAF_LIST: "the same value"}.get(schema.kind, "it")
    return BadElementError(f"{schema.name}: {what} is given twice; give it once.", bad_name=schema.name)


def not_configuration(schema: SchemaNode) -> BadElementError:
    return BadElementError(
        f"{schema.name} is state data: it can be read, but is not part of the configuration.", bad_name=schema.name
    )


def entry_key(schema: SchemaNode, children: dict[SchemaNode, Node], position: int) -> Key:
    """The key of a list entry made of `children`; `position` (from 1) identifies an entry of a list without keys.

    Raises MissingElementError for the first key that is not there.
    """
    if not schema.keys:
        return (str(position),)
    texts = []
    for leaf in schema.keys:
        node = children.get(leaf)
        if not isinstance(node, Leaf):
            raise missing_key(schema, leaf)
        texts.append(node.text)
    return tuple(texts)


def missing_key(schema: SchemaNode, leaf: SchemaNode) -> MissingElementError:
    return MissingElementError(f"An entry of {schema.name} must have its key {leaf.name}; add it.", bad_name=leaf.name)


def selected_cases(schema: SchemaNode) -> tuple[tuple[SchemaNode, SchemaNode], ...]:
    """The (choice, case) pairs that a data node stands in, innermost first; () for nearly every node."""
    pairs: tuple[tuple[SchemaNode, SchemaNode], ...] | None = schema.cache.get("building.cases")
    if pairs is None:
        found = []
        node = schema
        while node.parent is not None and node.parent.kind is Kind.CASE:
            case = node.parent
            choice = case.parent
            assert choice is not None
            found.append((choice, case))
            node = choice
        pairs = schema.cache["building.cases"] = tuple(found)
    return pairs


def check_cases(children: dict[SchemaNode, Node]) -> None:
    """Raise ConstraintError when `children` have nodes from two cases of one choice (RFC 7950 sections 7.9, 8.3.1)."""
    chosen: dict[SchemaNode, tuple[SchemaNode, SchemaNode]] = {}
    for schema in children:
        for choice, case in selected_cases(schema):
            other_case, other = chosen.setdefault(choice, (case, schema))
            if other_case is not case:
                raise two_cases(choice, other, schema)


def two_cases(choice: SchemaNode, one: SchemaNode, other: SchemaNode) -> ConstraintError:
    return ConstraintError(
        "choice",
        f"{one.name} and {other.name} exclude each other (choice {choice.name}); give only one of them.",
        bad_name=other.name,
    )


def locate(error: DataError, schema: SchemaNode, key: Key | None = None) -> None:
    """Add the step to the front of an error's path, as the error passes the node on its way out of the readers."""
    error.path = InstancePath((Step(schema, key), *(error.path or ())))
