"""Bytes to and from a TPM, within a time limit: one command, one response.

The kernel's resource manager (/dev/tpmrm0) takes the commands of many programs; what a program leaves in the TPM goes
with its file. It is opened non-blocking, so that a TPM that hangs can be given up (Linux 4.20 and later; before, the
kernel's own limits hold). swtpm speaks the same bytes on a Unix socket, to one program at a time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import threading
from collections.abc import Callable
from types import MappingProxyType
from typing import Final, Protocol

from agent.clock import Clock
from agent.tpm.errors import TpmAbsentError, TpmDeniedError, TpmError, TpmTimeLimitError, TpmUnusableError

#: The largest response of a TPM (part 2, section 10.4.5 and the PC profile: 4096).
MAX_RESPONSE: Final = 4096
HEADER: Final = 10
#: Seconds to connect to a simulator.
_CONNECT_SECONDS: Final = 5.0

_ABSENT: Final = frozenset({errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.ECONNREFUSED, errno.ENOTDIR})


class Transport(Protocol):
    """A connection to a TPM."""

    def exchange(self, command: bytes, deadline: float) -> bytes:
        """The response to a command, at the latest at `deadline` (the clock's monotonic seconds).

        Raises TpmTimeLimitError, TpmUnusableError; the connection is of no use afterwards.
        """

    def close(self) -> None:
        """Returns at once, also when the TPM hangs."""


def os_error(shown: str, error: OSError) -> TpmError:
    """What the system refused, as one of this room's errors."""
    if error.errno in _ABSENT:
        return TpmAbsentError(f"There is no TPM at {shown}.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return TpmDeniedError(f"The agent's user may not use {shown}: add it to the group that owns it (tss).")
    if error.errno in (errno.ETIMEDOUT, errno.ETIME):
        return TpmTimeLimitError(f"The TPM at {shown} did not answer in time.")
    if error.errno == errno.EBUSY:
        return TpmTimeLimitError(f"Another program keeps {shown} for itself; use /dev/tpmrm0.")
    return TpmUnusableError(f"The TPM at {shown} can't be used: {os.strerror(error.errno or errno.EIO)}.")


class DeviceTransport:
    """The kernel's character device."""

    def __init__(self, path: str, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        #: A command was given up: the kernel is not done with it.
        self._is_busy = False
        try:
            self._file = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            raise os_error(path, error) from None

    def exchange(self, command: bytes, deadline: float) -> bytes:
        try:
            os.write(self._file, command)
            remaining = max(deadline - self._clock.monotonic(), 0.0)
            if not select.select([self._file], [], [], remaining)[0]:
                self._is_busy = True
                raise TpmTimeLimitError(f"The TPM at {self._path} did not answer in time.")
            return os.read(self._file, MAX_RESPONSE)
        except OSError as error:
            raise os_error(self._path, error) from None

    def close(self) -> None:
        if self._is_busy:
            # The kernel finishes the command that is under way before it lets go of the file.
            threading.Thread(target=os.close, args=(self._file,), name="tpm-close", daemon=True).start()
        else:
            os.close(self._file)


class SocketTransport:
    """The command socket of swtpm."""

    def __init__(self, path: str, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(_CONNECT_SECONDS)
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise self._error(error) from None

    def exchange(self, command: bytes, deadline: float) -> bytes:
        try:
            self._wait_until(deadline)
            self._socket.sendall(command)
            response = self._receive(HEADER, deadline)
            size = int.from_bytes(response[2:6], "big")
            if not HEADER <= size <= MAX_RESPONSE:
                raise TpmUnusableError(f"What answers at {self._path} is no TPM 2.0.")
            return response + self._receive(size - HEADER, deadline)
        except OSError as error:
            raise self._error(error) from None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def _receive(self, count: int, deadline: float) -> bytes:
        received = bytearray()
        while len(received) < count:
            self._wait_until(deadline)
            part = self._socket.recv(count - len(received))
            if not part:
                raise TpmUnusableError(f"The TPM at {self._path} has closed the connection.")
            received += part
        return bytes(received)

    def _wait_until(self, deadline: float) -> None:
        remaining = deadline - self._clock.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._socket.settimeout(remaining)

    def _error(self, error: OSError) -> TpmError:
        if isinstance(error, TimeoutError):
            return TpmTimeLimitError(f"The TPM at {self._path} did not answer in time.")
        return os_error(self._path, error)


#: What stands before the colon of an address -> how to connect to what stands after it.
TRANSPORTS: Final[MappingProxyType[str, Callable[[str, Clock], Transport]]] = MappingProxyType(
    {"device": DeviceTransport, "swtpm": SocketTransport}
)
