"""Why the host did not give what was asked. Facts only; each kind of failure has its own class."""

from __future__ import annotations


class HostError(Exception):
    """Base of all of them.

    Attributes:
        subject: the path or command that was asked for, as the caller named it.
        reason: what happened, for a person. Never the text of another exception.
    """

    #: Name of this kind of failure in a recording.
    kind = "unreadable"

    def __init__(self, subject: str, reason: str) -> None:
        super().__init__(f"{subject}: {reason}")
        self.subject = subject
        self.reason = reason


class AbsentError(HostError):
    """There is no such file, folder or command on this host."""

    kind = "absent"


class DeniedError(HostError):
    """It is there (or may be), but the agent has no right to read or run it."""

    kind = "denied"


class TooLargeError(HostError):
    """There is more of it than the caller's cap."""

    kind = "too-large"


class TimeLimitError(HostError):
    """It took longer than the time limit."""

    kind = "time-limit"


class UnreadableError(HostError):
    """It is there, but is not of the kind asked for, or the device failed."""

    kind = "unreadable"


class NotRecordedError(HostError):
    """A recording was asked something that was never asked while it was made."""

    kind = "not-recorded"


#: kind -> class, for recordings.
ERROR_KINDS: dict[str, type[HostError]] = {
    error.kind: error for error in (AbsentError, DeniedError, TooLargeError, TimeLimitError, UnreadableError)
}


def from_os_error(subject: str, error: OSError) -> HostError:
    """The domain error for what the operating system said about `subject`."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return AbsentError(subject, "does not exist")
    if isinstance(error, PermissionError):
        return DeniedError(subject, "permission denied")
    if isinstance(error, IsADirectoryError):
        return UnreadableError(subject, "is a folder")
    return UnreadableError(subject, "could not be read")
