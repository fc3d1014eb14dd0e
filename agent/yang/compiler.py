"""YANG modules -> Schema: pyang loads and validates, this compiles its statement trees into plain data.

In three steps: decide what is implemented and which features are on; build the nodes with their types; link what needs
all nodes (leafrefs, then defaults, whose canonical text may need a leafref's target).

pyang has expanded groupings, augments and deviations already. What it leaves to do here: if-feature, the `when`s that a
node inherits, types, and leaving out what modules that are only imported would add.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from agent.yang.errors import SchemaError
from agent.yang.linking import TargetMissingError, find_descendant, find_leafref_target, set_speaks_when_absent
from agent.yang.modules import LoadedModules, load_modules
from agent.yang.schema import SCHEMA_ONLY, Expression, Kind, Module, Schema, SchemaNode
from agent.yang.schema_modules import describe_modules, find_identities, implemented_with_targets
from agent.yang.statements import Features, Namespaces, Statement, argument, module_name, resolve_prefix
from agent.yang.type_compiler import TypeCompiler, typedef_substatement
from agent.yang.types import LeafrefType, TypeViolation

_KINDS: Final = {kind.value: kind for kind in Kind if kind is not Kind.ROOT}
_OPERATIONS: Final = frozenset({Kind.RPC, Kind.ACTION, Kind.NOTIFICATION})
#: input comes first, even where the module leaves it out.
_DIRECTIONS: Final = ("input", "output")
_DEFAULT_DENY: Final = {
    ("ietf-netconf-acm", "default-deny-write"): "write",
    ("ietf-netconf-acm", "default-deny-all"): "all",
}


def compile_schema(
    names: Sequence[str],
    search_path: Sequence[Path],
    features: Mapping[str, Collection[str]] | None = None,
) -> Schema:
    """The schema of a server that implements the modules called `names` ("module" or "module@revision").

    Modules that an implemented one augments, deviates or points a leafref into are implemented as well (RFC 7950
    section 5.6.5); others that are imported are in Schema.modules with implemented=False, and their features are off.
    `features` maps a module to its enabled features; all features of a module that is absent there are on.

    Raises SchemaError with pyang's messages if a module can't be found, read or compiled.
    """
    loaded = load_modules(names, search_path)
    implemented = frozenset(module.arg for module in loaded.requested)
    while True:
        build = _Build(loaded, implemented_with_targets(loaded, implemented), features or {})
        build.nodes()
        if not build.link_leafrefs():
            return build.finish()
        implemented = build.implemented | build.missing


class _Build:
    """The making of one schema with a given set of implemented modules.

    `missing` are modules that leafrefs point into and that must be implemented, too: then this build is of no use.
    """

    def __init__(
        self, loaded: LoadedModules, implemented: frozenset[str], features: Mapping[str, Collection[str]]
    ) -> None:
        self.implemented: Final = implemented
        self.missing: set[str] = set()
        self._statements = loaded.by_name()
        self._namespaces = Namespaces(
            {name: argument(statement, "namespace") or "" for name, statement in self._statements.items()}
        )
        self._features = Features(self._statements, implemented, features)
        self._modules = describe_modules(loaded, self._statements, implemented, self._features)
        self._root = SchemaNode(Kind.ROOT, "", Module("", "", "", None, "1.1", "", implemented=False))
        self._derived = find_identities(loaded, self._features)
        self._types = TypeCompiler(self._namespaces, self._features, self._root, self._derived, implemented)
        self._leafrefs: list[tuple[SchemaNode, LeafrefType]] = []
        self._defaults: list[tuple[SchemaNode, list[Statement]]] = []
        self._whens: dict[tuple[int, str], Expression] = {}

    def nodes(self) -> None:
        for name in self._statements:
            if name in self.implemented:
                self._children(self._statements[name], self._root, ())

    def link_leafrefs(self) -> set[str]:
        """Set all leafrefs' targets; returns `missing`. Raises SchemaError for a path that leads nowhere."""
        by_namespace = {module.namespace: module for module in self._modules.values()}
        for leaf, reference in self._leafrefs:
            try:
                reference.target = find_leafref_target(leaf, reference.path)
            except TargetMissingError as error:
                module = by_namespace.get(error.namespace)
                if module is None or module.implemented:
                    raise SchemaError(str(error)) from None
                self.missing.add(module.name)
        return self.missing

    def finish(self) -> Schema:
        for leaf, reference in self._leafrefs:
            _refuse_circle(leaf, reference)
        for node, statements in self._defaults:
            node.defaults = tuple(self._default(node, statement) for statement in statements)
        set_speaks_when_absent(self._root)
        by_namespace = {module.namespace: module for module in self._modules.values()}
        return Schema(self._root, self._modules, by_namespace, self._derived, content_id(self._modules.values()))

    # Nodes

    def _children(self, statement: Statement, parent: SchemaNode, inherited: tuple[Expression, ...]) -> None:
        """Build what is below `statement`; `inherited` are the whens of the choices and cases on the way."""
        children = getattr(statement, "i_children", ())
        if statement.keyword in ("rpc", "action"):
            children = sorted(children, key=lambda child: _DIRECTIONS.index(child.keyword))
        for child in children:
            if child.keyword in _KINDS and module_name(child) in self.implemented:
                self._node(child, parent, inherited)

    def _node(self, statement: Statement, parent: SchemaNode, inherited: tuple[Expression, ...]) -> None:
        augment = getattr(statement, "i_augment", None)
        if not self._features.allow(statement) or (augment is not None and not self._features.allow(augment)):
            return
        kind = _KINDS[statement.keyword]
        module = self._modules[module_name(statement)]
        node = SchemaNode(kind, statement.arg, module, parent, tag=f"{{{module.namespace}}}{statement.arg}")
        node.config = _config(statement, node)
        node.description = argument(statement, "description")
        node.status = argument(statement, "status") or "current"
        node.presence = statement.search_one("presence") is not None
        node.mandatory = argument(statement, "mandatory") == "true"
        node.musts = tuple(self._namespaces.expression(must, module.namespace) for must in statement.search("must"))
        node.whens = inherited + self._own_whens(statement, augment, node)
        node.default_deny = next(
            (deny for keyword, deny in _DEFAULT_DENY.items() if statement.search_one(keyword) is not None), None
        )
        if kind in (Kind.LEAF, Kind.LEAF_LIST):
            self._leaf(statement, node)
        else:
            self._children(statement, node, node.whens if kind in SCHEMA_ONLY else ())
        if kind is Kind.CASE and not hasattr(statement, "i_orig_module") and not node.children:
            return  # the case that was made for a shorthand, whose only node if-feature has left out
        _insert(node, parent)
        if kind in (Kind.LIST, Kind.LEAF_LIST):
            self._list_properties(statement, node)
        if kind is Kind.LIST:
            self._keys_and_unique(statement, node)
        if kind is Kind.CHOICE:
            node.default_case = _default_case(statement, node)

    def _own_whens(self, statement: Statement, augment: Statement | None, node: SchemaNode) -> tuple[Expression, ...]:
        """The node's own whens and those of its augment and uses, with the context each has (RFC 7950 7.21.5)."""
        found = []
        for when in statement.search("when"):
            foreign = node.kind in SCHEMA_ONLY or getattr(when, "i_origin", None) == "uses"
            found.append(self._namespaces.expression(when, node.module.namespace, int(foreign)))
        for when in augment.search("when") if augment is not None else ():
            # One object for all nodes of the augment: they share the context node and thereby the verdict.
            shared = (id(when), node.module.namespace)
            if shared not in self._whens:
                self._whens[shared] = self._namespaces.expression(when, node.module.namespace, 1)
            found.append(self._whens[shared])
        return tuple(found)

    def _leaf(self, statement: Statement, node: SchemaNode) -> None:
        type_statement = statement.search_one("type")
        node.type = self._types.compile(type_statement, node.module.namespace)
        self._leafrefs.extend((node, member) for member in node.type.find_members() if isinstance(member, LeafrefType))
        units = statement.search_one("units") or typedef_substatement(type_statement, "units")
        node.units = units.arg if units is not None else None
        defaults = statement.search("default")
        if not defaults and not node.mandatory and argument(statement, "min-elements") in (None, "0"):
            inherited = typedef_substatement(type_statement, "default")
            defaults = [inherited] if inherited is not None else []
        if defaults:
            self._defaults.append((node, defaults))

    def _default(self, node: SchemaNode, statement: Statement) -> str:
        assert node.type is not None
        try:
            return node.type.canonical_in_schema(statement.arg, self._namespaces.scope(statement))
        except TypeViolation as error:
            raise SchemaError(f"{statement.pos}: the default of {node.path}: {error.message}") from None

    def _list_properties(self, statement: Statement, node: SchemaNode) -> None:
        node.user_ordered = argument(statement, "ordered-by") == "user"
        node.min_elements = int(argument(statement, "min-elements") or 0)
        highest = argument(statement, "max-elements") or "unbounded"
        node.max_elements = None if highest == "unbounded" else int(highest)

    def _keys_and_unique(self, statement: Statement, node: SchemaNode) -> None:
        names = [name.rpartition(":")[2] for name in (argument(statement, "key") or "").split()]
        node.keys = tuple(node.children[node.module.name, name] for name in names)
        # A key is always there: neither a default of its type nor "mandatory" means anything (RFC 7950 7.8.2).
        self._defaults = [entry for entry in self._defaults if entry[0] not in node.keys]
        node.unique = tuple(
            tuple(self._unique_path(node, unique, path) for path in unique.arg.split())
            for unique in statement.search("unique")
        )

    def _unique_path(self, node: SchemaNode, unique: Statement, path: str) -> tuple[SchemaNode, ...]:
        steps = [resolve_prefix(unique, step) if ":" in step else (node.module.name, step) for step in path.split("/")]
        try:
            return find_descendant(node, steps)
        except KeyError:
            raise SchemaError(f"{unique.pos}: unique names {path!r}, which is not in the list") from None


def _config(statement: Statement, node: SchemaNode) -> bool:
    """Inherited, and never True below an operation, where config statements are ignored (RFC 7950 7.21.1)."""
    assert node.parent is not None
    if node.kind in _OPERATIONS or not node.parent.config:
        return False
    return argument(statement, "config") != "false"


def _insert(node: SchemaNode, parent: SchemaNode) -> None:
    """Make `node` known to its schema parent and, if it is in the data, to its data parent."""
    parent.children[node.module.name, node.name] = node
    owner = node.data_parent
    if node.kind in SCHEMA_ONLY or owner is None:
        return
    if node.kind in _OPERATIONS:
        owner.operations[node.tag] = node
    else:
        node.position = len(owner.data_children)
        owner.data_children[node.tag] = node


def _default_case(statement: Statement, node: SchemaNode) -> tuple[str, str] | None:
    name = argument(statement, "default")
    if name is None:
        return None
    local = name.rpartition(":")[2]
    return next((key for key in node.children if key[1] == local), None)


def _refuse_circle(leaf: SchemaNode, reference: LeafrefType) -> None:
    """Raise SchemaError if following leafrefs from here never ends."""
    seen = {leaf}
    target = reference.target
    while isinstance(target.type, LeafrefType):
        if target in seen:
            raise SchemaError(f"{leaf.path}: the leafref refers to itself")
        seen.add(target)
        target = target.type.target


def content_id(modules: Collection[Module]) -> str:
    """RFC 8525's content-id: equal for equal module sets, whatever their order."""
    described = sorted(
        [
            module.name,
            module.revision or "",
            module.namespace,
            module.implemented,
            sorted(module.features),
            sorted(module.deviated_by),
            sorted([name, revision or ""] for name, revision, _ in module.submodules),
        ]
        for module in modules
    )
    return hashlib.sha256(json.dumps(described, separators=(",", ":")).encode()).hexdigest()
