"""The errors of one validation."""

from __future__ import annotations

from typing import Final

from agent.yang.errors import DataError, ValidationFailure

#: How many errors are gathered before validation stops looking.
MAX_ERRORS: Final = 32


class FullReportError(Exception):
    """MAX_ERRORS have been found; there is no use in looking further."""


class Report:
    """Gathers errors. Not for use after `raise_errors`."""

    def __init__(self) -> None:
        self.errors: list[DataError] = []
        self._seen: set[tuple[object, ...]] = set()

    def add(self, error: DataError) -> None:
        """Raises FullReportError with the last error that is taken. The same fact is taken once."""
        fact = (type(error), error.path, error.message, error.app_tag)
        if fact in self._seen:
            return
        self._seen.add(fact)
        self.errors.append(error)
        if len(self.errors) >= MAX_ERRORS:
            raise FullReportError

    def raise_errors(self) -> None:
        """Raise ValidationFailure if there are errors, in document order."""
        if self.errors:
            raise ValidationFailure(sorted(self.errors, key=_position))


def _position(error: DataError) -> tuple[tuple[int, str], ...]:
    """Where an error belongs: by schema order; entries of one list keep the order in which they were found."""
    return tuple((step.schema.position, step.schema.tag) for step in error.path or ())
