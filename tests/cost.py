"""How much work something is, counted instead of timed: the same on every machine and under any load."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def count_steps(function: Callable[[], object]) -> int:
    """How many bytecodes of Python the current thread executes in `function`.

    Loops, comprehensions and recursion all count. What C code does in one call counts as one step: copying a
    dictionary of 10,000 entries, the only thing that is allowed to grow with a list, is one.
    """
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if event == "call":
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
        elif event == "opcode":
            count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count
