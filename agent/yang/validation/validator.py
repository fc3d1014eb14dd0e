"""The front door of validation."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from agent.yang.dependencies import find_dependencies
from agent.yang.diff import DataChange
from agent.yang.schema import Schema
from agent.yang.tree import Inner, InstancePath
from agent.yang.validation.checker import Checker
from agent.yang.validation.incremental import check_changes
from agent.yang.validation.pruning import Pruned, prune
from agent.yang.validation.report import FullReportError, Report
from agent.yang.xpath_evaluation import Evaluation, Programs


class Validator:
    """Validates trees of one schema. Safe to use from several threads.

    All expressions of the configuration are compiled when it is made, so that a faulty one is found at start
    (SchemaError).
    """

    def __init__(self, schema: Schema) -> None:
        self._programs = Programs(schema)
        self._dependencies = find_dependencies(self._programs)

    def validate(self, new: Inner, old: Inner | None = None, changes: Sequence[DataChange] | None = None) -> None:
        """Check a configuration (RFC 7950 section 8.1). Raises ValidationFailure.

        With `old`, which must be valid, and `changes`, which lead from it to `new`, only what these can affect is
        looked at. The verdict is that of a full validation.
        """
        report = Report()
        checker = Checker(Evaluation(self._programs, new), report, config_only=True)
        with contextlib.suppress(FullReportError):
            if old is None or changes is None:
                checker.check_children(checker.evaluation.projection.root)
            else:
                check_changes(checker, self._dependencies, changes)
        report.raise_errors()

    def validate_operation(self, node: Inner, running: Inner, parent: InstancePath = InstancePath()) -> None:  # noqa: B008
        """Check an input, an output or a notification (RFC 7950 sections 7.14, 7.15 and 7.16). Raises
        ValidationFailure.

        `node` is the input, output or notification itself; what it refers to is looked up in `running` (with state, if
        expressions are to see it). `parent` is the node that an action or notification belongs to.
        """
        report = Report()
        evaluation = Evaluation(self._programs, running)
        place = evaluation.projection.at(parent) or evaluation.projection.root
        body = evaluation.add_operation(node, place)
        with contextlib.suppress(FullReportError):
            Checker(evaluation, report, config_only=False).check_instance(body)
        report.raise_errors()

    def prune_false_whens(self, new: Inner, old: Inner, changes: Sequence[DataChange]) -> Pruned:
        """`new` without the nodes that `changes` left behind with a false `when` (RFC 7950 section 8.3.2). Call it
        before `validate`, and add `deleted` to what was touched."""
        return prune(self._programs, self._dependencies, new, old, changes)
