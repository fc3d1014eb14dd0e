"""The arguments of `show platform security integrity dossier`, in any order, as collectors write them.

    nonce N    include SELECTOR...    filesystem-inventory-options '{...}'    incremental-ima "{...}"

The two option texts are JSON, or the same with single quotes as the guide writes one of them.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from agent.integrity.nonce import NonceError, check_nonce
from agent.shell.errors import IncompleteCommandError, InvalidInputError
from agent.shell.grammar import find_keyword
from agent.shell.services import DossierOptions
from agent.shell.words import Word

SELECTORS: Final = (
    "packages",
    "reboot-history",
    "rollback-history",
    "system-integrity-snapshot",
    "system-inventory",
    "filesystem-inventory",
    "ima",
)
MAX_OPTION_LENGTH: Final = 4096

_NONCE: Final = "nonce"
_INCLUDE: Final = "include"
_INVENTORY_OPTIONS: Final = "filesystem-inventory-options"
_INCREMENTAL_IMA: Final = "incremental-ima"
_KEYWORDS: Final = (_NONCE, _INCLUDE, _INVENTORY_OPTIONS, _INCREMENTAL_IMA)


def read_dossier_arguments(words: Sequence[Word], line: str) -> DossierOptions:
    """Raises CommandLineError."""
    values: dict[str, Any] = {}
    selectors: dict[str, None] = {}
    remaining = iter(words)
    including = False
    for word in remaining:
        keyword = find_keyword(word, (*_KEYWORDS, *SELECTORS) if including else _KEYWORDS, line)
        if keyword in SELECTORS:
            selectors[keyword] = None
            continue
        if keyword is None or keyword in values:
            raise InvalidInputError(word.column)
        if keyword == _INCLUDE:
            including = True
            values[_INCLUDE] = True
            continue
        including = False
        values[keyword] = _VALUES[keyword](_next(remaining))
    if _INCLUDE in values and not selectors:
        raise IncompleteCommandError
    return DossierOptions(
        selectors=tuple(selectors),
        nonce=values.get(_NONCE),
        filesystem_inventory_options=values.get(_INVENTORY_OPTIONS),
        incremental_ima=values.get(_INCREMENTAL_IMA),
    )


def read_nonce(word: Word) -> str:
    """Raises InvalidInputError for a word that is no nonce."""
    try:
        check_nonce(word.text)
    except NonceError as error:
        raise InvalidInputError(word.column) from error
    return word.text


def _read_mapping(word: Word) -> dict[str, Any]:
    if len(word.text) > MAX_OPTION_LENGTH:
        raise InvalidInputError(word.column)
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(word.text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return value
    raise InvalidInputError(word.column)


_VALUES: Final = {_NONCE: read_nonce, _INVENTORY_OPTIONS: _read_mapping, _INCREMENTAL_IMA: _read_mapping}


def _next(words: Iterator[Word]) -> Word:
    word = next(words, None)
    if word is None:
        raise IncompleteCommandError
    return word
