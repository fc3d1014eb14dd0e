"""A thread that takes what others leave over: gathering evidence can wait, forwarding and logins can't."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Final

DEFAULT_NICENESS: Final = 10


def be_nice(niceness: int = DEFAULT_NICENESS) -> None:
    """For the calling thread, 0..19; what the kernel does not allow is left as it is."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
