"""Which rules can be affected by a change of which schema node.

For every `must`, `when` and reference in the configuration part of a schema, the static analysis (xpath_static.py) says
what it reads and from which apex. Turned around this gives, for a node that has changed, the rules to check again and
the ancestor of the change below which all affected context nodes are.

Computed once per schema. It knows schemas only, no data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from agent.yang.accessible import accessible_parent, appears_by_itself, requires_instance
from agent.yang.schema import Expression, SchemaNode
from agent.yang.types import LeafrefType
from agent.yang.xpath_evaluation import Programs
from agent.yang.xpath_static import Analysis


class RuleKind(Enum):
    MUST = "must"
    WHEN = "when"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One `must` or `when` of a schema node, or the references of a leaf. `expression` is None for references."""

    kind: RuleKind
    schema: SchemaNode
    expression: Expression | None = None
    #: Leaves whose new values can't break the rule: the targets of a leafref.
    targets: frozenset[SchemaNode] = frozenset()


class Dependent(NamedTuple):
    """A rule that reads something from instances below a common ancestor `apex` with its context node."""

    rule: Rule
    apex: SchemaNode


@dataclass(slots=True)
class Dependencies:
    """All dependencies of a schema. `on_anything`: rules to check again after any change."""

    by_read: dict[SchemaNode, list[Dependent]] = field(default_factory=dict)
    on_anything: list[Rule] = field(default_factory=list)
    _below: dict[SchemaNode, bool] = field(default_factory=dict)

    def of(self, schema: SchemaNode) -> list[Dependent]:
        """The rules that read instances of `schema`."""
        return self.by_read.get(schema, [])

    def any_below(self, schema: SchemaNode) -> bool:
        """Whether any rule reads `schema` or something below it."""
        known = self._below.get(schema)
        if known is None:
            known = schema in self.by_read or any(map(self.any_below, schema.data_children.values()))
            self._below[schema] = known
        return known


def find_dependencies(programs: Programs) -> Dependencies:
    """Analyse every rule of the configuration. Raises SchemaError for an expression that can't be read."""
    found = Dependencies()
    for schema in _configuration(programs.schema.root):
        for must in schema.musts:
            _add(found, Rule(RuleKind.MUST, schema, must), programs.program(must, schema).analysis)
        for when in schema.whens:
            _add(found, Rule(RuleKind.WHEN, schema, when), programs.when(when, schema).analysis)
        _add_references(found, schema, programs)
    return found


def chain(apex: SchemaNode, schema: SchemaNode) -> list[SchemaNode]:
    """The schema nodes from the first below `apex` down to `schema`."""
    nodes: list[SchemaNode] = []
    node: SchemaNode | None = schema
    while node is not None and node is not apex:
        nodes.append(node)
        node = accessible_parent(node)
    return nodes[::-1]


def depth(schema: SchemaNode) -> int:
    """How many steps an instance path to the node has."""
    steps = 0
    node = accessible_parent(schema)
    while node is not None:
        steps += 1
        node = accessible_parent(node)
    return steps


def appearing_children(schema: SchemaNode) -> Iterator[SchemaNode]:
    """Data children that can exist without data."""
    return (child for child in schema.data_children.values() if appears_by_itself(child))


def _configuration(schema: SchemaNode) -> Iterator[SchemaNode]:
    for child in schema.data_children.values():
        if child.config:
            yield child
            yield from _configuration(child)


def _add(found: Dependencies, rule: Rule, analysis: Analysis) -> None:
    if analysis.reads_anything:
        found.on_anything.append(rule)
        return
    for schema, apex in analysis.reads.items():
        found.by_read.setdefault(schema, []).append(Dependent(rule, apex))


def _add_references(found: Dependencies, schema: SchemaNode, programs: Programs) -> None:
    if schema.type is None:
        return
    members = [member for member in schema.type.find_members() if requires_instance(member)]
    leafrefs = [member for member in members if isinstance(member, LeafrefType)]
    rule = Rule(RuleKind.REFERENCE, schema, None, frozenset(leafref.target for leafref in leafrefs))
    for leafref in leafrefs:
        _add(found, rule, programs.program(leafref.path, schema).analysis)
    if len(leafrefs) < len(members):
        found.on_anything.append(rule)
