"""One walk that applies all rules to a part of a tree.

The walk is over the accessible tree (RFC 7950 section 6.4.1): a `must` on a leaf whose default is in use, or inside a
container without presence that has no data, is checked like any other. Parts that nothing is demanded of are passed
over without being looked at.
"""

from __future__ import annotations

from agent.yang.accessible import appears_by_itself, is_in_active_case
from agent.yang.projection import Cursor
from agent.yang.schema import Expression, Kind, SchemaNode
from agent.yang.tree import ListNode
from agent.yang.validation import conditions, structure, unique
from agent.yang.validation.references import References
from agent.yang.validation.report import Report
from agent.yang.validation.rules import Group, demands, demands_of_instances, groups, refers
from agent.yang.xpath_evaluation import Evaluation


class Checker:
    """Checks parts of one tree and reports what is wrong. `config_only`: state data is neither looked at nor missed."""

    def __init__(self, evaluation: Evaluation, report: Report, *, config_only: bool) -> None:
        self.evaluation = evaluation
        self._report = report
        self._config_only = config_only
        self._references = References(evaluation)

    def check_children(self, parent: Cursor) -> None:
        """Everything below a node."""
        for group in groups(parent.schema):
            self.check_group(parent, group, deep=True)

    def check_group(self, parent: Cursor, group: Group, *, deep: bool) -> None:
        """The presence and number of the nodes in a group, and what exists without data. `deep`: also `unique` and the
        instances that data holds, with all below them."""
        inner = parent.inner
        assert inner is not None
        if group.choice is not None and self._counts(group.choice):
            self._check_choice(parent, group.choice)
        for schema in group.members:
            if not self._counts(schema) or not demands(schema):
                continue
            node = inner.children.get(schema)
            if node is None:
                self._check_absent(parent, schema)
                continue
            for error in structure.miscounts(parent, node):
                self._report.add(error)
            if not deep:
                continue
            if isinstance(node, ListNode):
                self.check_unique(parent, node)
            if demands_of_instances(schema):
                for cursor in self.evaluation.projection.children(parent, schema):
                    self.check_instance(cursor)

    def check_unique(self, parent: Cursor, owner: ListNode) -> None:
        for error in unique.duplicates(self.evaluation, parent, owner):
            self._report.add(error)

    def check_instance(self, cursor: Cursor) -> None:
        """A node with all that is below it."""
        if not self.check_whens(cursor):
            return
        for must in cursor.schema.musts:
            self.check_must(cursor, must)
        if refers(cursor.schema):
            self.check_reference(cursor)
        if cursor.schema.kind is Kind.LIST:
            for error in structure.missing_keys(cursor):
                self._report.add(error)
        if cursor.inner is not None:
            self.check_children(cursor)

    def check_whens(self, cursor: Cursor) -> bool:
        """Whether a node may be there."""
        error = conditions.false_when(self.evaluation, cursor)
        if error is not None:
            self._report.add(error)
        return error is None

    def check_must(self, cursor: Cursor, must: Expression) -> None:
        error = conditions.broken_must(self.evaluation, cursor, must)
        if error is not None:
            self._report.add(error)

    def check_reference(self, cursor: Cursor) -> None:
        error = self._references.dangling(cursor)
        if error is not None:
            self._report.add(error)

    def _counts(self, schema: SchemaNode) -> bool:
        return schema.config or not self._config_only

    def _check_absent(self, parent: Cursor, schema: SchemaNode) -> None:
        if schema.mandatory or schema.min_elements > 0:
            if structure.is_required(parent, schema) and self.evaluation.may_exist(parent, schema):
                self._report.add(structure.missing(parent, schema))
        elif appears_by_itself(schema) and demands_of_instances(schema):
            assert parent.inner is not None
            if is_in_active_case(parent.inner, schema):
                for cursor in self.evaluation.projection.children(parent, schema):
                    self.check_instance(cursor)

    def _check_choice(self, parent: Cursor, choice: SchemaNode) -> None:
        inner = parent.inner
        assert inner is not None
        for error in structure.choice_errors(parent, inner, choice):
            self._report.add(error)
        for unmade in structure.unmade_choices(parent, inner, choice):
            if self._counts(unmade) and self.evaluation.may_exist(parent, unmade):
                self._report.add(structure.missing_choice(parent, unmade))
