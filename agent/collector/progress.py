"""What a person sees while devices are asked: a bar in one line of a terminal, else a line for each device."""

from __future__ import annotations

import shutil
from typing import Final, TextIO

from agent.collector.collecting import Outcome
from agent.collector.report import outcome_word

_WIDTH: Final = 24
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """Writes to `stream`, usually standard error: standard output is for the report."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._total = total
        self._done = 0
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._draw("")

    def done(self, outcome: Outcome) -> None:
        """One more device."""
        self._done += 1
        word = f"{outcome.target.name}: {outcome_word(outcome)}"
        if self._is_terminal:
            self._draw(word)
        else:
            self._write(f"[{self._done}/{self._total}] {word}\n")

    def end(self) -> None:
        """Leave the line as it was."""
        if self._is_terminal:
            self._write(_CLEAR)

    def _draw(self, word: str) -> None:
        if not self._is_terminal:
            return
        filled = _WIDTH * self._done // max(1, self._total)
        line = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {self._done}/{self._total}  {word}"
        self._write(_CLEAR + line[: shutil.get_terminal_size().columns - 1])

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
