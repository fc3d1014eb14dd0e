"""A line as commands, parts between `|`, and words with their columns. Quotes and braces keep a word together.

    show x filesystem-inventory-options '{"0/RP0/CPU0": {"count": 1}}' | include a b

A word in quotes, single or double, is everything up to the same quote. A word that begins with a brace goes on to the
brace that closes it: the client's own shell may have taken the quotes away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.shell.errors import InvalidInputError

_SEPARATORS: Final = "\r\n;"
_QUOTES: Final = "'\""


@dataclass(frozen=True, slots=True)
class Word:
    """A word without its quotes, and where it begins in its command, from 0."""

    text: str
    column: int
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """The words between two `|`; `column` is that of the `|` before it (0 for the first)."""

    words: tuple[Word, ...]
    column: int


@dataclass(frozen=True, slots=True)
class CommandText:
    """One command: its text as typed, and its parts, of which there is at least one."""

    text: str
    parts: tuple[Part, ...]


def split_line(line: str) -> list[str]:
    """The commands of a line: separated by ends of line and semicolons outside of quotes; empty ones left out."""
    commands: list[str] = []
    begin = 0
    quote = ""
    for at, character in enumerate(line):
        if quote:
            # A quote ends with its line at the latest: an apostrophe doesn't swallow the commands after it.
            quote = "" if character in (quote, "\n") else quote
        elif character in _QUOTES:
            quote = character
        if not quote and character in _SEPARATORS:
            commands.append(line[begin:at])
            begin = at + 1
    commands.append(line[begin:])
    return [command.strip() for command in commands if command.strip()]


def read_command(text: str) -> CommandText:
    """Raises InvalidInputError at a quote or brace that is not closed."""
    parts: list[Part] = []
    words: list[Word] = []
    column = 0
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text[at] == "|":
            parts.append(Part(tuple(words), column))
            words, column = [], at
            at += 1
        else:
            word, at = _read_word(text, at)
            words.append(word)
    parts.append(Part(tuple(words), column))
    return CommandText(text, tuple(parts))


def _read_word(text: str, begin: int) -> tuple[Word, int]:
    first = text[begin]
    if first in _QUOTES:
        end = text.find(first, begin + 1)
        if end < 0:
            raise InvalidInputError(begin)
        return Word(text[begin + 1 : end], begin, quoted=True), end + 1
    if first == "{":
        end = _closing_brace(text, begin) + 1
        return Word(text[begin:end], begin, quoted=True), end
    end = begin
    while end < len(text) and not text[end].isspace() and text[end] != "|":
        end += 1
    return Word(text[begin:end], begin), end


def _closing_brace(text: str, begin: int) -> int:
    depth = 0
    for at in range(begin, len(text)):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return at
    raise InvalidInputError(begin)


def text_of(words: Sequence[Word]) -> str:
    """The words with single spaces between."""
    return " ".join(word.text for word in words)
