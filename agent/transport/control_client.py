"""The other end of the control socket, for the command line and for local programs."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from agent.transport.control_protocol import (
    MAX_ANSWER_BYTES,
    MODE_EXEC,
    MODE_NETCONF,
    ControlProtocolError,
    read_frame,
    write_frame,
)
from agent.transport.streams import SocketStream
from agent.transport.unix_address import short_address

#: How long a command may take before its client gives up, in seconds.
ANSWER_SECONDS = 300.0


class AgentUnreachableError(Exception):
    """No agent answers at the socket; the message says what to do."""


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """What a command printed and its exit status."""

    output: str
    status: int


def is_agent_running(path: Path) -> bool:
    """True when an agent answers at `path`. The file alone says nothing: an agent that was killed leaves it behind.
    Raises AgentUnreachableError when the socket belongs to somebody else."""
    try:
        connect(path).close()
    except AgentUnreachableError as error:
        if isinstance(error.__cause__, PermissionError):
            raise
        return False
    return True


def run_command(path: Path, line: str) -> CommandAnswer:
    """Run a shell command in the agent that serves the socket at `path`. Raises AgentUnreachableError."""
    connection = connect(path)
    try:
        stream = SocketStream(connection, ANSWER_SECONDS)
        stream.sendall(MODE_EXEC + b"\n")
        write_frame(stream, {"exec": line})
        answer = read_frame(stream, MAX_ANSWER_BYTES)
        return CommandAnswer(str(answer["output"]), int(answer["status"]))
    except (OSError, ControlProtocolError, KeyError, ValueError, TypeError) as error:
        raise AgentUnreachableError(f"the agent at {path} gave no answer: its log may say why") from error
    finally:
        connection.close()


def open_netconf(path: Path) -> socket.socket:
    """A connected socket on which the agent speaks NETCONF, its <hello> coming first. Raises AgentUnreachableError."""
    connection = connect(path)
    try:
        connection.sendall(MODE_NETCONF + b"\n")
    except OSError as error:
        connection.close()
        raise AgentUnreachableError(f"the agent at {path} closed the connection") from error
    return connection


def connect(path: Path) -> socket.socket:
    """A connection to the socket at `path`, nothing said yet. Raises AgentUnreachableError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short_address(path) as address:
            connection.connect(address)
    except PermissionError as error:
        connection.close()
        raise AgentUnreachableError(f"{path} belongs to another user: run this as the agent's user or root") from error
    except OSError as error:
        connection.close()
        raise AgentUnreachableError(f"no agent is running on {path.parent}: start it with 'trustconf serve'") from error
    return connection
