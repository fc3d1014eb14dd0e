"""leafref, identityref and instance-identifier (RFC 7950 sections 9.9, 9.10 and 9.13).

Texts of identityref and instance-identifier carry module names for prefixes, as RFC 7951 has them. paths.py, which
reads and writes paths, needs the types itself and is therefore imported where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from agent.yang.errors import DataError
from agent.yang.schema import Expression, Kind, SchemaNode
from agent.yang.tree import InstancePath, Step
from agent.yang.types.base import NamespaceMap, Type, TypeViolation, name_list, shown


class LeafrefType(Type):
    """A value of another leaf. All forms are those of the target's type.

    `target` is set once, when the schema is linked. `path` is the leafref's path as an XPath expression whose context
    node is the leaf itself.
    """

    base = "leafref"
    target: SchemaNode

    def __init__(self, path: Expression, require_instance: bool) -> None:
        self.path: Final = path
        self.require_instance: Final = require_instance

    @property
    def target_type(self) -> Type:
        """The type that the value has in the end, through leafrefs to leafrefs."""
        found = self.target.type
        assert found is not None
        return found.target_type if isinstance(found, LeafrefType) else found

    def expectation(self) -> str:
        return self.target_type.expectation()

    def canonical(self, lexical: str, nsmap: NamespaceMap) -> str:
        return self.target_type.canonical(lexical, nsmap)

    def canonical_in_schema(self, lexical: str, nsmap: NamespaceMap) -> str:
        return self.target_type.canonical_in_schema(lexical, nsmap)

    def is_canonical(self, text: str) -> bool:
        return self.target_type.is_canonical(text)

    def to_xml(self, text: str, prefix_for: Callable[[str], str]) -> str:
        return self.target_type.to_xml(text, prefix_for)

    def from_json(self, value: object, module: str) -> str:
        return self.target_type.from_json(value, module)

    def to_json(self, text: str) -> object:
        return self.target_type.to_json(text)

    def from_python(self, value: object) -> str:
        return self.target_type.from_python(value)

    def to_python(self, text: str) -> Any:
        return self.target_type.to_python(text)


class IdentityrefType(Type):
    """An identity derived from all of `bases` and defined in an implemented module (RFC 7950 section 9.10.2).

    `identities` maps (namespace, name) to text, "module:name"; `bases` are the bases' texts.
    """

    base = "identityref"

    def __init__(self, bases: tuple[str, ...], identities: Mapping[tuple[str, str], str]) -> None:
        self.bases: Final = bases
        self.identities: Final = dict(identities)
        self._texts: Final = dict.fromkeys(self.identities.values())

    def expectation(self) -> str:
        if not self._texts:
            return f"an identity derived from {' and '.join(self.bases)}, of which this server has none"
        return f"one of the identities: {name_list(self._texts)} (module:identity)"

    def canonical(self, lexical: str, nsmap: NamespaceMap) -> str:
        prefix, separator, name = lexical.rpartition(":")
        scope = prefix if separator else None
        text = self.identities.get((nsmap.get(scope, ""), name))
        if text is not None:
            return text
        if scope is not None and scope not in nsmap:
            raise TypeViolation(f"the prefix {shown(scope)} is not declared here: expected {self.expectation()}")
        raise self.violation(lexical)

    def is_canonical(self, text: str) -> bool:
        return text in self._texts

    def to_xml(self, text: str, prefix_for: Callable[[str], str]) -> str:
        module, _, name = text.partition(":")
        return f"{prefix_for(module)}:{name}"

    def from_json(self, value: object, module: str) -> str:
        text = self._text(value)
        return self.from_python(text if ":" in text else f"{module}:{text}")

    def from_python(self, value: object) -> str:
        text = self._text(value)
        if text not in self._texts:
            raise self.violation(text)
        return text


class InstanceIdentifierType(Type):
    """A path to exactly one node. `root` is the schema's root, below which the nodes are."""

    base = "instance-identifier"

    def __init__(self, require_instance: bool, root: SchemaNode) -> None:
        self.require_instance: Final = require_instance
        self._root: Final = root

    def expectation(self) -> str:
        return "a path to one node, such as /prefix:container/prefix:list[prefix:key='value']"

    def canonical(self, lexical: str, nsmap: NamespaceMap) -> str:
        from agent.yang.paths import parse_instance_identifier

        return self._text_of(lexical, lambda: parse_instance_identifier(lexical, nsmap, self._root))

    def is_canonical(self, text: str) -> bool:
        try:
            return self.from_python(text) == text
        except TypeViolation:
            return False

    def to_xml(self, text: str, prefix_for: Callable[[str], str]) -> str:
        from agent.yang.paths import parse, quote

        written = []
        for step in parse(text, self._root):
            prefix = prefix_for(step.schema.module.name)
            written.append(f"/{prefix}:{step.schema.name}")
            if step.value is not None:
                written.append(f"[.={quote(_leaf_xml(step.schema, step.value, prefix_for))}]")
            elif step.key is not None and not step.schema.keys:
                written.append(f"[{step.key[0]}]")
            else:
                for leaf, key in zip(step.schema.keys, step.key or (), strict=False):
                    written.append(f"[{prefix}:{leaf.name}={quote(_leaf_xml(leaf, key, prefix_for))}]")
        return "".join(written)

    def from_json(self, value: object, module: str) -> str:
        return self.from_python(value)

    def from_python(self, value: object) -> str:
        from agent.yang.paths import parse

        text = self._text(value)
        if not text.startswith("/"):
            raise self.violation(text)
        return self._text_of(text, lambda: parse(text, self._root))

    def _text_of(self, written: str, read: Callable[[], InstancePath]) -> str:
        from agent.yang.paths import to_text

        try:
            path = read()
        except DataError as error:
            raise TypeViolation(f"{error.message} (expected {self.expectation()})") from None
        if not path or any(map(_names_many, path)):
            raise self.violation(written)
        return to_text(path)


def _names_many(step: Step) -> bool:
    """Whether a step stands for all entries of a list or all values of a leaf-list."""
    return (step.schema.kind is Kind.LIST and step.key is None) or (
        step.schema.kind is Kind.LEAF_LIST and step.value is None
    )


def _leaf_xml(leaf: SchemaNode, text: str, prefix_for: Callable[[str], str]) -> str:
    assert leaf.type is not None
    return leaf.type.to_xml(text, prefix_for)
