"""The arguments of `utility sign`, in any order.

nonce N    include-certificate    compress gzip
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from agent.integrity.compression import COMPRESSIONS
from agent.shell.dossier_arguments import read_nonce
from agent.shell.errors import IncompleteCommandError, InvalidInputError
from agent.shell.grammar import find_keyword
from agent.shell.services import SignOptions
from agent.shell.words import Word

_NONCE: Final = "nonce"
_COMPRESS: Final = "compress"
#: Word -> the option that it switches on.
_INCLUDED: Final = {"include-certificate": "include_certificate", "include-tpm-quote": "include_tpm_quote"}
_KEYWORDS: Final = (_NONCE, *_INCLUDED, _COMPRESS)


def read_signing_options(words: Sequence[Word], line: str) -> SignOptions:
    """Raises CommandLineError."""
    given: dict[str, Any] = {}
    remaining = iter(words)
    for word in remaining:
        keyword = find_keyword(word, _KEYWORDS, line)
        option = _INCLUDED.get(keyword or "", {_COMPRESS: "compression"}.get(keyword or "", keyword))
        if option is None or option in given:
            raise InvalidInputError(word.column)
        if keyword == _NONCE:
            given[option] = read_nonce(_next(remaining))
        elif keyword == _COMPRESS:
            given[option] = _choice(_next(remaining), COMPRESSIONS, line)
        else:
            given[option] = True
    if _NONCE not in given:
        raise IncompleteCommandError
    return SignOptions(**given)


def _next(words: Iterator[Word]) -> Word:
    word = next(words, None)
    if word is None:
        raise IncompleteCommandError
    return word


def _choice(word: Word, choices: Collection[str], line: str) -> str:
    chosen = find_keyword(word, choices, line)
    if chosen is None:
        raise InvalidInputError(word.column)
    return chosen
