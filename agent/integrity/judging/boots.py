"""Starts of the system since the previous dossier, and how the system was started."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from agent.clock import yang_date_and_time
from agent.integrity.judging.findings import Finding, Kind
from agent.integrity.judging.reading import IMA, INCREMENTAL_IMA, Dossier, Section, records_of, text_of, time_of

#: Times of one start may differ by so much.
SAME_START: Final = timedelta(seconds=60)

_HISTORY, _SNAPSHOT = "reboot-history", "system-integrity-snapshot"
#: What says how far the system was started in a trusted way.
_BOOT_STATE: Final = (
    "secure-boot",
    "kernel-lockdown",
    "module-signature-enforcement",
    "ima",
    "tpm",
    "kernel-tainted",
    "kernel-command-line",
)


def boot_id(dossier: Dossier) -> str:
    """The kernel's id of the start that the dossier is of, "" if it does not say."""
    for section in (dossier.section(_SNAPSHOT), dossier.section(IMA, INCREMENTAL_IMA)):
        for node in section.nodes() if section else ():
            if found := text_of(node, "boot-id"):
                return found
    return ""


def judge_boots(new: Dossier, baseline: Dossier | None) -> Iterator[Finding]:
    """New starts, starts that the history no longer has, and what is different about this one."""
    if baseline is None:
        return
    starts = 0
    ours, theirs = new.section(_HISTORY), baseline.section(_HISTORY)
    if ours is not None and theirs is not None:
        for finding in _history(ours, theirs):
            starts += finding.kind is Kind.REBOOTED
            yield finding
    boots = boot_id(new), boot_id(baseline)
    if all(boots) and boots[0] != boots[1] and not starts:
        yield Finding(Kind.REBOOTED, "The system was started anew (its boot-id is another one)", _SNAPSHOT)
    ours, theirs = new.section(_SNAPSHOT), baseline.section(_SNAPSHOT)
    if ours is not None and theirs is not None:
        yield from _boot_state(ours, theirs)


def _history(ours: Section, theirs: Section) -> Iterator[Finding]:
    now, before = _starts(ours), _starts(theirs)
    if not now:
        return
    oldest = min(now)
    for time in _without(before, now):
        # Old entries go with the files that have them; nothing goes from between.
        if time >= oldest:
            text = f"The start at {_shown(time)} is no longer in the reboot history"
            yield Finding(Kind.HISTORY_REWRITTEN, text, _HISTORY)
    for time in _without(now, before):
        if not before or time > max(before):
            facts = {"time": _shown(time), "reason": now[time]}
            yield Finding(Kind.REBOOTED, f"Started at {_shown(time)}: {now[time]}", _HISTORY, facts=facts)
        else:
            text = f"The reboot history has a start at {_shown(time)} that it did not have"
            yield Finding(Kind.HISTORY_REWRITTEN, text, _HISTORY)


def _without(these: Iterable[datetime], those: Iterable[datetime]) -> list[datetime]:
    """Those of `these` that are not among `those`: the kernel tells its start by a clock that is corrected later."""
    known = sorted(those)
    found = []
    for time in sorted(these):
        place = bisect_left(known, time - SAME_START)
        if place == len(known) or known[place] > time + SAME_START:
            found.append(time)
    return found


def _starts(section: Section) -> dict[datetime, str]:
    """Time of each start -> its reason."""
    starts = {}
    for node in section.nodes():
        for record in records_of(node, _HISTORY):
            starts[time_of(record, "time")] = text_of(record, "reason").strip()
    return starts


def _shown(time: datetime) -> str:
    return yang_date_and_time(time)


def _boot_state(ours: Section, theirs: Section) -> Iterator[Finding]:
    for new, old in zip(ours.nodes(), theirs.nodes(), strict=False):
        for name in _BOOT_STATE:
            now, before = text_of(new, name), text_of(old, name)
            if now and before and now != before:
                facts = {"value": now, "previous": before}
                text = f"{name} is {now}, and was {before}"
                yield Finding(Kind.BOOT_STATE_CHANGED, text, _SNAPSHOT, name, facts)
