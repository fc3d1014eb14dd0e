"""Operational data of trustpoints: those that are configured, and those that only have certificates left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agent.northbound.contract import Record, StateQuery
from agent.providers.services import Services
from agent.providers.trustpoints.model import TRUSTPOINTS, configured_trustpoint
from agent.providers.trustpoints.vocabulary import certificate_entries, certificate_status, enrollment_state

#: The leaves and lists that are supplied here; `name` because it may be that of a trustpoint without configuration.
_SUPPLIED: Final = ("name", "configured", "enrollment-state", "last-error", "certificate")


class TrustpointState:
    def __init__(self, services: Services) -> None:
        self._store = services.trustpoint_store
        self._config = services.config
        self._clock = services.clock
        self._errors = services.enrollment_errors

    def trustpoints(self, query: StateQuery) -> Iterator[Record]:
        if not any(query.wants(child) for child in _SUPPLIED):
            return
        pinned = query.keys.get("name")
        if pinned is not None:
            configured = configured_trustpoint(self._config, pinned) is not None
            if configured or self._store.certificates(pinned):
                yield self._trustpoint(pinned, configured)
            return
        names = dict.fromkeys(record["name"] for record in self._config.get(TRUSTPOINTS) or ())
        for name in names:
            yield self._trustpoint(name, True)
        for name in self._store.names():
            if name not in names:
                yield self._trustpoint(name, False)

    def _trustpoint(self, name: str, configured: bool) -> Record:
        now = self._clock.now()
        certificates = self._store.certificates(name)
        record: Record = {
            "name": name,
            "configured": configured,
            "enrollment-state": enrollment_state(certificates),
            "certificate": [
                {
                    **entry,
                    "key-usage": ",".join(certificate.key_usage),
                    "status": certificate_status(certificate, now),
                    "der": certificate.der,
                    "pem": certificate.pem,
                }
                for certificate, entry in certificate_entries(certificates)
            ],
        }
        last_error = self._errors.get(name)
        if last_error is not None:
            record["last-error"] = last_error
        return record
