"""A dossier's text as sections, read without trusting any of it.

Who judges a section takes values by `text_of`, `number_of` and `records_of`: they answer for what is missing, and raise
MalformedError for what has another shape than docs/dossier.md says.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from agent.integrity.content import Content, mapped
from agent.integrity.errors import ResultCode
from agent.integrity.judging.long_json import ITEMS, JsonError, LongList, Path, read_json

#: Bytes of a dossier.
MAX_DOSSIER: Final = 512 * 1024 * 1024

PACKAGES: Final = "packages"
FILESYSTEM_INVENTORY: Final = "filesystem-inventory"
IMA: Final = "ima"
INCREMENTAL_IMA: Final = "incremental-ima"

_LONG_ARRAYS: Final[tuple[Path, ...]] = (
    (PACKAGES, "node", ITEMS, "package-database", ITEMS, "package"),
    (FILESYSTEM_INVENTORY, "node", ITEMS, "snapshot", ITEMS, "files"),
    (IMA, "node", ITEMS, "ima-event-log"),
    (INCREMENTAL_IMA, "node", ITEMS, "ima-event-log"),
)
_START, _END = "collection-start-time", "collection-end-time"
#: Seconds since 1970 that a datetime can have (year 9999).
_MAX_TIME: Final = 253402300799.0

Record = Mapping[str, Any]


class NotADossierError(ValueError):
    """The text is not a dossier; the message says in what, without quoting it."""


class MalformedError(ValueError):
    """A part of a dossier has another shape than it must; the message names the part."""


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """One section.

    Attributes:
        name: its selector.
        result_code: "Success", or why there is no data.
        reason: the device's words for that, or "".
        members: all of its members.
    """

    name: str
    result_code: str
    reason: str
    members: Record

    @property
    def is_complete(self) -> bool:
        return self.result_code == ResultCode.SUCCESS.value

    @property
    def has_data(self) -> bool:
        """Also if they are not all, or not those that were asked for."""
        return self.is_complete or "node" in self.members

    def nodes(self) -> Iterator[Record]:
        """What is told of each node of the device."""
        return records_of(self.members, "node")


@dataclass(frozen=True, slots=True, eq=False)
class Dossier:
    """A dossier, taken apart.

    Attributes:
        digest: SHA-256 of its bytes, hexadecimal.
        start, end: when the device collected it, by its own clock.
        sections: by name, those that are always there included.
    """

    digest: str
    start: datetime
    end: datetime
    sections: Mapping[str, Section]

    def section(self, *names: str) -> Section | None:
        """The first section of these names that has data."""
        found = (self.sections.get(name) for name in names)
        return next((section for section in found if section is not None and section.has_data), None)


def read_dossier(content: Content) -> Dossier:
    """Raises NotADossierError, and OSError if the content can't be read."""
    if content.size > MAX_DOSSIER:
        raise NotADossierError(f"it is larger than {MAX_DOSSIER} bytes")
    digest = hashlib.sha256()
    for chunk in content.chunks():
        digest.update(chunk)
    try:
        members = read_json(mapped(content), _LONG_ARRAYS)
    except JsonError as error:
        raise NotADossierError(str(error)) from None
    if not isinstance(members, dict):
        raise NotADossierError("it is not a JSON object")
    try:
        return Dossier(
            digest=digest.hexdigest(),
            start=_moment(members, _START),
            end=_moment(members, _END),
            sections={
                name: Section(name, text_of(value, "result-code"), text_of(value, "reason"), value)
                for name, value in members.items()
                if isinstance(value, dict)
            },
        )
    except MalformedError as error:
        raise NotADossierError(str(error)) from None


def text_of(record: Record, name: str) -> str:
    """A member's text; that of a number too; "" if it is not there."""
    value = record.get(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise MalformedError(f"{name} is not a text")


def number_of(record: Record, name: str) -> int | None:
    """A member's whole number (also one that is written as a text), None if it is not there."""
    value = record.get(name)
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and len(str(value)) <= _MAX_DIGITS:
        return value
    raise MalformedError(f"{name} is not a number")


_MAX_DIGITS: Final = 20


def time_of(record: Record, name: str) -> datetime:
    """A member's time, which is written as "Wed Feb 19 15:25:11 2020", in UTC."""
    try:
        return datetime.strptime(text_of(record, name), _ASCTIME).replace(tzinfo=UTC)
    except ValueError:
        raise MalformedError(f"{name} is not like 'Wed Feb 19 15:25:11 2020'") from None


_ASCTIME: Final = "%a %b %d %H:%M:%S %Y"


def records_of(record: Record, name: str) -> Iterator[Record]:
    """The objects of a member that is a list of them (one object alone counts as such a list); none if it is absent."""
    value = record.get(name)
    if isinstance(value, dict):
        value = [value]
    if value is None:
        return
    if not isinstance(value, list | LongList):
        raise MalformedError(f"{name} is not a list")
    items: Iterable[Any] = value
    for item in items:
        if not isinstance(item, dict):
            raise MalformedError(f"{name} has an item that is no object")
        yield item


def record_of(record: Record, name: str) -> Record:
    """A member's object; an empty one if it is not there."""
    value = record.get(name, {})
    if not isinstance(value, dict):
        raise MalformedError(f"{name} is not an object")
    return value


def texts_of(record: Record, name: str) -> tuple[str, ...]:
    """The texts of a member that is a list of them; none if it is absent."""
    value = record.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MalformedError(f"{name} is not a list of texts")
    return tuple(value)


def _moment(members: Record, name: str) -> datetime:
    value = members.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise MalformedError(f"{name} is missing or is not a number")
    if not math.isfinite(value) or not 0 <= value <= _MAX_TIME:
        raise MalformedError(f"{name} is not a time")
    return datetime.fromtimestamp(value, UTC)
