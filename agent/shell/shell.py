"""Runs a line: one command, or several separated by semicolons or ends of line, until one fails.

Exceptions never reach the caller as text: a ProviderError's message was written for people, anything else is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.caller import Caller
from agent.northbound.errors import ProviderError
from agent.shell.commands import COMMANDS, Context
from agent.shell.errors import CommandLineError, InvalidInputError
from agent.shell.pipes import read_pipes
from agent.shell.result import Output, ShellResult
from agent.shell.services import ShellServices
from agent.shell.times import time_line
from agent.shell.words import read_command, split_line

log = logging.getLogger(__name__)

MAX_LINE_LENGTH = 64 * 1024
MAX_COMMANDS = 32

TOO_LONG = f"% A line has at most {MAX_LINE_LENGTH} characters and {MAX_COMMANDS} commands.\n"
AGENT_FAULT = "% The command failed inside the agent; its log says why.\n"


class Shell:
    """The commands over one set of services. Any thread may run lines."""

    def __init__(self, services: ShellServices) -> None:
        self._services = services

    def run(self, line: str, caller: Caller, abandoned: Callable[[], bool] = lambda: False) -> ShellResult:
        """Run the commands of `line`; never raises for what they say. `abandoned` tells whether the client has gone:
        commands that take long look at it."""
        commands = split_line(line) if len(line) <= MAX_LINE_LENGTH else []
        if len(line) > MAX_LINE_LENGTH or len(commands) > MAX_COMMANDS:
            return ShellResult((TOO_LONG,), 1)
        parts: list[Output] = []
        for command in commands:
            result = self._run_command(command, caller, abandoned)
            parts += result.parts
            if result.status != 0:
                return ShellResult(tuple(parts), result.status)
        return ShellResult(tuple(parts), 0)

    def _run_command(self, line: str, caller: Caller, abandoned: Callable[[], bool]) -> ShellResult:
        log.info("command of %s from %s: %.200r", caller.user, caller.source, line)
        header = ""
        try:
            command, *pipes = (parsed := read_command(line)).parts
            if not command.words:
                raise InvalidInputError(pipes[0].column)
            match = COMMANDS.match(command.words, line)
            if pipes and not match.target.is_show:
                raise InvalidInputError(pipes[0].column)
            make = match.target.prepare(match, Context(self._services, caller, parsed.text, abandoned))
            filters = read_pipes(pipes, line, self._services, caller)
            if match.target.is_show:
                header = f"{time_line(self._services.clock.now())}\n"
            output = make()
            for apply in filters:
                output = apply(output)
        except CommandLineError as error:
            return ShellResult((header + error.render(line),), 1)
        except ProviderError as error:
            return ShellResult((f"{header}% {error.message}\n",), 1)
        except Exception:
            log.exception("a command of %s failed", caller.user)
            return ShellResult((header + AGENT_FAULT,), 1)
        return ShellResult((header, output), 0)
