"""Settings of the process, from defaults, a TOML file and the command line, in rising order of weight.

What an operator manages (users, limits of the SSH server, keys, trustpoints) is configuration and lives in YANG; here
is only what must be known before there is a datastore.

    listen = "127.0.0.1:830"        # ADDR:PORT, [IPv6]:PORT; port 0 takes a free one
    log-format = "text"             # or "json"
    log-level = "info"              # debug, info, warning, error
    max-message-size = 16777216     # bytes of one NETCONF message
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

#: Bytes of a settings file that are read at most.
MAX_FILE_SIZE = 64 * 1024
LOG_FORMATS = ("text", "json")
LOG_LEVELS = ("debug", "info", "warning", "error")
MAX_MESSAGE_SIZE_RANGE = range(64 * 1024, 1024 * 1024 * 1024 + 1)


class SettingsError(Exception):
    """A setting can't be used; the text names it and what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that `trustconf serve` can be told. `max_message_size` is in bytes."""

    host: str = "127.0.0.1"
    port: int = 830
    log_format: str = "text"
    log_level: str = "info"
    max_message_size: int = 16 * 1024 * 1024


def load_settings(file: Path | None, *, listen: str | None = None, log_format: str | None = None) -> Settings:
    """Settings from `file` (None: defaults), overridden by the options that are given. Raises SettingsError."""
    given = _read(file) if file is not None else {}
    if listen is not None:
        given["listen"] = listen
    if log_format is not None:
        given["log-format"] = log_format
    settings = Settings()
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
        raise SettingsError(f"can't read the settings file {file}: {error.strerror}") from error
    if len(data) > MAX_FILE_SIZE:
        raise SettingsError(f"the settings file {file} is larger than {MAX_FILE_SIZE} bytes")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings file {file} is not TOML: {error}") from error


def _listen(settings: Settings, value: Any) -> Settings:
    host, separator, port = str(value).rpartition(":")
    if not separator or not host or not port.isdigit() or int(port) > 65535:
        raise SettingsError(
            f"listen must be ADDR:PORT with a port of 0 to 65535, for example 127.0.0.1:830, not {value}"
        )
    return replace(settings, host=host.removeprefix("[").removesuffix("]"), port=int(port))


def _log_format(settings: Settings, value: Any) -> Settings:
    return replace(settings, log_format=_one_of("log-format", value, LOG_FORMATS))


def _log_level(settings: Settings, value: Any) -> Settings:
    return replace(settings, log_level=_one_of("log-level", value, LOG_LEVELS))


def _max_message_size(settings: Settings, value: Any) -> Settings:
    if not isinstance(value, int) or value not in MAX_MESSAGE_SIZE_RANGE:
        low, high = MAX_MESSAGE_SIZE_RANGE.start, MAX_MESSAGE_SIZE_RANGE.stop - 1
        raise SettingsError(f"max-message-size must be a number of bytes from {low} to {high}, not {value!r}")
    return replace(settings, max_message_size=value)


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise SettingsError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return str(value)


_APPLY: dict[str, Callable[[Settings, Any], Settings]] = {
    "listen": _listen,
    "log-format": _log_format,
    "log-level": _log_level,
    "max-message-size": _max_message_size,
}
