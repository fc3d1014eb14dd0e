"""What a compiled schema is: plain data, made once by compiler.py and never changed afterwards.

Everything that a data tree, a codec, an edit or a validation asks of a schema is an attribute here, so that nothing at
run time looks at pyang's statements. Schema nodes compare by identity and serve as dictionary keys.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.yang.types import Type


class Kind(enum.Enum):
    """The statement that a schema node comes from."""

    ROOT = "root"
    CONTAINER = "container"
    LIST = "list"
    LEAF = "leaf"
    LEAF_LIST = "leaf-list"
    CHOICE = "choice"
    CASE = "case"
    ANYDATA = "anydata"
    ANYXML = "anyxml"
    RPC = "rpc"
    ACTION = "action"
    INPUT = "input"
    OUTPUT = "output"
    NOTIFICATION = "notification"


#: Kinds that never appear in data, only in schema paths.
SCHEMA_ONLY = frozenset({Kind.CHOICE, Kind.CASE})
#: Kinds whose data node has children held in `Inner.children`.
INNER = frozenset({Kind.ROOT, Kind.CONTAINER, Kind.RPC, Kind.ACTION, Kind.INPUT, Kind.OUTPUT, Kind.NOTIFICATION})


@dataclass(frozen=True, slots=True)
class Module:
    """One implemented or imported module (submodules are merged into it).

    `text` is the YANG source for get-schema; `submodules` maps (name, revision) to source text.
    """

    name: str
    namespace: str
    prefix: str
    revision: str | None
    yang_version: str
    text: str = field(repr=False)
    implemented: bool = True
    features: tuple[str, ...] = ()
    deviated_by: tuple[str, ...] = ()
    submodules: tuple[tuple[str, str | None, str], ...] = field(default=(), repr=False)
    #: prefix -> module name as this module's own imports bind them, its own prefix included.
    prefixes: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A `must` or `when` with what it needs to be evaluated and reported.

    `prefixes` maps each prefix that may occur in `text` to a namespace; unprefixed names are in `default_namespace`
    (RFC 7950 section 6.4.1). For a `when` that came from an augment, uses, choice or case, `context_up` counts the
    data-node levels between the node that carries it and its context node (0: the node itself, 1: its data parent).
    """

    text: str
    prefixes: tuple[tuple[str, str], ...]
    default_namespace: str
    error_message: str | None = None
    error_app_tag: str | None = None
    context_up: int = 0


@dataclass(slots=True, eq=False, repr=False)
class SchemaNode:
    """One node of the compiled schema. Created by compiler.py only."""

    kind: Kind
    name: str
    module: Module
    parent: SchemaNode | None = None
    #: True for configuration; False for state and for everything under rpc, action and notification.
    config: bool = True
    #: Schema children in definition order, choices and cases included, keyed by (module name, name).
    children: dict[tuple[str, str], SchemaNode] = field(default_factory=dict, repr=False)
    #: Data children with choices and cases flattened, keyed by Clark name "{namespace}name"; rpc/action/notification
    #: definitions are not data children, they are in `operations`.
    data_children: dict[str, SchemaNode] = field(default_factory=dict, repr=False)
    #: rpcs, actions and notifications defined directly here, keyed by Clark name.
    operations: dict[str, SchemaNode] = field(default_factory=dict, repr=False)
    #: Position among the parent's data children, for a stable order of output.
    position: int = 0
    description: str | None = field(default=None, repr=False)
    units: str | None = None
    status: str = "current"
    presence: bool = False
    mandatory: bool = False
    #: Default lexical values in canonical text (leaf: at most one, leaf-list: any number, in order).
    defaults: tuple[str, ...] = ()
    #: Name of the default case of a choice.
    default_case: tuple[str, str] | None = None
    type: Type | None = None
    keys: tuple[SchemaNode, ...] = ()
    #: Each unique statement as a tuple of descendant leaf paths, each path a tuple of data SchemaNodes from the list.
    unique: tuple[tuple[tuple[SchemaNode, ...], ...], ...] = ()
    min_elements: int = 0
    max_elements: int | None = None
    user_ordered: bool = False
    musts: tuple[Expression, ...] = ()
    #: All `when`s that govern this node: its own, and those of choices, cases, uses and augments it came through.
    whens: tuple[Expression, ...] = ()
    #: nacm:default-deny-write / default-deny-all: "write", "all" or None.
    default_deny: str | None = None
    #: Set by the compiler: Clark name, "{namespace}name".
    tag: str = ""
    #: Set by the compiler: True when this node or a descendant has a default, mandatory, min-elements, must or when
    #: that can speak although no data is there (the validation of an absent subtree may be skipped when False).
    speaks_when_absent: bool = False
    #: What a module of this room has computed about this node and keeps, under "<module>.<what>".
    cache: dict[str, Any] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return f"<{self.kind.value} {self.path}>"

    @property
    def data_parent(self) -> SchemaNode | None:
        """The nearest ancestor that can appear in data (skips choice and case)."""
        node = self.parent
        while node is not None and node.kind in SCHEMA_ONLY:
            node = node.parent
        return node

    @property
    def is_key(self) -> bool:
        return self.parent is not None and self.parent.kind is Kind.LIST and self in self.parent.keys

    def cases(self) -> Iterator[SchemaNode]:
        """The cases of a choice (shorthand cases have been made explicit by the compiler)."""
        return iter(self.children.values())

    def child(self, name: str, module: str | None = None) -> SchemaNode:
        """The data child (or rpc, action, notification) called `name`; the module may be left out if it is this
        node's own or when the name is unambiguous. Raises KeyError."""
        pool = [*self.data_children.values(), *self.operations.values()]
        found = [node for node in pool if node.name == name and (module is None or node.module.name == module)]
        if len(found) > 1:
            found = [node for node in found if node.module is self.module] or found
        if not found:
            raise KeyError(name if module is None else f"{module}:{name}")
        return found[0]

    @property
    def path(self) -> str:
        """Data path of this schema node without keys: /module:top/child/other:augmented."""
        steps: list[str] = []
        node: SchemaNode | None = self
        while node is not None and node.kind is not Kind.ROOT:
            parent = node.data_parent
            own = parent is not None and parent.kind is not Kind.ROOT and parent.module is node.module
            steps.append(node.name if own else f"{node.module.name}:{node.name}")
            node = parent
        return "/" + "/".join(reversed(steps))


@dataclass(slots=True, eq=False)
class Schema:
    """Everything that is loaded.

    `root.data_children` are the top-level data nodes of all implemented modules; `root.operations` the rpcs and
    top-level notifications.
    """

    root: SchemaNode
    modules: dict[str, Module]
    by_namespace: dict[str, Module]
    #: (module, identity) -> all identities derived from it, itself excluded (RFC 7950 9.10).
    derived: dict[tuple[str, str], frozenset[tuple[str, str]]]
    #: RFC 8525 content-id: changes whenever the module set, a revision, a feature or a deviation changes.
    content_id: str

    def __post_init__(self) -> None:
        # The codecs are given nodes, not schemas, and must know the modules without data nodes too (names.py).
        self.root.cache["schema.by_namespace"] = self.by_namespace

    def find(self, path: str) -> SchemaNode:
        """The data node, rpc, action, notification, input or output at a path written as SchemaNode.path writes it.

        Keys in the path are not allowed. Raises KeyError with the part that was not found.
        """
        node = self.root
        for step in path.strip("/").split("/"):
            module, _, name = step.rpartition(":")
            try:
                node = node.child(name, module or None)
            except KeyError:
                raise KeyError(f"{step!r} in {path!r}") from None
        return node
