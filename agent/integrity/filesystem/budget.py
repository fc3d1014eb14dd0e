"""A scan takes what others leave over: its thread is nice, its reads wait for those of others, and it pauses."""

from __future__ import annotations

import ctypes
import platform
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from agent.integrity.niceness import be_nice

#: Files between two pauses.
BATCH: Final = 256

#: The number of ioprio_set(2), by the kind of machine (uname -m); glibc has no function for it.
_IOPRIO_SET: Final = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "ppc64le": 273, "s390x": 282, "armv7l": 314}
_WHO_PROCESS: Final = 1
_CLASS_SHIFT: Final = 13


class IoClass(IntEnum):
    """A class of ioprio_set(2)."""

    BEST_EFFORT = 2
    IDLE = 3


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of the device a scan may take.

    Attributes:
        niceness: 0 to 19.
        io_class: idle reads only when nobody else does.
        pause: seconds after each BATCH of files.
    """

    niceness: int = 10
    io_class: IoClass = IoClass.IDLE
    pause: float = 0.0

    def apply(self) -> None:
        """Make it that of the calling thread; what the kernel does not allow or know is left as it is."""
        be_nice(self.niceness)
        number = _IOPRIO_SET.get(platform.machine())
        if number is not None:
            library = ctypes.CDLL(None, use_errno=True)
            # 0: the calling thread.
            library.syscall(number, _WHO_PROCESS, 0, int(self.io_class) << _CLASS_SHIFT)
