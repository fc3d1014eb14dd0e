"""Why a device gave no evidence."""

from __future__ import annotations

from enum import StrEnum


class Obstacle(StrEnum):
    """What was in the way. The names are part of reports and of the archive (docs/collect.md)."""

    NO_TRUST_ANCHOR = "no-trust-anchor"
    UNREACHABLE = "unreachable"
    UNKNOWN_HOST_KEY = "unknown-host-key"
    OTHER_HOST_KEY = "other-host-key"
    LOGIN_REFUSED = "login-refused"
    TIME_LIMIT = "time-limit"
    TOO_LARGE = "too-large"
    REFUSED = "refused"
    BAD_ANSWER = "bad-answer"
    STOPPED = "stopped"
    FAILED = "failed"


class NoEvidenceError(Exception):
    """There is no answer. `text` says why, for a person; texts of the device in it are to be made printable."""

    def __init__(self, obstacle: Obstacle, text: str) -> None:
        super().__init__(text)
        self.obstacle = obstacle
        self.text = text


class ArchiveError(Exception):
    """The archive can't be used; the text is for a person."""


class TargetError(ValueError):
    """A device is named in a way that makes no sense; the text is for a person."""
