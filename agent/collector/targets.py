"""Which devices there are, and how to reach them: from the command line, or from an inventory file in TOML.

user = "collector"            # defaults for all devices below
key = "~/.ssh/collector"

[device.pe1]
host = "192.0.2.1"            # port = 830, method = "netconf" unless said otherwise

[device.pe2]
host = "192.0.2.2"
port = 22
method = "ssh"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from agent.collector.errors import TargetError

DEFAULT_PORT: Final = 830
DEFAULT_USER: Final = "admin"
#: Bytes of an inventory file.
MAX_INVENTORY: Final = 16 * 1024 * 1024
#: Devices in one run.
MAX_DEVICES: Final = 10_000

_SPELLING: Final = re.compile(r"(?:([^@\s]+)@)?(\[[0-9A-Fa-f:.]+\]|[^@:\[\]\s]+)(?::([0-9]{1,5}))?")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\[\]-]{0,127}")
_SETTINGS: Final = {"host": str, "port": int, "user": str, "key": str, "method": str}


class Method(StrEnum):
    """How a device is asked."""

    NETCONF = "netconf"
    SSH = "ssh"


@dataclass(frozen=True, slots=True)
class Target:
    """One device.

    Attributes:
        name: in the archive and in reports.
        host, port: where it listens for SSH.
        user: who logs in.
        key: file of the private key; None to use those of an SSH agent.
        method: how it is asked.
    """

    name: str
    host: str
    port: int = DEFAULT_PORT
    user: str = DEFAULT_USER
    key: Path | None = None
    method: Method = Method.NETCONF


def parse_target(text: str, default: Target) -> Target:
    """A device from "[user@]host[:port]", an IPv6 address in brackets; what is not said is that of `default`.

    Its name is host:port. Raises TargetError.
    """
    found = _SPELLING.fullmatch(text)
    if found is None:
        raise TargetError(f"{text!r} is not [user@]host[:port]")
    user, host, port = found.groups()
    number = _port(int(port), text) if port else default.port
    return replace(default, name=f"{host}:{number}", host=host.strip("[]"), port=number, user=user or default.user)


def read_inventory(text: str, default: Target) -> list[Target]:
    """The devices of an inventory file. Raises TargetError."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TargetError(f"the inventory is not TOML: {error}") from error
    devices = content.pop("device", {})
    if not isinstance(devices, dict) or not devices:
        raise TargetError("the inventory has no [device.NAME]")
    common = _settled(default, content, "the top of the inventory")
    targets = []
    for name, settings in devices.items():
        if not _NAME.fullmatch(name):
            raise TargetError(f"{name!r} can't be the name of a device: letters, digits and . : - _ only")
        if not isinstance(settings, dict) or "host" not in settings:
            raise TargetError(f"device {name} has no host")
        targets.append(_settled(replace(common, name=name), settings, f"device {name}"))
    return targets


def distinct(targets: Iterable[Target]) -> list[Target]:
    """The targets, each name once. Raises TargetError."""
    found = list(targets)
    names = [target.name for target in found]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise TargetError(f"{twice[0]} is named twice")
    if len(found) > MAX_DEVICES:
        raise TargetError(f"there are more than {MAX_DEVICES} devices")
    return found


def _settled(default: Target, settings: Mapping[str, Any], where: str) -> Target:
    for name, value in settings.items():
        if name not in _SETTINGS:
            raise TargetError(f"{where}: there is no setting {name}")
        if type(value) is not _SETTINGS[name]:
            raise TargetError(f"{where}: {name} is not a {'number' if _SETTINGS[name] is int else 'text'}")
    method = settings.get("method", default.method)
    if method not in list(Method):
        raise TargetError(f"{where}: method is not netconf or ssh")
    key = settings.get("key")
    return replace(
        default,
        host=settings.get("host", default.host),
        port=_port(settings.get("port", default.port), where),
        user=settings.get("user", default.user),
        key=default.key if key is None else Path(key).expanduser(),
        method=Method(method),
    )


def _port(number: int, where: str) -> int:
    if not 0 < number < 65536:
        raise TargetError(f"{where}: a port is 1 to 65535")
    return number
