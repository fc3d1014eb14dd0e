"""The arguments of `utility sign`, in any order.

nonce N    include-certificate    include-tpm-quote registers 0,7,10    compress gzip
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from agent.integrity.compression import COMPRESSIONS
from agent.integrity.envelope import FORMS
from agent.integrity.tpm.quoting import ALL_REGISTERS
from agent.shell.dossier_arguments import read_nonce
from agent.shell.errors import IncompleteCommandError, InvalidInputError
from agent.shell.grammar import find_keyword
from agent.shell.services import SignOptions
from agent.shell.words import Word

_NONCE: Final = "nonce"
_COMPRESS: Final = "compress"
_REGISTERS: Final = "registers"
_QUOTE: Final = "include_tpm_quote"
#: Word -> the option that it stands for, and its value.
_WORDS: Final[dict[str, tuple[str, object]]] = {
    "include-certificate": ("include_certificate", True),
    "include-tpm-quote": (_QUOTE, True),
    **{form: ("form", form) for form in FORMS},
}
_KEYWORDS: Final = (_NONCE, _COMPRESS, _REGISTERS, *_WORDS)


def read_signing_options(words: Sequence[Word], line: str) -> SignOptions:
    """Raises CommandLineError."""
    given: dict[str, Any] = {}
    remaining = iter(words)
    for word in remaining:
        keyword = find_keyword(word, _KEYWORDS, line)
        if keyword is None:
            raise InvalidInputError(word.column)
        option, value = _WORDS.get(keyword, (keyword, None))
        if option in given:
            raise InvalidInputError(word.column)
        if keyword == _NONCE:
            value = read_nonce(_next(remaining))
        elif keyword == _COMPRESS:
            value = _choice(_next(remaining), COMPRESSIONS, line)
        elif keyword == _REGISTERS:
            value = _numbers(_next(remaining))
        given[option] = value
    if _NONCE not in given or (_REGISTERS in given and _QUOTE not in given):
        raise IncompleteCommandError
    if _COMPRESS in given:
        given["compression"] = given.pop(_COMPRESS)
    return SignOptions(**given)


def _next(words: Iterator[Word]) -> Word:
    word = next(words, None)
    if word is None:
        raise IncompleteCommandError
    return word


def _numbers(word: Word) -> tuple[int, ...]:
    """Registers of a TPM, with commas between."""
    known = {str(number): number for number in ALL_REGISTERS}
    try:
        return tuple(known[number] for number in word.text.split(","))
    except KeyError:
        raise InvalidInputError(word.column) from None


def _choice(word: Word, choices: Collection[str], line: str) -> str:
    chosen = find_keyword(word, choices, line)
    if chosen is None:
        raise InvalidInputError(word.column)
    return chosen
