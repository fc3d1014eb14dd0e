"""edit-config on a tree (RFC 6241 section 7.2; RFC 7950 sections 7.5.8, 7.6.7, 7.7.9, 7.8.6, 7.9, 7.10.4, 7.11).

The old tree is never changed: an edit that fails leaves nothing behind, and one that succeeds gives a new tree that
shares with the old one all that it did not touch. An edit that changes nothing gives back the old tree itself.

The result is in the normal form of tree.py. So a container without presence counts as there for every operation but
`create`, `delete` and `remove`, which look at whether it holds anything.

Rules that span nodes (must, mandatory, leafref ...) are not looked at here, with one exception: the cases of a choice,
where taking one removes the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lxml import etree

from agent.yang.building import (
    duplicate,
    leaf_type,
    missing_key,
    not_configuration,
)
from agent.yang.edit_attributes import (
    DEFAULT_OPERATIONS,
    OPERATION,
    REMOVALS,
    EditAttributes,
    Insertion,
    read_attributes,
)
from agent.yang.edit_siblings import Siblings
from agent.yang.errors import (
    BadAttributeError,
    BadElementError,
    DataError,
    DataExistsError,
    DataMissingError,
    InvalidValueError,
)
from agent.yang.ordering import Ordering
from agent.yang.paths import parse_key_predicates
from agent.yang.schema import INNER, Kind, SchemaNode
from agent.yang.tree import AnyNode, Inner, InstancePath, Key, Leaf, Node
from agent.yang.types import TypeViolation
from agent.yang.xml_codec import any_node, child_elements, leaf_text, plain_text, unknown_attribute

#: How many values of one edit may be rewritten into something else. Rewriting may be slow on purpose (password hashes
#: take a quarter of a second each), and nobody else can edit meanwhile.
MAX_REWRITTEN: Final = 20
#: Gives the text that is to be stored in place of a leaf's canonical text.
Rewrite = Callable[[SchemaNode, str], str]


@dataclass(frozen=True, slots=True)
class EditResult:
    """`touched` names every place where `root` may differ from the tree before: the top of what was created, deleted or
    replaced, each changed leaf and leaf-list, and each user-ordered list whose order changed."""

    root: Inner
    touched: tuple[InstancePath, ...]


def apply_edit(
    root: Inner,
    config: etree._Element,
    *,
    default_operation: str = "merge",
    rewrite: Rewrite | None = None,
) -> EditResult:
    """`root` after the edit that the children of `config` describe.

    `default_operation` is "merge", "replace" or "none". `rewrite` sees every value that enters, but not keys. Raises
    DataError subclasses, and whatever `rewrite` raises.
    """
    if default_operation not in DEFAULT_OPERATIONS:
        raise ValueError(f"{default_operation!r} is not a default-operation")
    if config.attrib:
        raise unknown_attribute(next(iter(config.attrib)), config)
    editor = _Editor(rewrite or _keep)
    replaced = default_operation == "replace"
    siblings = Siblings(root.schema, {} if replaced else root.children, InstancePath(), replaced)
    children = editor.edit_children(siblings, config, default_operation)
    if replaced:
        return EditResult(Inner(root.schema, children), (InstancePath(),))
    if children is root.children:
        return EditResult(root, ())
    return EditResult(Inner(root.schema, children), tuple(editor.touched))


def _keep(schema: SchemaNode, text: str) -> str:
    return text


class _Editor:
    """One edit. The methods for the kinds of nodes answer whether the edit has given data to the node, which is what
    decides between the cases of a choice."""

    def __init__(self, rewrite: Rewrite) -> None:
        self._rewrite = rewrite
        self._rewritten = 0
        self.touched: dict[InstancePath, None] = {}

    def edit_children(self, siblings: Siblings, element: etree._Element, inherited: str) -> dict[SchemaNode, Node]:
        """The children after the edit; `inherited` is the operation for elements that name none."""
        try:
            for child, schema in child_elements(element, siblings.schema):
                if self._edit_child(siblings, child, schema, inherited):
                    self._leave_other_cases(siblings, schema)
        except DataError as error:
            if error.path is None:
                error.path = siblings.path
            raise
        return siblings.finish()

    def _edit_child(self, siblings: Siblings, element: etree._Element, schema: SchemaNode, inherited: str) -> bool:
        path = siblings.path.child(schema)
        try:
            if not schema.config:
                raise not_configuration(schema)
            attributes = read_attributes(element, schema)
            operation = attributes.operation or inherited
            if schema.kind is Kind.LIST:
                return self._edit_entry(siblings, element, schema, attributes, operation)
            if schema.kind is Kind.LEAF_LIST:
                return self._edit_value(siblings, element, schema, attributes, operation)
            siblings.give_once(schema)
            if schema in siblings.schema.keys:
                return self._check_key(siblings, element, schema, attributes)
            if operation in REMOVALS:
                _check_removed(element, schema)
                return self._remove_single(siblings, schema, operation, path)
            if schema.kind in INNER:
                return self._edit_container(siblings, element, schema, operation, path)
            return self._set_single(siblings, element, schema, operation, path)
        except DataError as error:
            if error.path is None:
                error.path = path
            raise

    def _set_single(
        self, siblings: Siblings, element: etree._Element, schema: SchemaNode, operation: str, path: InstancePath
    ) -> bool:
        """Operations on a leaf, anydata or anyxml (RFC 7950 sections 7.6.7, 7.10.4, 7.11.4) that leave it there."""
        old = siblings.children.get(schema)
        new = _read_any(element, schema) if schema.kind is not Kind.LEAF else Leaf(schema, leaf_text(element, schema))
        _require(operation, present=old is not None, schema=schema)
        if operation == "none":
            return False
        if isinstance(new, Leaf):
            new = Leaf(schema, self._stored(schema, new.text))
        if not _is_same(old, new):
            siblings.put(new)
            self._touch(siblings, path)
        return True

    def _remove_single(self, siblings: Siblings, schema: SchemaNode, operation: str, path: InstancePath) -> bool:
        present = schema in siblings.children
        _require(operation, present=siblings.is_removable(schema, present=present), schema=schema)
        if present:
            siblings.remove(schema)
            self._touch(siblings, path)
        return False

    def _edit_container(
        self, siblings: Siblings, element: etree._Element, schema: SchemaNode, operation: str, path: InstancePath
    ) -> bool:
        """RFC 7950 section 7.5.8."""
        old = siblings.children.get(schema)
        assert old is None or isinstance(old, Inner)
        _require(operation, present=old is not None, schema=schema, implicit=not schema.presence)
        kept = None if operation == "replace" else old
        below = Siblings(schema, {} if kept is None else kept.children, path, siblings.fresh or kept is None)
        children = self.edit_children(below, element, operation)
        if not children and not schema.presence:
            if old is not None:
                siblings.remove(schema)
                self._touch(siblings, path)
            return False
        if kept is None:
            self._touch(siblings, path)
        if kept is None or children is not kept.children:
            siblings.put(Inner(schema, children))
        return operation != "none" or old is None

    def _edit_entry(
        self,
        siblings: Siblings,
        element: etree._Element,
        schema: SchemaNode,
        attributes: EditAttributes,
        operation: str,
    ) -> bool:
        """RFC 7950 section 7.8.6."""
        key = _entry_key(element, schema)
        siblings.give_once(schema, key)
        path = siblings.path.child(schema, key)
        entries = siblings.entries(schema)
        old = entries.get(key)
        try:
            if operation in REMOVALS:
                _check_removed(element, schema)
                _require(operation, present=siblings.is_removable(schema, present=old is not None), schema=schema)
                if old is not None:
                    entries.delete(key)
                    self._touch(siblings, path)
                    self._touch_order(siblings, schema)
                return False
            _require(operation, present=old is not None, schema=schema)
            kept = None if operation == "replace" else old
            keys: dict[SchemaNode, Node] = {leaf: Leaf(leaf, text) for leaf, text in zip(schema.keys, key, strict=True)}
            below = Siblings(schema, keys if kept is None else kept.children, path, siblings.fresh or kept is None)
            children = self.edit_children(below, element, operation)
            if kept is None:
                self._touch(siblings, path)
            if kept is None or children is not kept.children:
                entries.put(key, Inner(schema, children, key))
            if attributes.insertion is not None:
                neighbour = _neighbour_entry(attributes.insertion, element, schema, entries)
                entries.move(key, attributes.insertion.place, neighbour)
                self._touch_order(siblings, schema)
        except DataError as error:
            if error.path is None:
                error.path = path
            raise
        return operation != "none"

    def _edit_value(
        self,
        siblings: Siblings,
        element: etree._Element,
        schema: SchemaNode,
        attributes: EditAttributes,
        operation: str,
    ) -> bool:
        """One value of a leaf-list (RFC 7950 section 7.7.9)."""
        text = leaf_text(element, schema)
        if operation not in REMOVALS and operation != "none":
            text = self._stored(schema, text)
        siblings.give_once(schema, text)
        values = siblings.values(schema)
        try:
            if operation in REMOVALS:
                _require(operation, present=siblings.is_removable(schema, present=text in values), schema=schema)
                if text in values:
                    values.delete(text)
                    self._touch(siblings, siblings.path.child(schema))
                return False
            _require(operation, present=text in values, schema=schema)
            if operation == "none":
                return False
            if text not in values:
                values.put(text, None)
                self._touch(siblings, siblings.path.child(schema))
            if attributes.insertion is not None:
                neighbour = _neighbour_value(attributes.insertion, element, schema, values)
                values.move(text, attributes.insertion.place, neighbour)
                self._touch(siblings, siblings.path.child(schema))
        except DataError as error:
            if error.path is None:
                error.path = siblings.path.child(schema, value=text)
            raise
        return True

    def _check_key(
        self, siblings: Siblings, element: etree._Element, schema: SchemaNode, attributes: EditAttributes
    ) -> bool:
        """A key goes with its entry: the only thing that can be said about it is that it is there."""
        if attributes.operation in REMOVALS or (attributes.operation == "create" and not siblings.fresh):
            raise BadAttributeError(
                f"The key {schema.name} can't be changed in its entry; give the operation to the entry.",
                bad_name="operation",
            )
        return False

    def _leave_other_cases(self, siblings: Siblings, schema: SchemaNode) -> None:
        for other in siblings.take_case(schema):
            siblings.exclude(other)
            self._touch(siblings, siblings.path.child(other))

    def _stored(self, schema: SchemaNode, text: str) -> str:
        """The text to store for a value that enters."""
        stored = self._rewrite(schema, text)
        if stored != text:
            self._rewritten += 1
            if self._rewritten > MAX_REWRITTEN:
                raise InvalidValueError(
                    f"Not more than {MAX_REWRITTEN} values like this {schema.name} can be set by one edit, because they"
                    " are not stored as they are given (passwords are hashed); set the others by another edit."
                )
        return stored

    def _touch(self, siblings: Siblings, path: InstancePath) -> None:
        if not siblings.fresh:
            self.touched[path] = None

    def _touch_order(self, siblings: Siblings, schema: SchemaNode) -> None:
        if schema.user_ordered:
            self._touch(siblings, siblings.path.child(schema))


def _require(operation: str, *, present: bool, schema: SchemaNode, implicit: bool = False) -> None:
    """Raise when the operation doesn't allow for the node being there, or not; `implicit` nodes are there even when
    they hold nothing."""
    if operation == "create" and present:
        raise DataExistsError(f"{schema.name} exists already; merge or replace it instead.")
    if operation == "delete" and not present:
        raise DataMissingError(f"{schema.name} does not exist; use remove where that doesn't matter.")
    if operation == "none" and not present and not implicit:
        raise DataMissingError(f"{schema.name} does not exist; create or merge it.")


def _is_same(old: Node | None, new: Leaf | AnyNode) -> bool:
    if isinstance(old, Leaf) and isinstance(new, Leaf):
        return old.text == new.text
    return isinstance(old, AnyNode) and isinstance(new, AnyNode) and old.xml == new.xml


def _read_any(element: etree._Element, schema: SchemaNode) -> AnyNode:
    """Without the edit's own attribute, which is no part of the data."""
    node = any_node(element, schema)
    if element.get(OPERATION) is None:
        return node
    # Parsed anew rather than copied: so it keeps the namespaces that only its content mentions.
    bare = etree.fromstring(node.xml)
    del bare.attrib[OPERATION]
    return any_node(bare, schema)


def _entry_key(element: etree._Element, schema: SchemaNode) -> Key:
    texts = []
    for leaf in schema.keys:
        found = element.findall(leaf.tag)
        if not found:
            raise missing_key(schema, leaf)
        if len(found) > 1:
            raise duplicate(leaf)
        texts.append(leaf_text(found[0], leaf))
    return tuple(texts)


def _neighbour_entry(
    insertion: Insertion, element: etree._Element, schema: SchemaNode, entries: Ordering[Key, Inner]
) -> Key | None:
    if insertion.neighbour is None:
        return None
    try:
        key = parse_key_predicates(insertion.neighbour, element.nsmap, schema)
    except DataError as error:
        raise BadAttributeError(error.message, bad_name="key") from None
    if key not in entries:
        raise _missing_neighbour("key", insertion.neighbour, schema)
    return key


def _neighbour_value(
    insertion: Insertion, element: etree._Element, schema: SchemaNode, values: Ordering[str, None]
) -> str | None:
    if insertion.neighbour is None:
        return None
    try:
        text = leaf_type(schema).canonical(insertion.neighbour, element.nsmap)
    except TypeViolation as violation:
        raise BadAttributeError(f"value is not one of {schema.name}: {violation.message}", bad_name="value") from None
    if text not in values:
        raise _missing_neighbour("value", insertion.neighbour, schema)
    return text


def _missing_neighbour(name: str, text: str, schema: SchemaNode) -> BadAttributeError:
    """RFC 7950 section 15.7."""
    return BadAttributeError(
        f"There is no {schema.name} {text} to insert before or after.", app_tag="missing-instance", bad_name=name
    )


def _check_removed(element: etree._Element, schema: SchemaNode) -> None:
    """What stands inside a removed node has no effect, but must be well-formed as an edit: known elements, and no
    operation that contradicts the removal."""
    if schema.kind is Kind.LEAF:
        if plain_text(element).strip():
            leaf_text(element, schema)
        return
    if schema.kind not in INNER and schema.kind is not Kind.LIST:
        return
    for child, child_schema in child_elements(element, schema):
        operation = read_attributes(child, child_schema).operation
        if operation is not None and operation not in REMOVALS:
            raise BadAttributeError(
                f"{child_schema.name} can't have operation {operation} inside of {schema.name}, which is removed.",
                bad_name="operation",
            )
        if not child_schema.config:
            raise BadElementError(f"{child_schema.name} is state data.", bad_name=child_schema.name)
        _check_removed(child, child_schema)
