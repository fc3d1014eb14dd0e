"""The table of commands, and the small functions behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agent.caller import Caller
from agent.shell.dossier_arguments import read_dossier_arguments
from agent.shell.errors import CommandRefusedError
from agent.shell.grammar import Grammar, Match
from agent.shell.render_certificates import render_certificates, render_trustpool
from agent.shell.render_keys import KEY_TYPES, USER_KEY_TYPES, render_keys, render_user_keys
from agent.shell.result import Output
from agent.shell.services import ShellServices


@dataclass(frozen=True, slots=True)
class Context:
    """What a command is run with. `line` is the command as typed; `abandoned` tells whether the client has gone."""

    services: ShellServices
    caller: Caller
    line: str
    abandoned: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Command:
    """`prepare` checks the words and gives the function that makes the output, so that a line with any mistake in it,
    also behind a `|`, does nothing. `is_show`: has a time line, and may be piped."""

    prepare: Callable[[Match[Command], Context], Callable[[], Output]]
    is_show: bool = True


def _show_keys(match: Match[Command], context: Context) -> Callable[[], Output]:
    return lambda: render_keys(context.services.keys(), match.arguments[_KEY_FAMILIES])


def _show_user_keys(match: Match[Command], context: Context) -> Callable[[], Output]:
    return lambda: render_user_keys(context.services.user_keys(), match.arguments[_USER_KEY_FAMILIES])


def _show_certificates(match: Match[Command], context: Context) -> Callable[[], Output]:
    name = match.arguments.get("NAME")
    detail = "detail" in match.arguments

    def show() -> str:
        trustpoints, now = context.services.trustpoints(), context.services.clock.now()
        if name is None:
            return render_certificates(trustpoints, now, detail=detail)
        if name not in trustpoints:
            raise CommandRefusedError(f"% Trustpoint {name} has no certificates.")
        return render_certificates({name: trustpoints[name]}, now, detail=detail)

    return show


def _show_trustpool(match: Match[Command], context: Context) -> Callable[[], Output]:
    return lambda: render_trustpool(context.services.trustpool())


def _show_dossier(match: Match[Command], context: Context) -> Callable[[], Output]:
    options = read_dossier_arguments(match.rest, context.line)
    return lambda: context.services.dossier(options, context.caller, context.abandoned)


def _show_version(match: Match[Command], context: Context) -> Callable[[], Output]:
    return context.services.version_text


def _show_platform(match: Match[Command], context: Context) -> Callable[[], Output]:
    return context.services.platform_text


def _set_terminal(match: Match[Command], context: Context) -> Callable[[], Output]:
    # Collectors switch paging off first; there is none.
    return lambda: ""


_KEY_FAMILIES: Final = "|".join(KEY_TYPES)
_USER_KEY_FAMILIES: Final = "|".join(USER_KEY_TYPES)

COMMANDS: Final = Grammar[Command](
    {
        f"show crypto key mypubkey {_KEY_FAMILIES}": Command(_show_keys),
        f"show crypto key mypubkey authentication {_USER_KEY_FAMILIES}": Command(_show_user_keys),
        "show crypto ca certificates [NAME] [detail]": Command(_show_certificates),
        "show crypto ca trustpool": Command(_show_trustpool),
        "show platform": Command(_show_platform),
        "show platform security integrity dossier ...": Command(_show_dossier),
        "show version": Command(_show_version),
        "terminal length LINES": Command(_set_terminal, is_show=False),
        "terminal width COLUMNS": Command(_set_terminal, is_show=False),
    }
)
