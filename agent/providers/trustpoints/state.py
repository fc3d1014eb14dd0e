"""Operational data of trustpoints: those that are configured, and those that only have certificates left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Final

from agent.clock import Clock, yang_date_and_time
from agent.northbound.contract import Record, StateQuery
from agent.pki.enrollment.context import Context
from agent.pki.enrollment.records import Status
from agent.pki.enrollment.states import EnrollmentState
from agent.pki.trustpoint_store import Slot
from agent.providers.services import Services
from agent.providers.trustpoints.sources import configured_trustpoint, configured_trustpoints
from agent.providers.trustpoints.vocabulary import (
    certificate_entries,
    certificate_status,
    offered_entries,
    request_under_way,
    services_using,
)


class TrustpointState:
    def __init__(self, services: Services) -> None:
        self._context = services.enroller.context
        self._config = services.config
        self._clock = services.clock

    def trustpoints(self, query: StateQuery) -> Iterator[Record]:
        if not any(query.wants(child) for child in (*_PARTS, "name", "configured")):
            return
        store = self._context.store
        pinned = query.keys.get("name")
        if pinned is not None:
            configured = configured_trustpoint(self._config, pinned) is not None
            if configured or store.certificates(pinned):
                yield self._trustpoint(pinned, configured, query)
            return
        names = dict.fromkeys(record["name"] for record in configured_trustpoints(self._config))
        for name in names:
            yield self._trustpoint(name, True, query)
        for name in store.names():
            if name not in names:
                yield self._trustpoint(name, False, query)

    def _trustpoint(self, name: str, configured: bool, query: StateQuery) -> Record:
        record: Record = {"name": name, "configured": configured}
        reading = _Reading(self._context, self._clock, name)
        # A state and the certificates that it tells of belong together.
        with self._context.database.snapshot():
            for child, part in _PARTS.items():
                if query.wants(child) and (value := part(reading)) not in (None, "", [], ()):
                    record[child] = value
        return record


class _Reading:
    """One trustpoint as it is at this moment; each thing is read when it is asked for, and once."""

    def __init__(self, context: Context, clock: Clock, name: str) -> None:
        self._context = context
        self._clock = clock
        self._name = name

    @cached_property
    def _state(self) -> tuple[EnrollmentState, str]:
        return self._context.state(self._name)

    @cached_property
    def _status(self) -> Status:
        return self._context.records.status(self._name)

    def state(self) -> str:
        return self._state[0].value

    def next_step(self) -> str:
        return self._state[1]

    def since(self) -> str | None:
        return _text(self._status.since)

    def last_error(self) -> str | None:
        return self._status.last_error

    def last_error_time(self) -> str | None:
        return _text(self._status.last_error_time)

    def used_by(self) -> list[str]:
        return list(services_using(self._name))

    def request(self) -> Record | None:
        return request_under_way(self._context, self._name)

    def offered(self) -> list[Record]:
        return list(offered_entries(self._context.store.certificates(self._name, Slot.OFFERED)))

    def previous(self) -> list[Record]:
        return [entry for _, entry in certificate_entries(self._context.store.certificates(self._name, Slot.PREVIOUS))]

    def certificates(self) -> list[Record]:
        now = self._clock.now()
        stored = self._context.store.stored(self._name)
        entries = []
        for (view, entry), certificate in zip(certificate_entries(one.view for one in stored), stored, strict=True):
            entry |= {"status": certificate_status(view, now), "der": view.der, "pem": view.pem}
            if view.key_usage:
                entry["key-usage"] = ",".join(view.key_usage)
            if certificate.changes:
                entry["changed-by-ca"] = list(certificate.changes)
            entries.append(entry)
        return entries


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else yang_date_and_time(moment)


#: Child of the list entry -> what makes its value.
_PARTS: Final[Mapping[str, Callable[[_Reading], object]]] = MappingProxyType(
    {
        "enrollment-state": _Reading.state,
        "state-since": _Reading.since,
        "next-step": _Reading.next_step,
        "last-error": _Reading.last_error,
        "last-error-time": _Reading.last_error_time,
        "used-by": _Reading.used_by,
        "request": _Reading.request,
        "offered-certificate": _Reading.offered,
        "previous-certificate": _Reading.previous,
        "certificate": _Reading.certificates,
    }
)
