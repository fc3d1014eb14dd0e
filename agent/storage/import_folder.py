"""The folder `import` of the state folder: where a person on the device puts files for a client to name, since a client
must not name any other file of the machine.

A client names a file by its bare name. Nothing leads out of the folder: no path, no symbolic link, and what is not a
regular file is not opened for longer than it takes to see that.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from agent.storage.errors import ImportFileError, ImportFileNameError, StateFolderError
from agent.storage.state_folder import FOLDER_MODE

#: A bare name: no slash, and no leading period, so neither "." nor "..".
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: O_NONBLOCK: a FIFO in the place of a file can't hold the agent up.
_FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class ImportFolder:
    """The folder at `path`, made (mode 0700) when it does not exist. Raises StateFolderError when it can't be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.mkdir(mode=FOLDER_MODE, exist_ok=True)
            descriptor = os.open(path, _FOLDER_FLAGS)
            try:
                os.fchmod(descriptor, FOLDER_MODE)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StateFolderError(f"The import folder {path} can't be used: {error.strerror}.") from error

    def read(self, name: str, max_bytes: int) -> bytes:
        """The content of the file `name`, at most `max_bytes`. Raises ImportFileNameError, ImportFileError."""
        if not _NAME.fullmatch(name):
            raise ImportFileNameError(
                "Name a file in the folder 'import' of the agent's state folder, by its name alone: letters, digits,"
                " '_', '-' and '.', no folder and no URL. Put the file there first."
            )
        try:
            folder = os.open(self._path, _FOLDER_FLAGS)
            try:
                descriptor = os.open(name, _FILE_FLAGS, dir_fd=folder)
            finally:
                os.close(folder)
        except FileNotFoundError:
            raise ImportFileError(f"There is no file {name} in the folder 'import'; put it there first.") from None
        except OSError:
            # A symbolic link (ELOOP), a socket (ENXIO), a file of somebody else (EACCES).
            raise _unusable(name) from None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _unusable(name)
            content = os.read(descriptor, max_bytes + 1)
        except OSError:
            raise _unusable(name) from None
        finally:
            os.close(descriptor)
        if len(content) > max_bytes:
            raise ImportFileError(f"The file {name} in the folder 'import' has more than {max_bytes} bytes.")
        return content


def _unusable(name: str) -> ImportFileError:
    return ImportFileError(
        f"{name} in the folder 'import' can't be read: it must be a regular file, no link, and the agent's user must be"
        " allowed to read it."
    )
