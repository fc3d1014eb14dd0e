"""Accepting connections until told to stop: the loop that the SSH listener and the control socket share."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

log = logging.getLogger(__name__)

#: How long to wait, in seconds, when the system can't give a connection.
RETRY_SECONDS = 0.1


def accept_until(listening: socket.socket, stopping: threading.Event) -> Iterator[tuple[socket.socket, Any]]:
    """Each connection with its address, until `stopping` is set and `listening` is shut down. Never raises."""
    while not stopping.is_set():
        try:
            accepted = listening.accept()
        except OSError as error:
            if stopping.is_set():
                return
            # Out of descriptors, most likely: the backlog keeps the client, others may end meanwhile.
            log.error("accepting a connection failed: %s", error.strerror)
            stopping.wait(RETRY_SECONDS)
            continue
        yield accepted
