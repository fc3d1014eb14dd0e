"""Instance paths as text: "/module:list[name='x']/leaf", and as they appear in XML.

Three notations, one grammar (RFC 7950 sections 9.13 and 14, RFC 7951 section 6.11):

    to_text, parse              module names as prefixes, written only where the module changes
    parse_instance_identifier   XML: every name has a prefix that the element's namespaces bind
    to_xml, to_xpath            XML: every name has a prefix; the caller binds them, or gets the bindings as well

A value that holds both kinds of quotes is written with XPath's concat(), which all of them read. Paths come from
clients: their length and depth are limited, and a path that doesn't fit the schema is an error, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from agent.yang.building import leaf_type
from agent.yang.errors import InvalidValueError, UnknownElementError
from agent.yang.names import known_modules, member_name, members, module_namespaces
from agent.yang.schema import INNER, Kind, Module, SchemaNode
from agent.yang.tree import InstancePath, Key, Step
from agent.yang.types import TypeViolation

#: Longest path text that is read, in characters.
MAX_PATH_LENGTH: Final = 65_536
#: Most steps in a path that is read; no schema that we know is deeper than 20.
MAX_STEPS: Final = 128

_NAME = re.compile(r"(?:([A-Za-z_][\w.\-]*):)?([A-Za-z_][\w.\-]*)", re.ASCII)
_SPACE = re.compile(r"[ \t\r\n]*")
_LITERAL = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_POSITION = re.compile(r"[1-9][0-9]*")

#: Canonical text of what a predicate says about a leaf; raises TypeViolation.
_Canonical = Callable[[SchemaNode, str], str]
#: Finds the child that a name with an optional prefix means; raises UnknownElementError or InvalidValueError.
_Resolve = Callable[[SchemaNode, str | None, str], SchemaNode]


def to_text(path: InstancePath) -> str:
    """The path with module names as prefixes; "/" is the root."""
    text = []
    parent: SchemaNode | None = None
    for step in path:
        text.append("/" + member_name(step.schema, parent))
        text += (f"[{name}={quote(value)}]" for name, value in _predicates(step))
        text += _position(step)
        parent = step.schema
    return "".join(text) or "/"


def to_xml(path: InstancePath, prefix_for: Callable[[str], str]) -> str:
    """The path with XML prefixes; `prefix_for(module name)` declares a prefix and returns it."""
    text = []
    for step in path:
        prefix = prefix_for(step.schema.module.name)
        text.append(f"/{prefix}:{step.schema.name}")
        if step.value is not None:
            text.append(f"[.={quote(_lexical(step.schema, step.value, prefix_for))}]")
        text += (
            f"[{prefix_for(leaf.module.name)}:{leaf.name}={quote(_lexical(leaf, value, prefix_for))}]"
            for leaf, value in zip(step.schema.keys, step.key or (), strict=False)
        )
        text += _position(step)
    return "".join(text) or "/"


def to_xpath(path: InstancePath) -> tuple[str, dict[str, str]]:
    """The path as XPath with XML prefixes, and the namespace of each prefix (rpc-error's error-path)."""
    if not path:
        return "/", {}
    modules = {module.name: module for module in known_modules(path[0].schema).values()}
    bound: dict[str, str] = {}

    def prefix_for(name: str) -> str:
        return bind_prefix(bound, modules[name])

    return to_xml(path, prefix_for), bound


def bind_prefix(bound: dict[str, str], module: Module) -> str:
    """The module's own prefix, or one like it where another module has taken that; noted in `bound` (prefix ->
    namespace)."""
    prefix, number = module.prefix, 1
    while bound.setdefault(prefix, module.namespace) != module.namespace:
        number += 1
        prefix = f"{module.prefix}{number}"
    return prefix


def parse(text: str, root: SchemaNode, *, max_length: int | None = MAX_PATH_LENGTH) -> InstancePath:
    """Read what `to_text` writes. The leading "/" may be left out, for a path relative to `root`.

    A list without any key predicate is the whole list. Raises UnknownElementError for a name that the schema hasn't,
    InvalidValueError for anything else.
    """
    if text in ("", "/"):
        return InstancePath()
    reader = _Reader(text, _resolve_by_module, _read_text, max_length)
    reader.skip("/")
    return reader.read(root)


def parse_instance_identifier(text: str, nsmap: Mapping[str | None, str], root: SchemaNode) -> InstancePath:
    """Read an instance-identifier in its XML form, where every name has a prefix (RFC 7950 section 9.13.2).

    Raises as `parse` does.
    """
    # The default namespace doesn't count here, even where one is declared.
    prefixes: dict[str | None, str] = {prefix: namespace for prefix, namespace in nsmap.items() if prefix is not None}
    reader = _Reader(text, _by_namespace(prefixes), _read_lexical(nsmap), MAX_PATH_LENGTH)
    reader.require("/")
    return reader.read(root)


def parse_key_predicates(text: str, nsmap: Mapping[str | None, str], schema: SchemaNode) -> Key:
    """Read the value of a `yang:key` attribute, "[p:name='x'][p:other='y']" (RFC 7950 section 7.8.6).

    A name without a prefix is taken as one of the list's own. Raises as `parse` does.
    """

    def resolve(parent: SchemaNode, prefix: str | None, name: str) -> SchemaNode:
        return _by_namespace(nsmap if prefix is not None else {None: schema.module.namespace})(parent, prefix, name)

    reader = _Reader(text, resolve, _read_lexical(nsmap), MAX_PATH_LENGTH)
    key = reader.read_predicates(schema).key
    reader.require_end()
    if key is None:
        reader.fail("it must name all keys of the entry")
    return key


def quote(value: str) -> str:
    """`value` as an XPath 1.0 expression: a literal, or concat() of literals when it holds both kinds of quotes."""
    if "'" not in value:
        return f"'{value}'"
    if '"' not in value:
        return f'"{value}"'
    parts = re.findall(r"[^']+|'+", value)
    return "concat(" + ",".join(f'"{part}"' if part[0] == "'" else f"'{part}'" for part in parts) + ")"


def _predicates(step: Step) -> list[tuple[str, str]]:
    """The key or value predicates of a step as (name, text)."""
    if step.value is not None:
        return [(".", step.value)]
    return [
        (member_name(leaf, step.schema), text) for leaf, text in zip(step.schema.keys, step.key or (), strict=False)
    ]


def _lexical(leaf: SchemaNode, text: str, prefix_for: Callable[[str], str]) -> str:
    return text if leaf.type is None else leaf.type.to_xml(text, prefix_for)


def _position(step: Step) -> list[str]:
    return [f"[{step.key[0]}]"] if step.key and not step.schema.keys else []


def _resolve_by_module(parent: SchemaNode, prefix: str | None, name: str) -> SchemaNode:
    child = members(parent).get(name if prefix is None else f"{prefix}:{name}")
    if child is None:
        raise UnknownElementError(f"There is no {name} here in the schema; check its name and module.", bad_name=name)
    return child


def _by_namespace(nsmap: Mapping[str | None, str]) -> _Resolve:
    def resolve(parent: SchemaNode, prefix: str | None, name: str) -> SchemaNode:
        namespace = nsmap.get(prefix)
        if namespace is None:
            what = f"the prefix {prefix!r} is not declared" if prefix else f"{name} must have a prefix"
            raise InvalidValueError(f"Not an instance path: {what}.", bad_name=name)
        tag = f"{{{namespace}}}{name}"
        child = parent.data_children.get(tag) or parent.operations.get(tag)
        if child is None:
            raise UnknownElementError(f"There is no {name} in namespace {namespace} here.", bad_name=name)
        return child

    return resolve


def _read_text(leaf: SchemaNode, text: str) -> str:
    """Canonical text, or something like it that a person wrote."""
    value_type = leaf_type(leaf)
    return text if value_type.is_canonical(text) else value_type.canonical(text, module_namespaces(leaf))


def _read_lexical(nsmap: Mapping[str | None, str]) -> _Canonical:
    return lambda leaf, lexical: leaf_type(leaf).canonical(lexical, nsmap)


class _Reader:
    """A cursor over the text of one path."""

    def __init__(
        self,
        text: str,
        resolve: _Resolve,
        canonical: _Canonical,
        max_length: int | None,
    ) -> None:
        if max_length is not None and len(text) > max_length:
            raise InvalidValueError(f"An instance path may have at most {max_length} characters.")
        self._text = text
        self._at = 0
        self._resolve = resolve
        self._read_value_of = canonical

    def fail(self, reason: str) -> NoReturn:
        raise InvalidValueError(f"Not an instance path: {reason} (character {self._at + 1}).")

    def skip(self, token: str) -> bool:
        """Go over `token` if it is next."""
        if not self._text.startswith(token, self._at):
            return False
        self._at += len(token)
        return True

    def require(self, token: str) -> None:
        if not self.skip(token):
            self.fail(f"{token!r} was expected")

    def require_end(self) -> None:
        if self._at != len(self._text):
            self.fail("unexpected text")

    def read(self, root: SchemaNode) -> InstancePath:
        steps: list[Step] = []
        parent = root
        while True:
            steps.append(self._read_step(parent))
            if len(steps) > MAX_STEPS:
                self.fail(f"more than {MAX_STEPS} steps")
            parent = steps[-1].schema
            if not self.skip("/"):
                break
            if parent.kind is not Kind.LIST and parent.kind not in INNER:
                self.fail(f"{parent.name} has nothing below it")
            if parent.kind is Kind.LIST and steps[-1].key is None:
                self.fail(f"{parent.name} needs its keys before anything below it can be named")
        self.require_end()
        return InstancePath(steps)

    def read_predicates(self, schema: SchemaNode) -> Step:
        """The step for `schema` with the predicates that follow."""
        keys: dict[SchemaNode, str] = {}
        value = position = None
        while self.skip("["):
            if position is not None or value is not None:
                self.fail("one predicate too many")
            self._space()
            position = self._match_position(schema)
            if position is None:
                leaf = self._predicate_leaf(schema)
                self._space()
                self.require("=")
                self._space()
                text = self._canonical(leaf, self._read_value())
                if leaf is schema:
                    value = text
                elif leaf in keys:
                    self.fail(f"{leaf.name} is given twice")
                else:
                    keys[leaf] = text
            self._space()
            self.require("]")
        if keys and len(keys) != len(schema.keys):
            self.fail(f"{schema.name} needs all its keys: " + ", ".join(leaf.name for leaf in schema.keys))
        key = (position,) if position is not None else tuple(keys[leaf] for leaf in schema.keys) if keys else None
        return Step(schema, key, value)

    def _read_step(self, parent: SchemaNode) -> Step:
        return self.read_predicates(self._resolve(parent, *self._name()))

    def _name(self) -> tuple[str | None, str]:
        match = _NAME.match(self._text, self._at)
        if match is None:
            self.fail("a name was expected")
        self._at = match.end()
        return match[1], match[2]

    def _space(self) -> None:
        match = _SPACE.match(self._text, self._at)
        assert match is not None
        self._at = match.end()

    def _match_position(self, schema: SchemaNode) -> str | None:
        match = _POSITION.match(self._text, self._at)
        if match is None:
            return None
        if schema.kind is not Kind.LIST or schema.keys:
            self.fail("a position is only for the entries of a list without keys")
        self._at = match.end()
        return match[0]

    def _predicate_leaf(self, schema: SchemaNode) -> SchemaNode:
        if self.skip("."):
            if schema.kind is not Kind.LEAF_LIST:
                self.fail(f"{schema.name} is not a leaf-list")
            return schema
        if schema.kind is not Kind.LIST:
            self.fail(f"{schema.name} is not a list")
        leaf = self._resolve(schema, *self._name())
        if leaf not in schema.keys:
            self.fail(f"{leaf.name} is not a key of {schema.name}")
        return leaf

    def _read_value(self) -> str:
        if not self.skip("concat("):
            return self._literal()
        parts = []
        while True:
            self._space()
            parts.append(self._literal())
            self._space()
            if not self.skip(","):
                break
        self.require(")")
        return "".join(parts)

    def _literal(self) -> str:
        match = _LITERAL.match(self._text, self._at)
        if match is None:
            self.fail("a quoted value was expected")
        self._at = match.end()
        return match[1] if match[1] is not None else match[2]

    def _canonical(self, leaf: SchemaNode, lexical: str) -> str:
        try:
            return self._read_value_of(leaf, lexical)
        except TypeViolation as violation:
            raise InvalidValueError(
                f"The value of {leaf.name} in the path is not allowed: {violation.message}",
                app_tag=violation.app_tag,
                bad_name=leaf.name,
            ) from None
