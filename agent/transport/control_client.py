"""The other end of the control socket, for the command line and for local programs."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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


def run_command(path: Path, line: str, write: Callable[[str], object]) -> int:
    """Run a shell command in the agent that serves the socket at `path`: what it prints goes to `write` as it comes;
    gives its exit status. Raises AgentUnreachableError, and what `write` raises."""
    connection = connect(path)
    try:
        stream = SocketStream(connection, ANSWER_SECONDS)
        for answer in _answers(stream, path, line):
            if "status" in answer:
                return int(answer["status"])
            write(str(answer.get("output", "")))
        raise AssertionError("the answers end with a status")
    finally:
        connection.close()


def _answers(stream: SocketStream, path: Path, line: str) -> Iterator[dict[str, Any]]:
    try:
        stream.sendall(MODE_EXEC + b"\n")
        write_frame(stream, {"exec": line})
        while True:
            answer = read_frame(stream, MAX_ANSWER_BYTES)
            yield answer
    except (OSError, ControlProtocolError) as error:
        raise AgentUnreachableError(f"the agent at {path} gave no answer: its log may say why") from error


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
