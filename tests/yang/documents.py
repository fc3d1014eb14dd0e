"""Random configuration documents for a compiled schema, and small random damage to them.

About half of the documents are meant to break some rule: the values of references are drawn from a few words so that
they sometimes meet, choices are sometimes made twice, mandatory nodes sometimes left out.
"""

from __future__ import annotations

import random

from lxml import etree

from agent.yang.errors import ValidationFailure
from agent.yang.schema import Kind, Schema, SchemaNode
from agent.yang.tree import Draft, Inner, InstancePath, lookup
from agent.yang.types import (
    BitsType,
    EnumerationType,
    IdentityrefType,
    InstanceIdentifierType,
    LeafrefType,
    Type,
    TypeViolation,
)
from agent.yang.validation import Validator
from agent.yang.xml_codec import decode

WORDS = ["a", "b", "c", "xmlish", "one", "two", "A-1"]
LEXICALS = [
    *WORDS, *map(str, (0, 1, 2, 3, 4, 5, 7, 10, 13, 20, 22, 40, 60, 99, 100, 128, 200, 255, 512, 830)),
    *("1024", "1500", "2048"),
    *("4096", "16384", "65535", "100000", "-1", "-200", "1.2", "0.5", "3.14", "1000.5", "true", "false", "", "0.0.0.0"),
    *("10.0.0.1", "192.0.2.7", "10.0.0.0/8", "::1", "2001:db8::/32", "host.example", "AAAA", "AQID", "*", "24", "64"),
    *("2026-01-31T12:00:00Z", "00:11:22:33:44:55", "Ab_1", "Z", "eth0", "rsa", "ff:ee", "/x", "$0$secret", "CN=a"),
    *("100.5", "read write", "x" * 30, "urn:a", "1.3.6", "UTC", "Europe/Paris", "http://a/b", "ssh-rsa"),
]  # fmt: skip


class DocumentMaker:
    """Makes <config> elements for one schema."""

    def __init__(self, schema: Schema, tops: list[SchemaNode], rng: random.Random, *, density: float = 0.5) -> None:
        self._schema = schema
        self._tops = tops
        self._rng = rng
        self._density = density
        self._nsmap = {module.name: module.namespace for module in schema.modules.values()}
        self._candidates: dict[Type, list[str]] = {}
        self._spoil = 0.0

    def make(self) -> etree._Element:
        rng = self._rng
        self._spoil = rng.choice([0.0, 0.0, 0.002, 0.01])
        self._thin = rng.choice([1.0, 1.0, 0.5, 0.2])
        config = etree.Element("config", nsmap=self._nsmap)
        for top in self._tops:
            if len(self._tops) == 1 or rng.random() < 0.7:
                self._add(config, top)
        self._aim_references(config)
        for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
            damage(config, rng)
        drop_empty(config, self._schema.root)
        return config

    def _children(self, parent: etree._Element, schema: SchemaNode, skip: set[SchemaNode]) -> None:
        for child in schema.children.values():
            if child.config and child not in skip:
                self._maybe(parent, child)

    def _maybe(self, parent: etree._Element, schema: SchemaNode) -> None:
        rng = self._rng
        wanted = schema.mandatory or schema.min_elements or (schema.kind is Kind.CONTAINER and _needs_content(schema))
        if rng.random() >= (1 - self._spoil if wanted else self._density * self._thin):
            return
        if schema.kind is Kind.CHOICE:
            cases = list(schema.children.values())
            for case in rng.sample(cases, 2 if len(cases) > 1 and rng.random() < self._spoil else 1) if cases else ():
                self._children(parent, case, set())
        else:
            self._add(parent, schema)

    def _add(self, parent: etree._Element, schema: SchemaNode) -> None:
        rng = self._rng
        if schema.kind is Kind.CONTAINER:
            self._children(etree.SubElement(parent, schema.tag), schema, set())
        elif schema.kind is Kind.LIST:
            self._add_entries(parent, schema)
        elif schema.kind is Kind.LEAF:
            self._value(etree.SubElement(parent, schema.tag), schema)
        elif schema.kind is Kind.LEAF_LIST:
            values = {self._lexical(schema.type) for _ in range(self._count(schema))}
            for value in sorted(values, key=lambda _: rng.random()):
                etree.SubElement(parent, schema.tag).text = value
        elif schema.kind in (Kind.ANYDATA, Kind.ANYXML):
            etree.SubElement(etree.SubElement(parent, schema.tag), "{urn:any}x").text = "1"

    def _count(self, schema: SchemaNode) -> int:
        low = schema.min_elements
        high = schema.max_elements if schema.max_elements is not None else low + 3
        if self._rng.random() < self._spoil:
            return max(1, low - 1) if self._rng.random() < 0.5 else high + 1
        return self._rng.randint(max(low, 1), max(1, min(high, low + 3)))

    def _add_entries(self, parent: etree._Element, schema: SchemaNode) -> None:
        seen: set[tuple[str, ...]] = set()
        for _ in range(self._count(schema)):
            key = tuple(self._lexical(leaf.type) for leaf in schema.keys)
            if key in seen and self._rng.random() > self._spoil:
                continue
            seen.add(key)
            entry = etree.SubElement(parent, schema.tag)
            for leaf, text in zip(schema.keys, key, strict=True):
                etree.SubElement(entry, leaf.tag).text = text
            self._children(entry, schema, set(schema.keys))

    def _value(self, element: etree._Element, schema: SchemaNode) -> None:
        element.text = self._rng.choice(LEXICALS) if self._rng.random() < self._spoil else self._lexical(schema.type)

    def _lexical(self, type_: Type) -> str:
        members = list(type_.find_members())
        member = self._rng.choice(members)
        if isinstance(member, LeafrefType):
            return self._lexical(member.target_type)
        if isinstance(member, InstanceIdentifierType):
            return "/" + self._tops[0].module.name + ":" + self._tops[0].name
        known = self._candidates.get(member)
        if known is None:
            known = self._candidates[member] = _candidates(member, self._nsmap)
        return self._rng.choice(known or [""])

    def _aim_references(self, config: etree._Element) -> None:
        """Let most leafrefs and instance-identifiers meet something."""
        by_tag: dict[str, list[etree._Element]] = {}
        for element in config.iter():
            by_tag.setdefault(element.tag, []).append(element)
        for schema in _leaves(self._tops):
            if schema.is_key:
                continue
            for element in by_tag.get(schema.tag, ()):
                for member in schema.type.find_members():
                    if isinstance(member, LeafrefType) and self._rng.random() < 0.97:
                        targets = by_tag.get(member.target.tag)
                        if targets:
                            element.text = self._rng.choice(targets).text
                    elif isinstance(member, InstanceIdentifierType) and self._rng.random() < 0.9:
                        element.text = _xpath_of(self._rng.choice(self._rng.choice(list(by_tag.values()))), self._nsmap)


def damage(config: etree._Element, rng: random.Random) -> None:
    """One random change that often, but not always, makes a document invalid."""
    elements = [element for element in config.iter() if element is not config]
    if not elements:
        return
    element = rng.choice(elements)
    kind = rng.randrange(4)
    if kind == 0:
        element.getparent().remove(element)
    elif kind == 1 and not len(element):
        element.text = rng.choice(LEXICALS)
    elif kind == 2:
        others = [other for other in elements if other.tag == element.tag and not len(other)]
        if others and not len(element):
            element.text = rng.choice(others).text
    elif len(element) > 1:
        element.remove(rng.choice(list(element)))


def drop_empty(parent: etree._Element, schema: SchemaNode) -> None:
    """Remove containers without presence that have nothing in them. They mean nothing (RFC 7950 section 7.5.1), and
    libyang 4.5.5 crashes on one with a false `when`."""
    for element in list(parent):
        child = schema.data_children.get(element.tag)
        if child is None or child.kind not in (Kind.CONTAINER, Kind.LIST):
            continue
        drop_empty(element, child)
        if len(element) == 0 and child.kind is Kind.CONTAINER and not child.presence and not element.text:
            parent.remove(element)


def _leaves(schemas: list[SchemaNode]):
    for schema in schemas:
        if schema.kind in (Kind.LEAF, Kind.LEAF_LIST):
            yield schema
        yield from _leaves(list(schema.data_children.values()))


def _candidates(type_: Type, nsmap: dict[str, str]) -> list[str]:
    if isinstance(type_, EnumerationType):
        return list(type_.values)
    if isinstance(type_, BitsType):
        names = list(type_.positions)
        return ["", *names, " ".join(names[:2])]
    if isinstance(type_, IdentityrefType):
        return list(type_.identities.values())
    found = []
    for lexical in LEXICALS:
        try:
            type_.canonical(lexical, nsmap)
        except TypeViolation:
            continue
        found.append(lexical)
    return found


def _xpath_of(element: etree._Element, nsmap: dict[str, str]) -> str:
    """An instance-identifier of an element, with all leaf children that could be keys left out: containers only."""
    prefixes = {namespace: prefix for prefix, namespace in nsmap.items()}
    steps = []
    while element.getparent() is not None:
        name = etree.QName(element)
        steps.append(f"/{prefixes.get(name.namespace, 'x')}:{name.localname}")
        element = element.getparent()
    return "".join(reversed(steps))


def _needs_content(schema: SchemaNode) -> bool:
    return not schema.presence and any(
        child.mandatory or child.min_elements or (child.kind is Kind.CONTAINER and _needs_content(child))
        for child in schema.children.values()
        if child.config
    )


def read(config: etree._Element, schema: Schema) -> Inner:
    return decode(config, schema.root, config_only=True)


def repaired(root: Inner, validator: Validator, *, rounds: int = 30) -> Inner | None:
    """The tree without what validation complains about; None if that can't be reached by removing nodes."""
    for _ in range(rounds):
        try:
            validator.validate(root)
        except ValidationFailure as failure:
            for error in failure.errors:
                path = error.path if lookup(root, error.path) is not None else error.path.parent
                if lookup(root, path) is not None:
                    root = without(root, path)
        else:
            return root
    return None


def without(root: Inner, path: InstancePath) -> Inner:
    """The tree without the node at `path` (a key: without its entry; a value: without its leaf-list)."""
    if path and path[-1].schema.is_key:
        path = path.parent
    if not path:
        return root
    draft = Draft(root)
    step, path = path[-1], path.parent
    parent = draft.descend(path)
    if step.key is not None:
        draft.remove_entry(parent, step.schema, step.key)
    else:
        draft.remove(parent, step.schema)
    while path and path[-1].key is None and not path[-1].schema.presence and not draft.descend(path).children:
        step, path = path[-1], path.parent
        draft.remove(draft.descend(path), step.schema)
    return draft.freeze()
