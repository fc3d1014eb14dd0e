"""Words against a table of commands. Keywords may be abbreviated to what no other keyword in that place begins with.

A command is written as its words: `show crypto key mypubkey rsa|dsa` (keywords; one of several), `NAME` (an argument),
`[NAME]` and `[detail]` (may be left out), `...` at the end (all further words, which the command reads itself).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from agent.shell.errors import AmbiguousCommandError, IncompleteCommandError, InvalidInputError
from agent.shell.words import Word

Target = TypeVar("Target")

_REST: Final = "..."


@dataclass(frozen=True, slots=True)
class _Element:
    """One place of a command. `keywords` is empty for an argument, whose name is `name`."""

    name: str
    keywords: tuple[str, ...]
    optional: bool


@dataclass(frozen=True, slots=True)
class Match(Generic[Target]):
    """A command that was found.

    Attributes:
        target: what the table has for it.
        arguments: by name; a choice of keywords is named by its spelling in the table ("rsa|dsa").
        rest: the words that stand for `...`.
    """

    target: Target
    arguments: dict[str, str]
    rest: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class _State(Generic[Target]):
    """A command of which the first `at` elements are behind us."""

    target: Target
    elements: tuple[_Element, ...]
    at: int
    arguments: tuple[tuple[str, str], ...] = ()

    def next_elements(self) -> Iterator[tuple[int, _Element]]:
        """What may come next, with its index."""
        for index in range(self.at, len(self.elements)):
            yield index, self.elements[index]
            if not self.elements[index].optional:
                return

    def advance(self, index: int, value: str) -> _State[Target]:
        element = self.elements[index]
        return _State(self.target, self.elements, index + 1, (*self.arguments, (element.name, value)))

    @property
    def takes_rest(self) -> bool:
        return self.at < len(self.elements) and self.elements[self.at].name == _REST

    @property
    def complete(self) -> bool:
        return all(element.optional for element in self.elements[self.at :])


class Grammar(Generic[Target]):
    """A table of commands: its spelling -> what it stands for."""

    def __init__(self, commands: dict[str, Target]) -> None:
        self._commands = [
            _State(target, tuple(_read_element(word) for word in spelling.split()), 0)
            for spelling, target in commands.items()
        ]

    def match(self, words: Sequence[Word], line: str) -> Match[Target]:
        """The command that `words` are. Raises InvalidInputError, IncompleteCommandError, AmbiguousCommandError."""
        states = self._commands
        for number, word in enumerate(words):
            following = _advance(states, word, line)
            if not following:
                rest = [state for state in states if state.takes_rest]
                if not rest:
                    raise InvalidInputError(word.column)
                return Match(rest[0].target, dict(rest[0].arguments), tuple(words[number:]))
            states = following
        for state in states:
            if state.complete:
                return Match(state.target, dict(state.arguments), ())
        raise IncompleteCommandError


def find_keyword(word: Word, keywords: Collection[str], line: str) -> str | None:
    """The keyword that `word` is or abbreviates, None when there is none. Raises AmbiguousCommandError."""
    if word.quoted:
        return None
    if word.text in keywords:
        return word.text
    found = sorted({keyword for keyword in keywords if keyword.startswith(word.text)})
    if len(found) > 1:
        raise AmbiguousCommandError(line)
    return found[0] if found else None


def _advance(states: Sequence[_State[Target]], word: Word, line: str) -> list[_State[Target]]:
    """The states after `word`."""
    places = [(state, index, element) for state in states for index, element in state.next_elements()]
    keywords = {keyword for _, _, element in places for keyword in element.keywords}
    takes_argument = any(not element.keywords and element.name != _REST for _, _, element in places)
    # Where an argument may stand a keyword must be spelled out: a trustpoint may be called "d".
    keyword: str | None
    if takes_argument:
        keyword = word.text if word.text in keywords and not word.quoted else None
    else:
        keyword = find_keyword(word, keywords, line)
    accepts: Callable[[_Element], bool]
    if keyword is not None:
        accepts = lambda element: keyword in element.keywords  # noqa: E731
    else:
        accepts = lambda element: not element.keywords and element.name != _REST  # noqa: E731
    return [state.advance(index, keyword or word.text) for state, index, element in places if accepts(element)]


def _read_element(word: str) -> _Element:
    optional = word.startswith("[") or word == _REST
    name = word.strip("[]")
    is_argument = name.isupper() or name == _REST
    return _Element(name, () if is_argument else tuple(name.split("|")), optional)
