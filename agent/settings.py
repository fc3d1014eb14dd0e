"""Settings of the process, from defaults, a TOML file and the command line, in rising order of weight.

What an operator manages (users, limits of the SSH server, keys, trustpoints) is configuration and lives in YANG; here
is only what must be known before there is a datastore.

    listen = "127.0.0.1:830"        # ADDR:PORT, [IPv6]:PORT; port 0 takes a free one
    log-format = "text"             # or "json"
    log-level = "info"              # debug, info, warning, error
    max-message-size = 16777216     # bytes of one NETCONF message
    tpm = "device:/dev/tpmrm0"      # or "swtpm:path=/run/swtpm", or "none"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.tpm.device import DEFAULT_ADDRESS, check_address

#: Bytes of a settings file that are read at most.
MAX_FILE_SIZE = 64 * 1024
LOG_FORMATS = ("text", "json")
LOG_LEVELS = ("debug", "info", "warning", "error")
_ADDRESS = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[0-9A-Za-z.-]+)):(?P<port>[0-9]{1,5})")
MAX_MESSAGE_SIZE_RANGE = range(64 * 1024, 1024 * 1024 * 1024 + 1)


class SettingsError(Exception):
    """A setting can't be used; the text names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that `trustconf serve` can be told. `max_message_size` is in bytes; `tpm` is an address of
    agent/tpm/device.py."""

    host: str = "127.0.0.1"
    port: int = 830
    log_format: str = "text"
    log_level: str = "info"
    max_message_size: int = 16 * 1024 * 1024
    tpm: str = DEFAULT_ADDRESS

    def address(self, port: int) -> str:
        """The listening address with `port`, as people write it: an IPv6 address in brackets."""
        return f"[{self.host}]:{port}" if ":" in self.host else f"{self.host}:{port}"


def load_settings(
    file: Path | None, *, listen: str | None = None, log_format: str | None = None, tpm: str | None = None
) -> Settings:
    """Settings from `file` (None: defaults), overridden by the options that are given. Raises SettingsError."""
    settings = Settings()
    if file is not None:
        try:
            settings = _applied(settings, _read(file))
        except SettingsError as error:
            raise SettingsError(f"settings file {file}: {error}") from error
    options = {"listen": listen, "log-format": log_format, "tpm": tpm}
    return _applied(settings, {name: value for name, value in options.items() if value is not None})


def _applied(settings: Settings, given: Mapping[str, Any]) -> Settings:
    for name, value in given.items():
        try:
            apply = _APPLY[name]
        except KeyError:
            raise SettingsError(f"unknown setting {name!r}; known are: {', '.join(_APPLY)}") from None
        settings = apply(settings, value)
    return settings


def _read(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_FILE_SIZE + 1)
    except OSError as error:
        raise SettingsError(f"can't be read: {error.strerror}") from error
    if len(data) > MAX_FILE_SIZE:
        raise SettingsError(f"is larger than {MAX_FILE_SIZE} bytes")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(f"is not TOML: {error}") from error


def _listen(settings: Settings, value: Any) -> Settings:
    match = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match["port"]) > 65535:
        raise SettingsError(
            f"listen must be ADDR:PORT with a port of 0 to 65535, for example 127.0.0.1:830 or [::1]:830, not {value!r}"
        )
    return replace(settings, host=match["ipv6"] or match["host"], port=int(match["port"]))


def _log_format(settings: Settings, value: Any) -> Settings:
    return replace(settings, log_format=_one_of("log-format", value, LOG_FORMATS))


def _log_level(settings: Settings, value: Any) -> Settings:
    return replace(settings, log_level=_one_of("log-level", value, LOG_LEVELS))


def _max_message_size(settings: Settings, value: Any) -> Settings:
    if type(value) is not int or value not in MAX_MESSAGE_SIZE_RANGE:
        low, high = MAX_MESSAGE_SIZE_RANGE.start, MAX_MESSAGE_SIZE_RANGE.stop - 1
        raise SettingsError(f"max-message-size must be a number of bytes from {low} to {high}, not {value!r}")
    return replace(settings, max_message_size=value)


def _tpm(settings: Settings, value: Any) -> Settings:
    try:
        return replace(settings, tpm=check_address(value if isinstance(value, str) else ""))
    except ValueError:
        raise SettingsError(
            f"tpm must be device:PATH, swtpm:path=PATH with an absolute path, or none, not {value!r}"
        ) from None


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise SettingsError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return str(value)


_APPLY: dict[str, Callable[[Settings, Any], Settings]] = {
    "listen": _listen,
    "log-format": _log_format,
    "log-level": _log_level,
    "max-message-size": _max_message_size,
    "tpm": _tpm,
}
