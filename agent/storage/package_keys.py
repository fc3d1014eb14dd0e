"""The folder `package-keys` of the state folder: where a person pins the public keys of whoever builds packages.

It lies outside of every package database, because whoever can edit such a database can edit the keys in it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from agent.storage.errors import ImportFileError, ImportFileNameError
from agent.storage.import_folder import ImportFolder

#: Of one file.
MAX_KEY_FILE_BYTES: Final = 1024 * 1024
MAX_KEY_FILES: Final = 200


class PackageKeyFolder:
    """The folder at `path`, made (mode 0700) when it does not exist. Raises StateFolderError when it can't be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = ImportFolder(path)

    def files(self) -> dict[str, bytes]:
        """Name and content of the files, by name; what can't be read, and what is too much, is not there."""
        try:
            names = sorted(os.listdir(self._path))[:MAX_KEY_FILES]
        except OSError:
            return {}
        contents: dict[str, bytes] = {}
        for name in names:
            try:
                contents[name] = self._folder.read(name, MAX_KEY_FILE_BYTES)
            except (ImportFileError, ImportFileNameError):
                continue
        return contents
