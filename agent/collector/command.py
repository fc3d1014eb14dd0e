"""Evidence by the guide's show command, as Crosswork asks for it: one line on an SSH exec channel."""

from __future__ import annotations

import shlex
from typing import BinaryIO, Final

import paramiko

from agent.collector.errors import NoEvidenceError, Obstacle
from agent.collector.question import UNCOMPRESSED, Question

_PIECE: Final = 64 * 1024
#: Bytes of what a refusal says.
_MAX_REFUSAL: Final = 2048


def command_line(question: Question) -> str:
    """The guide's command for this question."""
    words = ["show", "platform", "security", "integrity", "dossier"]
    if question.incremental_ima:
        words += ["incremental-ima", shlex.quote(question.incremental_ima)]
    words += ["include", *question.selectors]
    if question.inventory_options:
        words += ["filesystem-inventory-options", shlex.quote(question.inventory_options)]
    nonce = shlex.quote(question.nonce)
    words += ["nonce", nonce, "|", "utility", "sign", "nonce", nonce, "include-certificate"]
    if question.include_tpm_quote:
        words.append("include-tpm-quote")
    if question.compression != UNCOMPRESSED:
        words += ["compress", question.compression]
    return " ".join(words)


def ask_by_command(transport: paramiko.Transport, question: Question, time_limit: float, answer: BinaryIO) -> None:
    """Write what the command prints to `answer`. Raises NoEvidenceError; whoever cuts the connection ends it."""
    channel = transport.open_session(timeout=time_limit)
    channel.exec_command(command_line(question))
    start = b""
    while data := channel.recv(_PIECE):
        if len(start) < _MAX_REFUSAL:
            start += data[:_MAX_REFUSAL]
        answer.write(data)
    status = channel.recv_exit_status()
    if status == _CUT:
        raise NoEvidenceError(Obstacle.BAD_ANSWER, "the device ended the connection before its answer was complete")
    if status != 0:
        said = " ".join(start.decode("utf-8", "replace").split()) or f"exit status {status}"
        raise NoEvidenceError(Obstacle.REFUSED, f"the device refused the command: {said[-500:]}")


#: paramiko's exit status of a channel that was closed without one.
_CUT: Final = -1
