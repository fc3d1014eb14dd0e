"""log-retrieval of ietf-tpm-remote-attestation (RFC 9684, section 2.1.1.3), for the logs `bios` and `ima`.

Where the RFC leaves open what a value means: the content of an entry is its whole record as it is in the log, or one of
its digests; all selectors must agree. Entries of these logs have no times. Those of the firmware are all older than the
kernel; those of IMA are dated by when the agent saw them first, so that nothing newer than a timestamp is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice
from typing import Any, Final

from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.boot_log.event import BootEvent
from agent.integrity.ima.binary_log import binary_record
from agent.integrity.ima.event import ImaEvent
from agent.integrity.ima.section import described
from agent.integrity.readable import shown
from agent.integrity.sources.description import uptime_seconds
from agent.integrity.sources.reboots import kernel_start
from agent.northbound.contract import Record, RpcContext
from agent.northbound.errors import ProviderError
from agent.providers.attestation.absence import check_whole, telling_absence
from agent.providers.attestation.log_rpcs import check_amount, ima_record
from agent.providers.attestation.watch import LogWatch

MODULE: Final = "ietf-tpm-remote-attestation"
#: Selectors have no key, so errors name the list of them.
_SELECTOR: Final = "log-selector"
_TPMS: Final = "/sys/class/tpm"
_MAX_PCR: Final = 31
#: Banks by the names of ietf-tcg-algs.
_ALGORITHMS: Final = {
    "sha1": "ietf-tcg-algs:TPM_ALG_SHA1",
    "sha256": "ietf-tcg-algs:TPM_ALG_SHA256",
    "sha384": "ietf-tcg-algs:TPM_ALG_SHA384",
    "sha512": "ietf-tcg-algs:TPM_ALG_SHA512",
    "sm3-256": "ietf-tcg-algs:TPM_ALG_SM3_256",
}


class LogRetrieval:
    def __init__(self, host: Host, watch: LogWatch) -> None:
        self._host = host
        self._watch = watch
        self._logs: dict[str, Callable[[list[Record]], Record]] = {
            f"{MODULE}:bios": self._bios,
            f"{MODULE}:ima": self._ima,
        }

    def retrieve(self, request: Record, context: RpcContext) -> Record:
        log = self._logs.get(request["log-type"])
        if log is None:
            raise ProviderError(
                "operation-not-supported",
                "This device has the logs bios and ima.",
                path="log-type",
                app_tag="log-type-not-supported",
            )
        selectors = request.get(_SELECTOR, [])
        tpm = self._tpm()
        asked = [set(selector["name"]) for selector in selectors if selector.get("name")]
        if any(tpm not in names for names in asked):
            return {}
        with telling_absence():
            node: Record = {"up-time": uptime_seconds(self._host), "log-result": log(selectors)}
        return {"system-event-logs": {"node-data": [node | ({"name": tpm} if tpm else {})]}}

    def _bios(self, selectors: list[Record]) -> Record:
        judgement = self._watch.boot_log()
        if judgement.evidence is None:
            raise judgement.absence
        events = judgement.evidence.log.events
        last = len(events)
        start = kernel_start(self._host)
        after = max(
            (
                _after(
                    selector,
                    lambda value: _place(value, ((each.number, _contents(each)) for each in events)),
                    lambda time: last if time >= start else 0,
                )
                for selector in selectors
            ),
            default=0,
        )
        until = _until(selectors, after, last)
        return {"bios-event-logs": {"bios-event-entry": [_bios_record(each) for each in events[after:until]]}}

    def _ima(self, selectors: list[Record]) -> Record:
        position = self._watch.position()
        log = self._watch.log
        after = max(
            (
                _after(
                    selector,
                    lambda value: _place(
                        value,
                        ((each.number, (each.template_hash, binary_record(each))) for each in log.events(position)),
                    ),
                    log.events_seen_until,
                )
                for selector in selectors
            ),
            default=0,
        )
        check_whole(position, _asked(selectors, after))
        until = _until(selectors, after, position.events)
        check_amount(after, until, _SELECTOR)
        return {"ima-event-logs": {"ima-event-entry": [_record(each) for each in log.events(position, after, until)]}}

    def _tpm(self) -> str | None:
        """The name of the TPM that the logs extend; None where there is none."""
        try:
            names = [name for name in self._host.list_dir(_TPMS) if name.startswith("tpm") and name[3:].isdigit()]
        except HostError:
            return None
        return min(names, key=lambda name: int(name[3:]), default=None)


def _after(selector: Record, place: Callable[[bytes], int], seen_until: Callable[[datetime], int]) -> int:
    """The number of the last entry that a selector does not want."""
    if "last-entry-value" in selector:
        return place(selector["last-entry-value"])
    if "timestamp" in selector:
        return seen_until(_moment(selector["timestamp"]))
    return int(selector.get("last-index-number", 0))


def _asked(selectors: list[Record], after: int) -> int | None:
    """The number of the last entry that the selectors want; None if they want all that follow."""
    quantities = [int(each["log-entry-quantity"]) for each in selectors if "log-entry-quantity" in each]
    return after + min(quantities) if quantities else None


def _until(selectors: list[Record], after: int, last: int) -> int:
    asked = _asked(selectors, after)
    return max(after, last if asked is None else min(last, asked))


def _place(value: bytes, entries: Iterable[tuple[int, Iterable[bytes]]]) -> int:
    """The number of the only entry that has this content."""
    found = list(islice((number for number, contents in entries if value in contents), 2))
    if len(found) == 1:
        return found[0]
    raise ProviderError(
        "invalid-value",
        "Several entries have this content: give a last-index-number." if found else "No entry has this content.",
        path=_SELECTOR,
        app_tag="entry-not-unique" if found else "entry-not-found",
    )


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        message = "There is no such moment; write it as 2026-01-31T12:00:00Z."
        raise ProviderError("invalid-value", message, path=_SELECTOR, app_tag="invalid-timestamp") from None


def _contents(event: BootEvent) -> list[bytes]:
    return [event.record, *event.digests.values()]


def _record(event: ImaEvent) -> Record:
    return ima_record(event) | {"filedata-hash-algorithm": shown(described(event).algorithm)}


def _bios_record(event: BootEvent) -> Record:
    digests: list[dict[str, Any]] = [
        {"hash-algo": _ALGORITHMS[bank], "digest": [digest]} for bank, digest in event.digests.items()
    ]
    record: Record = {
        "event-number": event.number,
        "event-type": event.type,
        "digest-list": digests,
        "event-size": len(event.data),
        "event-data": [event.data],
    }
    return record | ({"pcr-index": event.pcr} if event.pcr <= _MAX_PCR else {})
