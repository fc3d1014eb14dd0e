"""One question, one answer, by the method that the device is asked with."""

from __future__ import annotations

from typing import BinaryIO, Final

from agent.collector.command import ask_by_command
from agent.collector.errors import NoEvidenceError, Obstacle
from agent.collector.question import Question
from agent.collector.ssh import Access, connected
from agent.collector.targets import Method, Target

#: What to do when a client is asked for that is not installed.
NO_NCCLIENT: Final = "ncclient is not installed: pip install 'trustconf[collect]', or ask by --ssh"


def ask(target: Target, question: Question, access: Access, answer: BinaryIO) -> None:
    """Write the device's envelope to `answer`. Raises NoEvidenceError, and OSError if that can't be written."""
    with connected(target, access) as transport:
        if target.method is Method.SSH:
            ask_by_command(transport, question, access.time_limit, answer)
            return
        try:
            from agent.collector.netconf import ask_by_netconf
        except ImportError as error:
            raise NoEvidenceError(Obstacle.FAILED, NO_NCCLIENT) from error
        ask_by_netconf(transport, question, access.time_limit, answer)
