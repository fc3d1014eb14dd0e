"""What may follow a `|` behind a show command.

    begin TEXT, include TEXT, exclude TEXT    choose lines by a text in them (not a pattern)
    utility sign nonce N [include-certificate] [include-tpm-quote]    sign what came so far; nothing may follow

A filter gets the output without its time line, so that what is signed is what the command shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from agent.caller import Caller
from agent.shell.errors import CommandRefusedError, IncompleteCommandError, InvalidInputError
from agent.shell.grammar import Grammar
from agent.shell.result import Output
from agent.shell.services import ShellServices
from agent.shell.signing_arguments import read_signing_options
from agent.shell.words import Part, Word

#: Takes an output over and gives another one; may raise ProviderError and CommandRefusedError.
Filter = Callable[[Output], Output]

#: Lines of a larger output can't be chosen: it would have to be held.
MAX_FILTERED: Final = 32 * 1024 * 1024

FILE_REFUSED: Final = "% Output can't be written to files of this device: redirect it where you run ssh."


def _begin(text: str, wanted: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(lines[next((at for at, line in enumerate(lines) if wanted in line), len(lines)) :])


def _include(text: str, wanted: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if wanted in line)


def _exclude(text: str, unwanted: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if unwanted not in line)


_LINE_FILTERS: Final[dict[str, Callable[[str, str], str]]] = {
    "begin": _begin,
    "include": _include,
    "exclude": _exclude,
}

_SIGN: Final = "sign"
_FILE: Final = "file"
_PIPES: Final = Grammar[str](
    {"begin ...": "begin", "include ...": "include", "exclude ...": "exclude", "utility sign ...": _SIGN}
    | {"file ...": _FILE}
)


def read_pipes(parts: Sequence[Part], line: str, services: ShellServices, caller: Caller) -> list[Filter]:
    """The filters that `parts` (those behind the command) ask for, in order. Raises CommandLineError."""
    filters: list[Filter] = []
    signed = False
    for part in parts:
        if signed:
            raise InvalidInputError(part.column)
        match = _PIPES.match(part.words, line)
        if match.target == _FILE:
            raise CommandRefusedError(FILE_REFUSED)
        if match.target == _SIGN:
            filters.append(_read_sign(match.rest, line, services, caller))
            signed = True
        else:
            filters.append(_read_line_filter(match.target, match.rest, line))
    return filters


def _read_line_filter(name: str, words: Sequence[Word], line: str) -> Filter:
    if not words:
        raise IncompleteCommandError
    last = words[-1]
    # One quoted word is taken as it is; otherwise all that was typed, with its spaces.
    wanted = words[0].text if len(words) == 1 else line[words[0].column : last.column + len(last.text)]
    choose = _LINE_FILTERS[name]
    return lambda output: choose(_held(output), wanted)


def _held(output: Output) -> str:
    """An output as text."""
    if isinstance(output, str):
        return output
    try:
        if output.size > MAX_FILTERED:
            raise CommandRefusedError(
                f"% Lines are chosen of outputs of at most {MAX_FILTERED} bytes: choose them where you run ssh."
            )
        return b"".join(output.chunks()).decode("ascii")
    finally:
        output.close()


def _read_sign(words: Sequence[Word], line: str, services: ShellServices, caller: Caller) -> Filter:
    options = read_signing_options(words, line)
    return lambda output: services.sign(output, options, caller)
