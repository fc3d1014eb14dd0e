"""The border between what the libraries below raise and what a provider may say: one table a family of exceptions.

The message of a library's own exception was written for people and is passed on; that of a foreign one never is: its
row has a message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from agent.northbound.errors import PROVIDER_TAGS, ProviderError


@dataclass(frozen=True, slots=True)
class Refusal:
    """How one kind of exception is told to a client.

    Attributes:
        tag: error-tag.
        app_tag: error-app-tag.
        at: which part of the request is at fault, in the table's own words ("label"); `refusing` knows the leaf.
        message: what to say instead of the exception's `message` attribute.
    """

    tag: str
    app_tag: str | None = None
    at: str | None = None
    message: str | None = None

    def __post_init__(self) -> None:
        if self.tag not in PROVIDER_TAGS:
            raise ValueError(f"{self.tag!r} is not an error-tag that a provider may give")


Refusals: TypeAlias = Mapping[type[Exception], Refusal]


@contextmanager
def refusing(table: Refusals, leaves: Mapping[str, str] | None = None) -> Iterator[None]:
    """Turn the exceptions of `table` (subclasses included) into ProviderErrors.

    `leaves` maps the table's words for parts of a request to paths of this request's leaves; a part that it does not
    name gets no path.
    """
    try:
        yield
    except tuple(table) as error:
        raise provider_error(error, table, leaves) from error


def provider_error(error: Exception, table: Refusals, leaves: Mapping[str, str] | None = None) -> ProviderError:
    """The ProviderError for an exception that `table` has a row for."""
    refusal = next(table[kind] for kind in type(error).__mro__ if kind in table)
    part = getattr(error, "field", None) or refusal.at
    return ProviderError(
        refusal.tag,
        refusal.message or str(getattr(error, "message", "")) or "The request was refused.",
        path=(leaves or {}).get(part) if part is not None else None,
        app_tag=refusal.app_tag,
    )
