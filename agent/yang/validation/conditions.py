"""must and when (RFC 7950 sections 7.5.3, 7.21.5, 8.1 and 15.4)."""

from __future__ import annotations

from collections.abc import Iterator

from agent.yang.errors import ConstraintError, DataError
from agent.yang.projection import Cursor
from agent.yang.schema import Expression
from agent.yang.xpath_evaluation import Evaluation


def broken_must(evaluation: Evaluation, cursor: Cursor, must: Expression) -> DataError | None:
    """The error of one `must` of a node, or None if it holds."""
    if evaluation.holds(evaluation.programs.program(must, cursor.schema), cursor):
        return None
    message = must.error_message or f"{cursor.schema.name} must satisfy: {_shown(must)}"
    return ConstraintError("must", message, cursor.path, app_tag=must.error_app_tag, bad_name=cursor.schema.name)


def broken_musts(evaluation: Evaluation, cursor: Cursor) -> Iterator[DataError]:
    for must in cursor.schema.musts:
        error = broken_must(evaluation, cursor, must)
        if error is not None:
            yield error


def false_when(evaluation: Evaluation, cursor: Cursor) -> DataError | None:
    """The error for a node that is there although a `when` of it is false, or None."""
    when = evaluation.false_when(cursor)
    if when is None:
        return None
    name = cursor.schema.name
    return ConstraintError(
        "when", f"{name} is only allowed when {_shown(when)}; remove {name}.", cursor.path, bad_name=name
    )


def _shown(expression: Expression) -> str:
    return " ".join(expression.text.split())
