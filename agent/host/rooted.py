"""A folder that stands for a machine: a test's fixture, an unpacked image, a mounted container.

Paths are resolved as chroot(2) would do it: absolute links and ".." stay inside the folder. That keeps honest content
inside; it is no jail against somebody who changes the folder while it is being read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from agent.clock import Clock, SystemClock
from agent.host import files
from agent.host.changes import FolderWatch, watch
from agent.host.commands import check_command
from agent.host.contract import (
    DEFAULT_COMMAND_SECONDS,
    DEFAULT_MAX_BYTES,
    DEFAULT_MAX_ENTRIES,
    DEFAULT_MAX_OUTPUT,
    CommandResult,
    FileStatus,
    KernelName,
    check_path,
)
from agent.host.errors import AbsentError, TooLargeError, UnreadableError
from agent.host.trees import OpenFolder

#: Links followed in one path before it is called a loop, as the kernel does it.
MAX_LINKS = 40


class RootedHost:
    """A `Host` whose "/" is a folder.

    Args:
        root: the folder.
        commands: what allowed commands would have said; all others are not installed.
        kernel: what uname would have said; None: unknown.
    """

    def __init__(
        self,
        root: Path,
        *,
        commands: Mapping[tuple[str, ...], CommandResult] | None = None,
        kernel: KernelName | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._root = os.path.realpath(root)
        self._commands = dict(commands or {})
        self._kernel = kernel
        self._clock = clock or SystemClock()

    def read_file(self, path: str, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
        return files.read_file(self._place(path), path, max_bytes, self._clock)

    def read_chunks(self, path: str, *, offset: int = 0, max_bytes: int = DEFAULT_MAX_BYTES) -> Iterator[bytes]:
        return files.read_chunks(self._place(path), path, offset, max_bytes, self._clock)

    def list_dir(self, path: str, max_entries: int = DEFAULT_MAX_ENTRIES) -> tuple[str, ...]:
        return files.list_dir(self._place(path), path, max_entries)

    def stat(self, path: str, *, follow: bool = True) -> FileStatus:
        return files.file_status(self._place(path, follow_last=follow), path, follow)

    def read_link(self, path: str) -> str:
        return files.read_link(self._place(path, follow_last=False), path)

    def digest_file(self, path: str, algorithm: str) -> bytes:
        return self.digests(path, (algorithm,))[0]

    def digests(self, path: str, algorithms: tuple[str, ...]) -> tuple[bytes, ...]:
        return files.digests(self._place(path, follow_last=False), path, algorithms, self._clock)

    def open_file(self, path: str, max_bytes: int) -> IO[bytes]:
        return files.open_file(self._place(path, follow_last=False), path, max_bytes)

    def attribute(self, path: str, name: str) -> bytes | None:
        return files.attribute(self._place(path, follow_last=False), path, name)

    def open_folder(self, path: str) -> OpenFolder:
        return OpenFolder.at(self._place(path, follow_last=False), path, self._clock.monotonic)

    def watch(self) -> FolderWatch | None:
        return watch(self._place)

    def run(
        self,
        argv: tuple[str, ...],
        timeout: float = DEFAULT_COMMAND_SECONDS,
        max_output: int = DEFAULT_MAX_OUTPUT,
    ) -> CommandResult:
        result = self._commands.get(check_command(argv))
        if result is None:
            raise AbsentError(argv[0], "this command is not installed")
        if len(result.stdout) > max_output:
            raise TooLargeError(argv[0], f"wrote more than the limit of {max_output} bytes")
        return result

    def uname(self) -> KernelName:
        if self._kernel is None:
            raise AbsentError("uname", "the kernel of this host is not known")
        return self._kernel

    def _place(self, path: str, *, follow_last: bool = True) -> str:
        """Where in the real file system `path` is."""
        waiting = check_path(path).split("/")[::-1]
        walked: list[str] = []
        links = 0
        while waiting:
            name = waiting.pop()
            if name in ("", "."):
                continue
            if name == "..":
                del walked[-1:]
                continue
            here = os.path.join(self._root, *walked, name)
            if (waiting or follow_last) and os.path.islink(here):
                links += 1
                if links > MAX_LINKS:
                    raise UnreadableError(path, "has too many symbolic links")
                target = files.read_link(here, path)
                if target.startswith("/"):
                    walked = []
                waiting.extend(target.split("/")[::-1])
                continue
            walked.append(name)
        return os.path.join(self._root, *walked)
