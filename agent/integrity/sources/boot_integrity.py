"""How far this system was started in a trusted way: what the kernel and the firmware say of themselves.

Each fact is a text of its own, because absence is a fact too: "not-present" (this host has no such thing),
"permission-denied" and "unreadable" can stand in place of a value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.host.contract import Host
from agent.host.errors import AbsentError, DeniedError, HostError
from agent.integrity.sources.reading import attribute

NOT_PRESENT = "not-present"
PERMISSION_DENIED = "permission-denied"
UNREADABLE = "unreadable"

_GLOBAL_VARIABLES = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
_EFI_VARIABLES = "/sys/firmware/efi/efivars"
#: An EFI variable's file: 4 bytes of attributes, then its value; these have one byte (UEFI specification, 3.3).
_EFI_FLAG_BYTES = 5
_IMA = "/sys/kernel/security/ima"
MAX_POLICY_BYTES = 1024 * 1024
_TPM = "/sys/class/tpm"
_LOCKED = ("integrity", "confidentiality")
_ENABLED = {"Y": "enabled", "1": "enabled", "N": "disabled", "0": "disabled"}


@dataclass(frozen=True, slots=True)
class BootIntegrity:
    """The facts, each a value or one of NOT_PRESENT, PERMISSION_DENIED, UNREADABLE.

    Attributes:
        secure_boot: "enabled", "disabled" or "setup-mode" (no platform key: anything starts).
        lockdown: the kernel's lockdown mode: "none", "integrity" or "confidentiality".
        module_signatures: "enabled" if unsigned kernel modules are refused, else "disabled".
        ima: "present", and the number of its measurements.
        ima_violations: the number of measurements that could not be made reliably.
        ima_policy: its rules, a line each, if this kernel shows them.
        tpm: the first TPM's version: "2.0", "1.2" or "present".
        kernel_tainted: the kernel's taint bits, decimal.
        boot_id: a new one for each start of the kernel.
        command_line: the kernel's.
    """

    secure_boot: str
    lockdown: str
    module_signatures: str
    ima: str
    ima_measurements: str
    ima_violations: str
    ima_policy: str
    tpm: str
    kernel_tainted: str
    boot_id: str
    command_line: str


def boot_integrity(host: Host) -> BootIntegrity:
    """What this host says; never raises."""

    def text(path: str) -> str:
        return _told(lambda: attribute(host, path))

    return BootIntegrity(
        secure_boot=_told(lambda: _secure_boot(host)),
        lockdown=_told(lambda: _lockdown(host)),
        module_signatures=_told(lambda: _module_signatures(host)),
        ima=_told(lambda: "present" if host.list_dir(_IMA) else NOT_PRESENT),
        ima_measurements=text(f"{_IMA}/runtime_measurements_count"),
        ima_violations=text(f"{_IMA}/violations"),
        ima_policy=_told(lambda: _policy(host)),
        tpm=_told(lambda: _tpm(host)),
        kernel_tainted=text("/proc/sys/kernel/tainted"),
        boot_id=text("/proc/sys/kernel/random/boot_id"),
        command_line=text("/proc/cmdline"),
    )


def _told(read: Callable[[], str]) -> str:
    try:
        return read()
    except AbsentError:
        return NOT_PRESENT
    except DeniedError:
        return PERMISSION_DENIED
    except HostError:
        return UNREADABLE


def _efi_flag(host: Host, name: str) -> bool | None:
    content = host.read_file(f"{_EFI_VARIABLES}/{name}-{_GLOBAL_VARIABLES}", 64)
    return content[-1] == 1 if len(content) == _EFI_FLAG_BYTES else None


def _secure_boot(host: Host) -> str:
    enabled = _efi_flag(host, "SecureBoot")
    if enabled is None:
        return UNREADABLE
    if enabled:
        return "enabled"
    try:
        return "setup-mode" if _efi_flag(host, "SetupMode") else "disabled"
    except HostError:
        return "disabled"


def _lockdown(host: Host) -> str:
    # "none [integrity] confidentiality": the mode in force stands in brackets.
    for word in attribute(host, "/sys/kernel/security/lockdown").split():
        if word.startswith("[") and word.endswith("]"):
            return word[1:-1]
    return UNREADABLE


def _module_signatures(host: Host) -> str:
    enforced = _ENABLED.get(attribute(host, "/sys/module/module/parameters/sig_enforce"), UNREADABLE)
    # A kernel that is locked down refuses unsigned modules too, and does not say so there.
    return "enabled" if enforced == "disabled" and _told(lambda: _lockdown(host)) in _LOCKED else enforced


def _policy(host: Host) -> str:
    lines = host.read_file(f"{_IMA}/policy", MAX_POLICY_BYTES).decode("utf-8", "replace").splitlines()
    return "\n".join("".join(each for each in line if each.isprintable()) for line in lines)


def _tpm(host: Host) -> str:
    names = host.list_dir(_TPM)
    if not names:
        return NOT_PRESENT
    try:
        version = attribute(host, f"{_TPM}/{names[0]}/tpm_version_major")
    except AbsentError:
        return "present"
    return {"2": "2.0", "1": "1.2"}.get(version, "present")
