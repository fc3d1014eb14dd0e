"""The machine that the agent runs on."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from agent.clock import Clock, SystemClock
from agent.host import files
from agent.host.changes import FolderWatch, watch
from agent.host.commands import ENVIRONMENT, SYSTEM_PATH, check_command
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
from agent.host.errors import AbsentError, TimeLimitError, TooLargeError, from_os_error
from agent.host.trees import OpenFolder

_PIPE_CHUNK = 65536


class RealHost:
    """A `Host` that asks the operating system."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    def read_file(self, path: str, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
        return files.read_file(check_path(path), path, max_bytes, self._clock)

    def read_chunks(self, path: str, *, offset: int = 0, max_bytes: int = DEFAULT_MAX_BYTES) -> Iterator[bytes]:
        return files.read_chunks(check_path(path), path, offset, max_bytes, self._clock)

    def list_dir(self, path: str, max_entries: int = DEFAULT_MAX_ENTRIES) -> tuple[str, ...]:
        return files.list_dir(check_path(path), path, max_entries)

    def stat(self, path: str, *, follow: bool = True) -> FileStatus:
        return files.file_status(check_path(path), path, follow)

    def read_link(self, path: str) -> str:
        return files.read_link(check_path(path), path)

    def digest_file(self, path: str, algorithm: str) -> bytes:
        return self.digests(path, (algorithm,))[0]

    def digests(self, path: str, algorithms: tuple[str, ...]) -> tuple[bytes, ...]:
        return files.digests(check_path(path), path, algorithms, self._clock)

    def open_file(self, path: str, max_bytes: int) -> IO[bytes]:
        return files.open_file(check_path(path), path, max_bytes)

    def attribute(self, path: str, name: str) -> bytes | None:
        return files.attribute(check_path(path), path, name)

    def open_folder(self, path: str) -> OpenFolder:
        return OpenFolder.at(check_path(path), path, self._clock.monotonic)

    def watch(self) -> FolderWatch | None:
        return watch(check_path)

    def run(
        self,
        argv: tuple[str, ...],
        timeout: float = DEFAULT_COMMAND_SECONDS,
        max_output: int = DEFAULT_MAX_OUTPUT,
    ) -> CommandResult:
        return run_program(find_program(check_command(argv)[0]), argv, timeout, max_output, self._clock)

    def uname(self) -> KernelName:
        return KernelName(*os.uname())


def find_program(name: str) -> str:
    """The path of a system program."""
    for folder in SYSTEM_PATH:
        candidate = Path(folder, name)
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    raise AbsentError(name, "this command is not installed")


def run_program(program: str, argv: tuple[str, ...], timeout: float, max_output: int, clock: Clock) -> CommandResult:
    """Run `program` without input, environment or terminal; it and its children are killed at a limit."""
    shown = " ".join(argv)
    deadline = clock.monotonic() + timeout
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell; whole argument lists from a table of constants
            argv,
            executable=program,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise from_os_error(shown, error) from None
    try:
        output = _drain(process, shown, deadline, timeout, max_output, clock)
        try:
            status = process.wait(max(deadline - clock.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            raise TimeLimitError(shown, f"did not end within {timeout:g} seconds") from None
        return CommandResult(status, output)
    finally:
        _end(process)


def _drain(
    process: subprocess.Popen[bytes], shown: str, deadline: float, timeout: float, max_output: int, clock: Clock
) -> bytes:
    assert process.stdout is not None
    parts: list[bytes] = []
    total = 0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            remaining = deadline - clock.monotonic()
            if remaining <= 0 or not selector.select(remaining):
                raise TimeLimitError(shown, f"did not end within {timeout:g} seconds")
            part = os.read(process.stdout.fileno(), _PIPE_CHUNK)
            if not part:
                return b"".join(parts)
            parts.append(part)
            total += len(part)
            if total > max_output:
                raise TooLargeError(shown, f"wrote more than the limit of {max_output} bytes")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdout is not None:
        process.stdout.close()
    if process.poll() is None:
        # Its own session, so that what it started ends with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
