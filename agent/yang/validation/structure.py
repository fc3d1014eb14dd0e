"""mandatory, choice, min-elements, max-elements and keys (RFC 7950 sections 7.6.5, 7.7.5, 7.8.2, 7.9.4)."""

from __future__ import annotations

from collections.abc import Iterator

from agent.yang.accessible import governing_cases, has_data
from agent.yang.errors import ConstraintError, DataError, MissingElementError
from agent.yang.projection import Cursor
from agent.yang.schema import Kind, SchemaNode
from agent.yang.tree import Inner, LeafList, ListNode, Node


def is_required(parent: Cursor, schema: SchemaNode) -> bool:
    """Whether a child or choice that the schema calls mandatory is, here: the closest ancestor that isn't a container
    without presence exists, and if it is a case, has data (RFC 7950 sections 7.6.5, 7.9.4)."""
    while True:
        case = next(governing_cases(schema), None)
        if case is not None:
            return parent.inner is not None and has_data(parent.inner, case)
        if parent.schema.kind is not Kind.CONTAINER or parent.schema.presence or parent.parent is None:
            return True
        schema, parent = parent.schema, parent.parent


def missing(parent: Cursor, schema: SchemaNode) -> DataError:
    """The error for a mandatory child that is absent."""
    path = parent.path.child(schema)
    if schema.kind in (Kind.LIST, Kind.LEAF_LIST):
        return _too_few(parent, schema, 0)
    return ConstraintError(
        "mandatory", f"{schema.name} is mandatory here; give it a value.", path, bad_name=schema.name
    )


def miscounts(parent: Cursor, node: Node) -> Iterator[DataError]:
    """Too few or too many entries or values of a list or leaf-list that is there."""
    if isinstance(node, ListNode):
        count = len(node.entries)
    elif isinstance(node, LeafList):
        count = len(node.texts)
    else:
        return
    schema = node.schema
    if count < schema.min_elements:
        yield _too_few(parent, schema, count)
    if schema.max_elements is not None and count > schema.max_elements:
        yield ConstraintError(
            "too-many-elements",
            f"{schema.name} has {count} {_elements(schema)}, at most {schema.max_elements} are allowed; "
            f"remove {count - schema.max_elements}.",
            parent.path.child(schema),
            bad_name=schema.name,
        )


def choice_errors(parent: Cursor, inner: Inner, choice: SchemaNode) -> Iterator[DataError]:
    """Data of two cases at once, in a choice or a choice inside it."""
    taken = [case for case in choice.cases() if has_data(inner, case)]
    if len(taken) > 1:
        names = " and ".join(case.name for case in taken)
        yield ConstraintError(
            "choice",
            f"{names} exclude each other (choice {choice.name}); keep one of them.",
            parent.path,
            bad_name=choice.name,
        )
    for case in taken:
        for child in case.children.values():
            if child.kind is Kind.CHOICE:
                yield from choice_errors(parent, inner, child)


def unmade_choices(parent: Cursor, inner: Inner, choice: SchemaNode) -> Iterator[SchemaNode]:
    """Mandatory choices without data, `choice` itself or inside it, that must be made. `when` isn't looked at."""
    if choice.mandatory and not has_data(inner, choice) and is_required(parent, choice):
        yield choice
    for case in choice.cases():
        for child in case.children.values():
            if child.kind is Kind.CHOICE:
                yield from unmade_choices(parent, inner, child)


def missing_choice(parent: Cursor, choice: SchemaNode) -> DataError:
    names = ", ".join(case.name for case in choice.cases())
    return ConstraintError(
        "missing-choice",
        f"One of {names} is needed (choice {choice.name}).",
        parent.path,
        bad_name=choice.name,
    )


def missing_keys(entry: Cursor) -> Iterator[DataError]:
    """Keys that an entry of a list doesn't have (RFC 7950 section 7.8.2)."""
    assert entry.inner is not None
    for leaf in entry.schema.keys:
        if leaf not in entry.inner.children:
            yield MissingElementError(
                f"An entry of {entry.schema.name} must have its key {leaf.name}; add it.",
                entry.path,
                bad_name=leaf.name,
            )


def _too_few(parent: Cursor, schema: SchemaNode, count: int) -> DataError:
    needed = max(schema.min_elements, 1)
    return ConstraintError(
        "too-few-elements",
        f"{schema.name} has {count} {_elements(schema)}, at least {needed} are needed; add {needed - count}.",
        parent.path.child(schema),
        bad_name=schema.name,
    )


def _elements(schema: SchemaNode) -> str:
    return "entries" if schema.kind is Kind.LIST else "values"
