"""The sections `ima` and `incremental-ima` of dossiers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from agent.clock import Clock
from agent.host.contract import Host
from agent.integrity.dossier import INCREMENTAL_IMA, DossierRequest
from agent.integrity.errors import SourceUnavailableError
from agent.integrity.ima.section import MODEL, REVISION, Start, read_start, section
from agent.integrity.sections import DossierSources, Members, Section
from agent.providers.attestation.watch import LogWatch

IMA: Final = "ima"


def ima_sections(host: Host, watch: LogWatch, clock: Clock) -> dict[str, Section]:
    """The sections by selector."""

    def collect(start: Start | None) -> Members:
        began = clock.monotonic()
        try:
            members = section(watch.log, watch.position(), host, start)
        except SourceUnavailableError:
            watch.count_dossier(None)
            raise
        node = members["node"][0]
        node["ima-event-log"] = _counted(node["ima-event-log"], watch, clock, began)
        return members

    def whole(sources: DossierSources, request: DossierRequest) -> Members:
        return collect(None)

    def incremental(sources: DossierSources, request: DossierRequest) -> Members:
        return collect(read_start(request.incremental_ima))

    return {IMA: Section(MODEL, REVISION, whole), INCREMENTAL_IMA: Section(MODEL, REVISION, incremental)}


def _counted(events: Any, watch: LogWatch, clock: Clock, began: float) -> Iterator[Members]:
    """The events; when the last one is out, or nobody wants them any more, the dossier counts."""
    try:
        yield from events
    except BaseException:
        watch.count_dossier(None)
        raise
    watch.count_dossier(clock.monotonic() - began)
