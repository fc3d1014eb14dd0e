"""What this device is made of: chassis, processors, memory, disks and network interfaces, from /sys and /proc.

What a host does not tell is None; only if it tells nothing at all is that an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.host.contract import Host
from agent.host.errors import AbsentError, HostError, TooLargeError
from agent.integrity.errors import SourceUnavailableError, unavailable
from agent.integrity.sources.reading import optional, optional_attribute

MAX_CPUINFO_BYTES = 16 * 1024 * 1024
MAX_MEMINFO_BYTES = 64 * 1024
#: With more disks or more interfaces than this there is no inventory.
MAX_DEVICES = 10_000

_SECTOR_BYTES = 512
_DMI = "/sys/class/dmi/id"
#: Block devices that are memory or views of other devices.
_NO_DISKS = ("loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd")
#: Names of the processor's model in /proc/cpuinfo, by architecture.
_MODEL_FIELDS = (b"model name", b"Model", b"cpu", b"Processor", b"uarch", b"Hardware")


@dataclass(frozen=True, slots=True)
class Chassis:
    """The machine, as its firmware describes it. Serial numbers are readable by root only."""

    manufacturer: str | None
    product: str | None
    version: str | None
    serial_number: str | None
    board: str | None
    firmware: str | None


@dataclass(frozen=True, slots=True)
class Processor:
    """Model and number of logical processors."""

    model: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Disk:
    """One block device; `size` in bytes."""

    name: str
    size: int | None
    model: str | None
    serial_number: str | None
    removable: bool


@dataclass(frozen=True, slots=True)
class Interface:
    """One network interface; `physical` if a device stands behind it."""

    name: str
    address: str | None
    state: str | None
    driver: str | None
    physical: bool


@dataclass(frozen=True, slots=True)
class Inventory:
    """All of it; `memory` in bytes."""

    chassis: Chassis | None
    processor: Processor | None
    memory: int | None
    disks: tuple[Disk, ...]
    interfaces: tuple[Interface, ...]


def system_inventory(host: Host) -> Inventory:
    """What the host tells; raises SourceUnavailableError if that is nothing."""
    inventory = Inventory(
        chassis=_chassis(host),
        processor=optional(lambda: _processor(host)),
        memory=optional(lambda: _memory(host)),
        disks=tuple(_disk(host, name) for name in _names(host, "/sys/block") if not name.startswith(_NO_DISKS)),
        interfaces=tuple(_interface(host, name) for name in _names(host, "/sys/class/net")),
    )
    if inventory == Inventory(None, None, None, (), ()):
        raise SourceUnavailableError("neither /proc nor /sys can be read on this host")
    return inventory


def _chassis(host: Host) -> Chassis | None:
    def dmi(name: str) -> str | None:
        return optional_attribute(host, f"{_DMI}/{name}")

    chassis = Chassis(
        manufacturer=dmi("sys_vendor"),
        product=dmi("product_name") or optional_attribute(host, "/proc/device-tree/model"),
        version=dmi("product_version"),
        serial_number=dmi("product_serial") or optional_attribute(host, "/proc/device-tree/serial-number"),
        board=dmi("board_name"),
        firmware=dmi("bios_version"),
    )
    return None if chassis == Chassis(None, None, None, None, None, None) else chassis


def _processor(host: Host) -> Processor | None:
    content = host.read_file("/proc/cpuinfo", MAX_CPUINFO_BYTES)
    models: dict[bytes, str] = {}
    count = 0
    for line in content.splitlines():
        name, colon, value = line.partition(b":")
        name = name.strip()
        # x86 and ARM number them "processor : 0"; s390 writes "processor 0: ...".
        if colon and (name == b"processor" or name.startswith(b"processor ")):
            count += 1
        elif name in _MODEL_FIELDS:
            models.setdefault(name, value.strip().decode("utf-8", "replace"))
    model = next((models[name] for name in _MODEL_FIELDS if models.get(name)), None)
    return Processor(model, count) if count else None


def _memory(host: Host) -> int | None:
    for line in host.read_file("/proc/meminfo", MAX_MEMINFO_BYTES).splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == b"MemTotal:" and words[1].isdigit() and words[2] == b"kB":
            return int(words[1]) * 1024
    return None


def _names(host: Host, folder: str) -> tuple[str, ...]:
    try:
        return host.list_dir(folder, MAX_DEVICES)
    except TooLargeError as error:
        # A list that is cut, or left out, would look complete.
        raise unavailable(error) from None
    except HostError:
        return ()


def _disk(host: Host, name: str) -> Disk:
    def read(attribute: str) -> str | None:
        return optional_attribute(host, f"/sys/block/{name}/{attribute}")

    sectors = read("size")
    return Disk(
        name=name,
        size=int(sectors) * _SECTOR_BYTES if sectors and sectors.isdecimal() else None,
        model=read("device/model"),
        serial_number=read("device/serial") or read("serial"),
        removable=read("removable") == "1",
    )


def _interface(host: Host, name: str) -> Interface:
    folder = f"/sys/class/net/{name}"
    driver = optional(lambda: host.read_link(f"{folder}/device/driver"))
    return Interface(
        name=name,
        address=optional_attribute(host, f"{folder}/address"),
        state=optional_attribute(host, f"{folder}/operstate"),
        driver=driver.rpartition("/")[2] if driver else None,
        physical=_exists(lambda: host.stat(f"{folder}/device")),
    )


def _exists(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except AbsentError:
        return False
    except HostError:
        return True
    return True
