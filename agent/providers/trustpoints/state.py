"""Operational data of trustpoints: those that are configured, and those that only have certificates left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from agent.clock import yang_date_and_time
from agent.northbound.contract import Record, StateQuery
from agent.pki.trustpoint_store import Slot
from agent.providers.services import Services
from agent.providers.trustpoints.sources import configured_trustpoint, configured_trustpoints
from agent.providers.trustpoints.vocabulary import (
    certificate_entries,
    certificate_status,
    offered_entries,
    request_facts,
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
        # A state and the certificates that it tells of belong together.
        with self._context.database.snapshot():
            for child, part in _PARTS.items():
                if query.wants(child) and (value := part(self, name)) not in (None, "", [], ()):
                    record[child] = value
        return record

    def _state(self, name: str) -> str:
        return self._context.state(name)[0].value

    def _next_step(self, name: str) -> str:
        return self._context.state(name)[1]

    def _since(self, name: str) -> str | None:
        since = self._context.records.status(name).since
        return None if since is None else yang_date_and_time(since)

    def _last_error(self, name: str) -> str | None:
        return self._context.records.status(name).last_error

    def _last_error_time(self, name: str) -> str | None:
        time = self._context.records.status(name).last_error_time
        return None if time is None else yang_date_and_time(time)

    def _used_by(self, name: str) -> list[str]:
        return list(services_using(name))

    def _request(self, name: str) -> Record | None:
        enrollment = self._context.records.find(name)
        if enrollment is None:
            return None
        granted = {stored.role for stored in self._context.store.stored(name, Slot.GRANTED)}
        return request_facts(enrollment, granted, self._context.attempts_allowed(name))

    def _offered(self, name: str) -> list[Record]:
        return list(offered_entries(self._context.store.certificates(name, Slot.OFFERED)))

    def _previous(self, name: str) -> list[Record]:
        return [entry for _, entry in certificate_entries(self._context.store.certificates(name, Slot.PREVIOUS))]

    def _certificates(self, name: str) -> list[Record]:
        now = self._clock.now()
        stored = self._context.store.stored(name)
        entries = []
        for (view, entry), certificate in zip(certificate_entries(one.view for one in stored), stored, strict=True):
            entry |= {"status": certificate_status(view, now), "der": view.der, "pem": view.pem}
            if view.key_usage:
                entry["key-usage"] = ",".join(view.key_usage)
            if certificate.changes:
                entry["changed-by-ca"] = list(certificate.changes)
            entries.append(entry)
        return entries


#: Child of the list entry -> what makes its value.
_PARTS: Final[Mapping[str, Callable[[TrustpointState, str], object]]] = MappingProxyType(
    {
        "enrollment-state": TrustpointState._state,
        "state-since": TrustpointState._since,
        "next-step": TrustpointState._next_step,
        "last-error": TrustpointState._last_error,
        "last-error-time": TrustpointState._last_error_time,
        "used-by": TrustpointState._used_by,
        "request": TrustpointState._request,
        "offered-certificate": TrustpointState._offered,
        "previous-certificate": TrustpointState._previous,
        "certificate": TrustpointState._certificates,
    }
)
