"""What may follow a `|` behind a show command.

    begin TEXT, include TEXT, exclude TEXT    choose lines by a text in them (not a pattern)
    utility sign nonce N [include-certificate] [include-tpm-quote]    sign what came so far; nothing may follow

A filter gets the output without its time line, so that what is signed is what the command shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from agent.caller import Caller
from agent.shell.dossier_arguments import read_nonce
from agent.shell.errors import CommandRefusedError, IncompleteCommandError, InvalidInputError
from agent.shell.grammar import Grammar, find_keyword
from agent.shell.services import ShellServices, SignOptions
from agent.shell.words import Part, Word

#: Gets text and gives text; may raise ProviderError.
Filter = Callable[[str], str]

#: Word behind `utility sign` -> the option that it switches on.
_INCLUDED: Final = {"include-certificate": "include_certificate", "include-tpm-quote": "include_tpm_quote"}
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
    return lambda text: choose(text, wanted)


def _read_sign(words: Sequence[Word], line: str, services: ShellServices, caller: Caller) -> Filter:
    nonce: str | None = None
    included: set[str] = set()
    remaining = iter(words)
    for word in remaining:
        keyword = find_keyword(word, ("nonce", *_INCLUDED), line)
        if keyword == "nonce" and nonce is None:
            value = next(remaining, None)
            if value is None:
                raise IncompleteCommandError
            nonce = read_nonce(value)
        elif keyword in _INCLUDED and keyword not in included:
            included.add(keyword)
        else:
            raise InvalidInputError(word.column)
    if nonce is None:
        raise IncompleteCommandError
    options = SignOptions(nonce, **{_INCLUDED[keyword]: True for keyword in included})
    return lambda text: services.sign(text.encode(), options, caller)
