"""How a source of evidence says that it has none."""

from __future__ import annotations

from enum import StrEnum

from agent.host.errors import AbsentError, DeniedError, HostError, TimeLimitError, TooLargeError


class ResultCode(StrEnum):
    """The `result-code` of a dossier's section. The texts are part of the format."""

    SUCCESS = "Success"
    NOT_PRESENT = "Not present"
    PERMISSION_DENIED = "Permission denied"
    LIMIT_EXCEEDED = "Limit exceeded"
    NOT_SUPPORTED = "Not supported"
    NODE_NOT_AVAILABLE = "Node not available"
    INVALID_OPTION = "Invalid option"
    FAILED = "Failed"
    #: With data: those of this boot, though others were asked for.
    BOOT_CHANGED = "Boot changed"
    #: With data: those before the damage.
    INCOMPLETE = "Incomplete"


class SourceUnavailableError(Exception):
    """There is no evidence of this kind.

    Attributes:
        reason: why, for a person; names paths and limits, never the text of another exception.
        code: the same as a result-code.
    """

    def __init__(self, reason: str, code: ResultCode = ResultCode.NOT_PRESENT) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


_HOST_CODES: tuple[tuple[type[HostError], ResultCode], ...] = (
    (AbsentError, ResultCode.NOT_PRESENT),
    (DeniedError, ResultCode.PERMISSION_DENIED),
    (TooLargeError, ResultCode.LIMIT_EXCEEDED),
    (TimeLimitError, ResultCode.LIMIT_EXCEEDED),
)


def unavailable(error: HostError) -> SourceUnavailableError:
    """What the host refused, as the absence of evidence."""
    code = next((code for kind, code in _HOST_CODES if isinstance(error, kind)), ResultCode.FAILED)
    return SourceUnavailableError(str(error), code)
