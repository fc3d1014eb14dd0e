"""Commands that can't be run, told as the command line of the guide's device tells them."""

from __future__ import annotations


class CommandLineError(Exception):
    """The command is not understood. `column` (from 0) is where in its line, None for no place."""

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.column = column

    def render(self, line: str) -> str:
        """The text for the person who typed `line`. The line is repeated, since an exec channel has no echo over which
        the caret could stand."""
        if self.column is None:
            return f"{self.message}\n"
        shown = "".join(character if character.isprintable() else "?" for character in line)
        return f"{shown}\n{' ' * self.column}^\n{self.message}\n"


class InvalidInputError(CommandLineError):
    """A word that no command has in this place."""

    def __init__(self, column: int) -> None:
        super().__init__("% Invalid input detected at '^' marker.", column)


class IncompleteCommandError(CommandLineError):
    """Words are missing at the end."""

    def __init__(self) -> None:
        super().__init__("% Incomplete command.")


class AmbiguousCommandError(CommandLineError):
    """An abbreviation of several words."""

    def __init__(self, line: str) -> None:
        shown = "".join(character if character.isprintable() else "?" for character in line)
        super().__init__(f'% Ambiguous command:  "{shown}"')


class CommandRefusedError(CommandLineError):
    """The command is understood and not available; the message says why."""
