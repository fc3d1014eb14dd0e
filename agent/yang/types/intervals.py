"""Range and length restrictions (RFC 7950 sections 9.2.4 and 9.4.4) as sets of closed intervals of integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.yang.types.base import TypeViolation


@dataclass(frozen=True, slots=True)
class Intervals:
    """Values allowed by the innermost restriction, with what the model says about values outside.

    A restriction may only narrow the type it restricts (checked when the module is loaded), so the innermost one is
    the only one to check.
    """

    spans: tuple[tuple[int, int], ...]
    error_message: str | None = None
    error_app_tag: str | None = None

    @classmethod
    def all(cls, lowest: int, highest: int) -> Intervals:
        return cls(((lowest, highest),))

    def restricted(
        self,
        argument: str,
        number: Callable[[str], int],
        error_message: str | None = None,
        error_app_tag: str | None = None,
    ) -> Intervals:
        """The intervals of a `range` or `length` argument; "min" and "max" are this set's own ends."""
        ends = {"min": self.spans[0][0], "max": self.spans[-1][1]}

        def end(text: str) -> int:
            word = text.strip()
            return ends[word] if word in ends else number(word)

        spans = []
        for part in argument.split("|"):
            low, separator, high = part.partition("..")
            spans.append((end(low), end(high if separator else low)))
        return Intervals(tuple(spans), error_message, error_app_tag)

    def __contains__(self, value: int) -> bool:
        for low, high in self.spans:  # noqa: SIM110 - asked for nearly every value; any() takes three times as long
            if low <= value <= high:
                return True
        return False

    def describe(self, number: Callable[[int], str] = str) -> str:
        """As the YANG writes it: "1..10 | 20"."""
        return " | ".join(number(low) if low == high else f"{number(low)}..{number(high)}" for low, high in self.spans)

    def violation(self, generic: TypeViolation) -> TypeViolation:
        """What to raise for a value outside: the model's own message if it has one, else `generic`'s."""
        return TypeViolation(self.error_message or generic.message, self.error_app_tag)
