"""What can be asked of a host.

Rules: paths are absolute and come from constants of the agent or from listings of the same host, never from a client.
A command is one of `commands.ALLOWED`, word for word. Every method raises only `HostError`s (and `ValueError` for a
relative path or a command that is not allowed, which is a fault of the caller).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    # They import this module.
    from agent.host.changes import FolderWatch
    from agent.host.trees import Folder

#: Caps that apply when the caller names none.
DEFAULT_MAX_BYTES = 1024 * 1024
DEFAULT_MAX_ENTRIES = 10_000
DEFAULT_MAX_OUTPUT = 4 * 1024 * 1024
DEFAULT_COMMAND_SECONDS = 10.0
#: Reading one file may take this long (a dead network file system, a driver that dawdles).
FILE_SECONDS = 30.0
#: Hashing one file may take this long: it may be large, and is not kept.
DIGEST_SECONDS = 600.0
#: An extended attribute may be so large: the kernel's limit.
MAX_ATTRIBUTE_BYTES = 65536


@dataclass(frozen=True, slots=True)
class FileStatus:
    """What lstat or stat tell, as far as evidence needs it.

    Attributes:
        kind: "file", "folder", "link" or "other".
        mode: permission bits with setuid, setgid and sticky (0o7777).
        size: bytes.
        modified_ns: nanoseconds since 1970 of the last change of content.
        inode: number that changes when the file is replaced by another one.
        file_type: the type bits of the mode (stat.S_IFMT).
        user, group: numbers of the owners.
        device: of the file system that it is on.
        changed_ns: nanoseconds since 1970 of the last change of content or metadata; nobody can set it back.
        device_number: of what a device file stands for.

    The last six have defaults for recordings that were made before they were asked for.
    """

    kind: str
    mode: int
    size: int
    modified_ns: int
    inode: int
    file_type: int = 0
    user: int = 0
    group: int = 0
    device: int = 0
    changed_ns: int = 0
    device_number: int = 0


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended: its exit status (negative: killed by that signal) and its output."""

    status: int
    stdout: bytes


@dataclass(frozen=True, slots=True)
class KernelName:
    """uname(2): system ("Linux"), node, release, version, machine ("x86_64")."""

    system: str
    node: str
    release: str
    version: str
    machine: str


class Host(Protocol):
    """A machine that can be looked at, but not changed."""

    def read_file(self, path: str, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
        """The whole content of a regular file; links are followed."""

    def read_chunks(self, path: str, *, offset: int = 0, max_bytes: int = DEFAULT_MAX_BYTES) -> Iterator[bytes]:
        """The content of a regular file from `offset` on, piece by piece, for what is too large to be held at once.

        Links are followed. What is beyond the end is empty. Errors come with the piece that they are about.
        """

    def list_dir(self, path: str, max_entries: int = DEFAULT_MAX_ENTRIES) -> tuple[str, ...]:
        """The names in a folder, sorted, without "." and ".."."""

    def stat(self, path: str, *, follow: bool = True) -> FileStatus:
        """What is at `path`; with follow=False a link is reported itself."""

    def read_link(self, path: str) -> str:
        """Where a symbolic link points, as it is written in the link."""

    def digest_file(self, path: str, algorithm: str) -> bytes:
        """The digest of a regular file, by the name that hashlib has for the algorithm; a link is not followed."""

    def digests(self, path: str, algorithms: tuple[str, ...]) -> tuple[bytes, ...]:
        """Several digests of a regular file, which is read once for that; a link is not followed."""

    def open_file(self, path: str, max_bytes: int) -> IO[bytes]:
        """A regular file to read and seek in, for what is too large to be held; a link is not followed. Whoever asks
        closes it. Reading may raise OSError."""

    def attribute(self, path: str, name: str) -> bytes | None:
        """The extended attribute of what is at `path`, which may be a link itself; None if there is none."""

    def open_folder(self, path: str) -> Folder:
        """A folder to walk from; whoever opens it closes it. Not for recordings, which would hold the whole disk."""

    def watch(self) -> FolderWatch | None:
        """Something that tells of changes in folders; None where there is no such thing."""

    def run(
        self,
        argv: tuple[str, ...],
        timeout: float = DEFAULT_COMMAND_SECONDS,
        max_output: int = DEFAULT_MAX_OUTPUT,
    ) -> CommandResult:
        """Run one of `commands.ALLOWED` to its end; seconds, bytes. A non-zero status is a result, not an error."""

    def uname(self) -> KernelName:
        """The kernel's name."""


def check_path(path: str) -> str:
    """`path`, if it is absolute and has no NUL in it; else ValueError."""
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"not an absolute path: {path!r}")
    return path
