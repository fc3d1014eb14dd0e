"""Who answers for which YANG path.

Providers register at start; `check` then compares the registrations with the schema, so that an rpc or a state subtree
without a provider, and a provider for an unknown path, stop the agent before it serves anybody (design, section 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from agent.northbound.contract import ConfigHandler, LeafRewriter, RpcFunction, StateFunction
from agent.northbound.errors import ProviderError
from agent.yang.errors import InvalidValueError
from agent.yang.schema import Kind, Schema, SchemaNode

T = TypeVar("T")

#: Modules whose operations the protocol itself answers (agent/netconf/operations).
PROTOCOL_MODULES = frozenset({"ietf-netconf", "ietf-netconf-monitoring", "notifications"})


class RegistrationError(Exception):
    """The registrations and the schema disagree: a fault of the program, reported at start with all its cases."""


class Registry:
    """Registrations by schema node. Paths are written as `SchemaNode.path` writes them."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._unknown: list[str] = []
        self.config_handlers: dict[SchemaNode, ConfigHandler] = {}
        self.state_functions: dict[SchemaNode, StateFunction] = {}
        self.rpc_functions: dict[SchemaNode, RpcFunction] = {}
        self.rewriters: dict[SchemaNode, LeafRewriter] = {}
        self.notifications: set[SchemaNode] = set()

    def config(self, path: str, handler: ConfigHandler) -> None:
        """`handler` takes part in every commit that changes the container at `path` or an entry of the list there.

        It is given the whole node before and after: register for a list itself, not for a container with lists in it,
        and a commit costs as much as the entries that it changes.
        """
        self._at(path, self.config_handlers, handler)

    def state(self, path: str, function: StateFunction) -> None:
        """`function` supplies the operational data at `path`: a top-level container, or a container or outermost list
        below it (state nodes inside a configuration list are supplied at the list)."""
        self._at(path, self.state_functions, function)

    def rpc(self, path: str, function: RpcFunction) -> None:
        """`function` answers the rpc or action at `path`."""
        self._at(path, self.rpc_functions, function)

    def rewrite(self, path: str, function: LeafRewriter) -> None:
        """`function` rewrites the value of the leaf at `path` whenever a client sets it."""
        self._at(path, self.rewriters, function)

    def notification(self, path: str) -> None:
        """The notification at `path` may be raised by a provider."""
        node = self._find(path)
        if node is not None:
            self.notifications.add(node)

    def rewrite_leaf(self, schema: SchemaNode, text: str) -> str:
        """`text` as it is to be stored in the leaf `schema`.

        Raises InvalidValueError, to which an edit adds the place, and whatever else the function raises.
        """
        function = self.rewriters.get(schema)
        try:
            return text if function is None else function(text)
        except ProviderError as error:
            if error.tag != "invalid-value":
                raise
            raise InvalidValueError(error.message, app_tag=error.app_tag) from error

    def check(self) -> None:
        """Raise RegistrationError with every disagreement between the registrations and the schema."""
        problems = [f"a provider registered for {path}, which is not in the schema" for path in self._unknown]
        problems += [
            f"no provider for rpc {node.path}" for node in self._operations() if node not in self.rpc_functions
        ]
        problems += [f"no provider for state {node.path}" for node in self._unanswered(self.schema.root)]
        if problems:
            raise RegistrationError("; ".join(problems))

    def _at(self, path: str, table: dict[SchemaNode, T], value: T) -> None:
        node = self._find(path)
        if node is None:
            return
        if node in table:
            raise RegistrationError(f"two providers registered for {path}")
        table[node] = value

    def _find(self, path: str) -> SchemaNode | None:
        try:
            return self.schema.find(path)
        except KeyError:
            self._unknown.append(path)
            return None

    def _operations(self) -> Iterator[SchemaNode]:
        pending = [self.schema.root]
        while pending:
            node = pending.pop()
            pending.extend(node.data_children.values())
            for operation in node.operations.values():
                if operation.kind is not Kind.NOTIFICATION and operation.module.name not in PROTOCOL_MODULES:
                    yield operation

    def _unanswered(self, node: SchemaNode) -> Iterator[SchemaNode]:
        """State nodes at the top of their subtree that neither they themselves nor an ancestor is registered for, and
        that have no registered descendants to make them up."""
        for child in node.data_children.values():
            if child in self.state_functions:
                continue
            if child.config or self._has_registered_descendant(child):
                yield from self._unanswered(child)
            else:
                yield child

    def _has_registered_descendant(self, node: SchemaNode) -> bool:
        return any(
            child in self.state_functions or self._has_registered_descendant(child)
            for child in node.data_children.values()
        )
