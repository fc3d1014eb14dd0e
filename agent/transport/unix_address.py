"""Addresses of Unix-domain sockets in folders whose path is longer than the 107 bytes that the kernel allows."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def short_address(path: Path) -> Iterator[str]:
    """A name of `path` that always fits, valid inside the `with`. Raises OSError when its folder can't be opened."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
