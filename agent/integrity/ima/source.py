"""Where the IMA logs of a host are, and to which start of its kernel they belong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agent.host.contract import Host
from agent.host.errors import AbsentError, HostError
from agent.integrity.errors import ResultCode, SourceUnavailableError, unavailable
from agent.integrity.ima.ascii_log import ascii_events
from agent.integrity.ima.binary_log import binary_events
from agent.integrity.ima.event import ImaEvent
from agent.integrity.sources.reading import optional_attribute
from agent.integrity.sources.reboots import kernel_start

FOLDER: Final = "/sys/kernel/security/ima"
BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"
#: A log of a million events has some 128 MiB.
MAX_LOG_BYTES: Final = 1024 * 1024 * 1024
#: The banks of logs with a digest in their name, in the order in which they are looked for.
_NAMED_BANKS: Final = ("sha256", "sha384", "sha512", "sha1")


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log of the kernel: its path, its form ("binary", "ascii"), and the algorithm of its template hashes."""

    path: str
    form: str
    bank: str

    def events(self, chunks: Iterable[bytes], *, before: int = 0, offset: int = 0) -> Iterator[ImaEvent]:
        """The events in a part of the log; raises ImaLogError."""
        read = binary_events if self.form == "binary" else ascii_events
        return read(chunks, self.bank, before=before, offset=offset)


@dataclass(frozen=True, slots=True)
class Boot:
    """One start of the kernel.

    Attributes:
        id: the kernel's own id of it; where there is none, the time.
        start: when it was, UTC, by whole seconds.
    """

    id: str
    start: datetime


#: The logs in the order of preference: binary, because text loses the difference between some bytes; and that of SHA-1,
#: because every kernel has it, and the data beside the hash are the same.
LOG_FILES: Final = tuple(
    LogFile(f"{FOLDER}/{form}_runtime_measurements{suffix}", form, bank)
    for form in ("binary", "ascii")
    for suffix, bank in (("", "sha1"), *((f"_{bank}", bank) for bank in _NAMED_BANKS))
)


def find_log(host: Host) -> LogFile:
    """The best log that can be read; raises SourceUnavailableError."""
    refusal: HostError | None = None
    for file in LOG_FILES:
        try:
            # What can be read is known by reading: permissions of securityfs say nothing of lockdown and capabilities.
            chunks = host.read_chunks(file.path, max_bytes=MAX_LOG_BYTES)
            next(iter(chunks), None)
        except AbsentError:
            continue
        except HostError as error:
            refusal = refusal or error
        else:
            return file
    if refusal is not None:
        raise unavailable(refusal)
    raise SourceUnavailableError(f"this host has no IMA log: {FOLDER} has no runtime measurements")


def read_boot(host: Host) -> Boot:
    """The start of the running kernel; raises SourceUnavailableError."""
    start = kernel_start(host)
    return Boot(optional_attribute(host, BOOT_ID) or f"started-at-{start.timestamp():.0f}", start)


def damaged(message: str) -> SourceUnavailableError:
    """A log that makes no sense, as the absence of evidence."""
    return SourceUnavailableError(message, ResultCode.FAILED)
