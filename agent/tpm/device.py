"""The TPM of this machine: found by an address, used by one thread at a time, never for longer than a time limit.

A connection lasts for as long as a few commands belong together, so that other programs have their turn and the
kernel's resource manager takes away what was loaded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from agent.clock import Clock
from agent.tpm.commands import Commands
from agent.tpm.errors import TpmAbsentError, TpmTimeLimitError, TpmUnusableError
from agent.tpm.transport import TRANSPORTS
from agent.tpm.wire import WireError

#: The kernel's device with a resource manager: used where nothing else is said.
DEFAULT_ADDRESS: Final = "device:/dev/tpmrm0"
#: No TPM is used, whatever the machine has.
NO_TPM: Final = "none"
#: Seconds to wait for another thread's commands.
_TURN_SECONDS: Final = 20.0


class Tpm:
    """One TPM. Safe to use from any number of threads: they take turns."""

    def __init__(self, address: str, clock: Clock) -> None:
        """`address`: as `check_address` allows it."""
        self._address = check_address(address)
        self._clock = clock
        self._turn = threading.Lock()

    @property
    def place(self) -> str:
        """The path of its device or socket; "" if no TPM is used."""
        return self._address.partition(":")[2]

    @property
    def is_device(self) -> bool:
        """It is the kernel's, and not a socket of a program."""
        return self._address.startswith("device:")

    @contextmanager
    def session(self) -> Iterator[Commands]:
        """Commands for the TPM, to this thread alone. Raises TpmError, also for what the block does."""
        if self._address == NO_TPM:
            raise TpmAbsentError("The agent is told to use no TPM.")
        if not self._turn.acquire(timeout=_TURN_SECONDS):
            raise TpmTimeLimitError("The TPM is busy with other requests; try again.")
        try:
            kind, _, place = self._address.partition(":")
            transport = TRANSPORTS[kind](place, self._clock)
            try:
                yield Commands(transport, self._clock)
            finally:
                transport.close()
        except WireError as error:
            raise TpmUnusableError("The TPM has answered what is not TPM 2.0.") from error
        finally:
            self._turn.release()


def check_address(address: str) -> str:
    """`address` in full, if it is one: "none", "device:/dev/tpmrm0", "swtpm:path=/run/swtpm"; else ValueError."""
    if address == NO_TPM:
        return address
    kind, _, place = address.partition(":")
    place = place.removeprefix("path=")
    if kind not in TRANSPORTS or not place.startswith("/") or "\0" in place:
        raise ValueError(address)
    return f"{kind}:{place}"
