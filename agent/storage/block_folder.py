"""A folder of the state folder for files that can be made again: what can't be read or written is not there."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from pathlib import Path
from typing import Final

from agent.storage.state_folder import FILE_MODE, FOLDER_MODE

log = logging.getLogger(__name__)

#: Names of blocks have no dot.
_UNFINISHED: Final = ".new"
_NAME: Final = re.compile(r"[a-z0-9-]{1,64}")


class BlockFolder:
    """The folder at `path`, made (mode 0700) when it does not exist."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with contextlib.suppress(OSError):
            path.mkdir(mode=FOLDER_MODE, exist_ok=True)

    def read(self, name: str, max_bytes: int) -> bytes | None:
        """The content of a file; None if there is none, it is larger, or it can't be read."""
        try:
            descriptor = os.open(self._file(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb") as file:
                content = file.read(max_bytes + 1)
        except OSError:
            return None
        return content if len(content) <= max_bytes else None

    def write(self, name: str, content: bytes) -> bool:
        """Write a file, whole or not at all; whether that went well."""
        try:
            self._path.mkdir(mode=FOLDER_MODE, exist_ok=True)
            # Whole or not at all, but not durable: it can be made again.
            temporary = self._path / f"{name}{_UNFINISHED}"
            descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, FILE_MODE)
            with open(descriptor, "wb") as file:
                file.write(content)
            temporary.rename(self._file(name))
        except OSError as error:
            log.warning("%s can't be written: %s", self._file(name), error.strerror)
            return False
        return True

    def keep_only(self, names: set[str]) -> None:
        """Remove all other files."""
        with contextlib.suppress(OSError):
            for entry in list(os.scandir(self._path)):
                if entry.name not in names:
                    os.unlink(entry.path)

    def _file(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a name of a block: {name!r}")
        return self._path / name
