"""Operational data for a filter: only the providers whose subtree the filter can match are asked.

The answer is a tree that holds at least what the filter selects; the caller prunes it with the same selections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.northbound.contract import StateFunction, StateQuery
from agent.northbound.registry import Registry
from agent.yang import python_codec
from agent.yang.schema import Kind, Schema, SchemaNode
from agent.yang.selection import Selection, merge
from agent.yang.tree import Draft, Inner, InstancePath, empty_root


class StateCollector:
    """Asks the registered state functions."""

    def __init__(self, schema: Schema, registry: Registry) -> None:
        self._root = schema.root
        self._functions = registry.state_functions

    def collect(self, selections: Sequence[Selection] | None) -> Inner:
        """State that `selections` (None: everything) can match, as one tree. Raises what the providers raise."""
        result = empty_root(self._root)
        for node, function in self._functions.items():
            query = _query(node, selections)
            if query is not None:
                result = merge(result, _ask(self._root, node, function, query))
        return result


def _query(node: SchemaNode, selections: Sequence[Selection] | None) -> StateQuery | None:
    """What the selections want of `node`; None when they can't match there."""
    if selections is None:
        return StateQuery()
    reached = list(selections)
    for step in _lineage(node):
        reached = [selection for selection in reached if selection.schema is step]
        if not reached:
            return None
        if step is node:
            break
        if any(_is_whole(selection) for selection in reached):
            return StateQuery()
        reached = [child for selection in reached for child in selection.children]
    return _asked(node, reached)


def _asked(node: SchemaNode, reached: Sequence[Selection]) -> StateQuery:
    """What the selections, all of `node`, want of it and of what is below."""
    keys = _pinned_keys(node, reached)
    if any(_is_whole(selection) for selection in reached):
        return StateQuery(keys)
    below = [child for selection in reached for child in selection.children]

    def descend(name: str) -> StateQuery:
        chosen = [selection for selection in below if selection.schema.name == name]
        return _asked(chosen[0].schema, chosen)

    return StateQuery(keys, frozenset(child.schema.name for child in below), descend)


def _is_whole(selection: Selection) -> bool:
    return selection.everything or not selection.children


def _pinned_keys(node: SchemaNode, reached: Sequence[Selection]) -> Mapping[str, str]:
    """Keys that every selection pins to the same value, by content match."""
    if node.kind is not Kind.LIST:
        return {}
    pinned = [{leaf.name: text for leaf, text in selection.matches if leaf in node.keys} for selection in reached]
    return {name: text for name, text in pinned[0].items() if all(other.get(name) == text for other in pinned)}


def _lineage(node: SchemaNode) -> list[SchemaNode]:
    """Data nodes from the top-level one down to `node`."""
    lineage: list[SchemaNode] = []
    step: SchemaNode | None = node
    while step is not None and step.kind is not Kind.ROOT:
        lineage.append(step)
        step = step.data_parent
    return lineage[::-1]


def _ask(root: SchemaNode, node: SchemaNode, function: StateFunction, query: StateQuery) -> Inner:
    answer = function(query)
    draft = Draft(empty_root(root))
    if answer is None:
        return draft.freeze()
    parent = draft.descend(InstancePath())
    for step in _lineage(node)[:-1]:
        parent = draft.inner(parent, step)
    if node.kind is Kind.LIST:
        assert not isinstance(answer, dict)
        for index, record in enumerate(answer):
            entry = python_codec.from_record(record, node)
            if not node.keys:
                entry = Inner(node, entry.children, (str(index + 1),))
            draft.put_entry(parent, entry)
    else:
        assert isinstance(answer, dict)
        draft.put(parent, python_codec.from_record(answer, node))
    return draft.freeze()
