"""The absence of evidence as a refusal: an rpc has no place for a result-code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.ima.position import Position
from agent.northbound.errors import ProviderError

#: result-code -> error-app-tag.
_APP_TAGS: Final = {
    ResultCode.NOT_PRESENT: "evidence-not-present",
    ResultCode.PERMISSION_DENIED: "evidence-permission-denied",
    ResultCode.LIMIT_EXCEEDED: "evidence-limit-exceeded",
}
_DAMAGED: Final = "evidence-damaged"


def check_whole(position: Position, until: int | None) -> None:
    """Refuse events up to `until` (None: the end) of a log that is damaged before: a reply that ends there would look
    whole. Raises SourceUnavailableError."""
    if position.problem and (until is None or until > position.events):
        reason = f"{position.problem.rstrip('.')}. Before it there are {position.events} events: ask for no more"
        raise SourceUnavailableError(reason, ResultCode.FAILED)


@contextmanager
def telling_absence() -> Iterator[None]:
    """What a library below says of absence becomes a ProviderError; its reason was written for people."""
    try:
        yield
    except SourceUnavailableError as error:
        app_tag = _APP_TAGS.get(error.code, _DAMAGED)
        message = f"{error.code.value}: {error.reason.rstrip('.')}."
        raise ProviderError("operation-failed", message, app_tag=app_tag) from error
