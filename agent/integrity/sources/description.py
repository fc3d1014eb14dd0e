"""The texts of `show version` and `show platform`, in the guide's layout, with what is true of this host."""

from __future__ import annotations

import platform
import shlex
from dataclasses import dataclass

from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.errors import SourceUnavailableError, unavailable
from agent.integrity.sources.identity import product_id
from agent.integrity.sources.reading import attribute, required

#: This device in Cisco-named data: one node.
NODE_NAME = "0/RP0/CPU0"

_OS_RELEASE_PATHS = ("/etc/os-release", "/usr/lib/os-release")
_MAX_OS_RELEASE_BYTES = 16 * 1024
_MAX_UPTIME_SECONDS = 10**11

_PLATFORM_COLUMNS = (18, 27, 18, 0)


@dataclass(frozen=True, slots=True)
class Product:
    """The agent itself: its name and version."""

    name: str
    version: str


def version_text(host: Host, product: Product) -> str:
    """What `show version` prints; raises SourceUnavailableError if the host's kernel or uptime can't be read."""
    kernel = required(host.uname)
    rows = (
        ("Version", product.version),
        ("Python", platform.python_version()),
        ("System", operating_system(host)),
        ("Kernel", f"{kernel.system} {kernel.release}"),
        ("Kernel Build", kernel.version),
    )
    build = "".join(f" {name:<13}: {value}\n" for name, value in rows)
    return (
        f"{product.name}, Version {product.version}\n\n"
        f"Build Information:\n{build}\n"
        f"{product_id(host)} ({kernel.machine}) processor\n"
        f"System uptime is {uptime_text(uptime_seconds(host))}\n\n"
    )


def platform_text(host: Host) -> str:
    """What `show platform` prints: a table of the one node."""
    rows = (("Node", "Type", "State", "Config state"), (NODE_NAME, f"{product_id(host)}(Active)", "UP", "NSHUT"))
    header, node = (_row(cells) for cells in rows)
    return f"{header}\n{'-' * max(len(header), len(node), 80)}\n{node}\n"


def operating_system(host: Host) -> str:
    """PRETTY_NAME of os-release(5), or "unknown"."""
    for path in _OS_RELEASE_PATHS:
        try:
            text = host.read_file(path, _MAX_OS_RELEASE_BYTES).decode("utf-8", "replace")
        except HostError:
            continue
        for line in text.splitlines():
            name, _, value = line.partition("=")
            if name == "PRETTY_NAME":
                return "".join(character for character in _unquoted(value) if character.isprintable())
    return "unknown"


def uptime_seconds(host: Host) -> int:
    """Whole seconds since the kernel started; raises SourceUnavailableError."""
    try:
        seconds = int(float(attribute(host, "/proc/uptime").split()[0]))
    except HostError as error:
        raise unavailable(error) from None
    except (ValueError, IndexError, OverflowError):
        seconds = -1
    if not 0 <= seconds <= _MAX_UPTIME_SECONDS:
        raise SourceUnavailableError("/proc/uptime does not hold a number of seconds")
    return seconds


def uptime_text(seconds: int) -> str:
    """ "4 days 10 hours 12 minutes": from the largest unit that is not zero down to minutes."""
    minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, seconds // 86400
    units = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    while len(units) > 1 and units[0][0] == 0:
        units.pop(0)
    return " ".join(f"{count} {unit}" if count == 1 else f"{count} {unit}s" for count, unit in units)


def _row(cells: tuple[str, ...]) -> str:
    # A cell that is too long pushes the next ones to the right, but never touches them.
    padded = [f"{cell:<{width - 1}} " if width else cell for cell, width in zip(cells, _PLATFORM_COLUMNS, strict=True)]
    return "".join(padded)


def _unquoted(value: str) -> str:
    try:
        return " ".join(shlex.split(value)) or "unknown"
    except ValueError:
        return value
