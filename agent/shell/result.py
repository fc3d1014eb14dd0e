"""What a line of commands gives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ShellResult:
    """`text` ends with a newline unless it is empty; `status` is the exit status: 0, or 1 when a command failed."""

    text: str
    status: int
