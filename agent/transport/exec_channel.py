"""One command on an SSH exec channel: run it, send its text, tell its exit status."""

from __future__ import annotations

import logging

import paramiko

from agent.caller import Caller
from agent.transport.services import CommandRunner
from agent.transport.streams import ChannelStream

log = logging.getLogger(__name__)

NO_INTERACTIVE_SHELL = (
    "This agent has no interactive shell. Give the command to ssh, for example: ssh HOST 'show version'\n"
)
AGENT_FAULT = "% The command failed inside the agent; its log says why.\n"
NOT_TEXT = "% The command is not UTF-8 text.\n"


def run_command(stream: ChannelStream, command: bytes, caller: Caller, commands: CommandRunner) -> None:
    """Run `command` and end the channel, whatever happens."""
    status = 1
    try:
        try:
            line = command.decode("utf-8")
        except UnicodeDecodeError:
            stream.sendall(NOT_TEXT.encode())
            return
        try:
            result = commands.run(line, caller, stream.is_gone)
        except Exception:
            log.exception("a shell command of %s failed", caller.user)
            stream.sendall(AGENT_FAULT.encode())
            return
        try:
            for chunk in result.chunks():
                stream.sendall(chunk)
        finally:
            result.close()
        status = result.status
    except (OSError, EOFError, paramiko.SSHException) as error:
        log.info("the client of a shell command of %s went away (%s)", caller.user, type(error).__name__)
    finally:
        stream.close_with_status(status)


def refuse_interactive_shell(stream: ChannelStream) -> None:
    """Say what to do instead, and end the channel."""
    try:
        # CR as well: a client that asked for a shell may have put its terminal into raw mode.
        stream.sendall(NO_INTERACTIVE_SHELL.replace("\n", "\r\n").encode())
    except (OSError, EOFError, paramiko.SSHException) as error:
        log.info("the client that asked for a shell went away (%s)", type(error).__name__)
    finally:
        stream.close_with_status(1)
