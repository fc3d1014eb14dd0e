"""The boot log of a host, with what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.boot_log.contents import edited, firmware_errors, secure_boot
from agent.integrity.boot_log.event import BootEvent, BootLogError
from agent.integrity.boot_log.parsing import BootLog, parse
from agent.integrity.boot_log.replay import replay
from agent.integrity.errors import ResultCode, SourceUnavailableError, unavailable

SECURITY: Final = "/sys/kernel/security"
LOG_NAME: Final = "binary_bios_measurements"
MAX_LOG_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BootEvidence:
    """A boot log with its replay.

    Attributes:
        path: where it was read.
        registers: by bank and number of the register.
        secure_boot: "enabled" or "disabled", as the firmware has measured it; None if it has not.
        errors: events by which the firmware says that something went wrong.
        edited: events whose data are not what was measured.
    """

    path: str
    log: BootLog
    registers: dict[str, dict[int, bytes]]
    secure_boot: str | None
    errors: tuple[BootEvent, ...]
    edited: tuple[BootEvent, ...]


def log_path(host: Host) -> str:
    """Where the boot log of the first TPM is; raises SourceUnavailableError."""
    try:
        names = [name for name in host.list_dir(SECURITY) if name.startswith("tpm") and name[3:].isdigit()]
    except HostError as error:
        raise unavailable(error) from None
    if not names:
        raise SourceUnavailableError(f"this host has no boot log: {SECURITY} has no folder of a TPM")
    return f"{SECURITY}/{min(names, key=lambda name: int(name[3:]))}/{LOG_NAME}"


def read_boot_log(host: Host) -> BootEvidence:
    """Raises SourceUnavailableError."""
    path = log_path(host)
    try:
        log = parse(host.read_file(path, MAX_LOG_BYTES))
    except HostError as error:
        raise unavailable(error) from None
    except BootLogError as error:
        raise SourceUnavailableError(error.message, ResultCode.FAILED) from None
    events = log.events
    return BootEvidence(path, log, replay(log), secure_boot(events), firmware_errors(events), edited(events))
