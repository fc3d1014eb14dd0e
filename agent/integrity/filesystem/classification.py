"""What a file is for, by its type, its mode and its place: the first row that fits."""

from __future__ import annotations

import re
import stat
from typing import Final

from agent.integrity.filesystem.records import Classification

_EXECUTABLE_BITS: Final = 0o111
#: Shared objects, with or without their version, and modules of the kernel.
_LIBRARY: Final = re.compile(rb"\.so(?:\.[0-9.]+)?$|\.ko(?:\.(?:gz|xz|zst))?$", re.DOTALL)
#: Where configuration is, and where what comes and goes is.
_CONFIG: Final = b"/etc/"
_VOLATILE: Final = (b"/tmp/", b"/var/tmp/", b"/var/log/", b"/var/cache/", b"/var/spool/", b"/var/run/", b"/var/lock/")


def classify(folder: bytes, name: bytes, mode: int) -> Classification:
    """The class of the file `name` in `folder` (b"" for the root folder, else without a slash at its end)."""
    if stat.S_ISDIR(mode):
        return Classification.DIRECTORY
    is_regular = stat.S_ISREG(mode)
    if (is_regular or stat.S_ISLNK(mode)) and b"." in name and _LIBRARY.search(name):
        return Classification.LIBRARY
    if is_regular and mode & _EXECUTABLE_BITS:
        return Classification.EXECUTABLE
    place = folder + b"/"
    if place.startswith(_CONFIG):
        return Classification.CONFIG
    if place.startswith(_VOLATILE) or not (is_regular or stat.S_ISLNK(mode)):
        return Classification.VOLATILE
    return Classification.UNCLASSIFIED
