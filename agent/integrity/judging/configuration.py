"""Commits of the configuration since the previous dossier."""

from __future__ import annotations

from collections.abc import Iterator

from agent.integrity.judging.findings import Finding, Kind
from agent.integrity.judging.reading import Dossier, Record, Section, number_of, records_of, text_of

_HISTORY = "rollback-history"


def judge_configuration(new: Dossier, baseline: Dossier | None) -> Iterator[Finding]:
    """New commits, and commits that are no longer what they were."""
    ours, theirs = new.section(_HISTORY), baseline.section(_HISTORY) if baseline else None
    if ours is None or theirs is None:
        return
    now, before = _commits(ours), _commits(theirs)
    for commit in now.keys() & before.keys():
        if _told(now[commit]) != _told(before[commit]):
            text = f"Commit {commit} is told in another way than before"
            yield Finding(Kind.HISTORY_REWRITTEN, text, _HISTORY, str(commit))
    # The oldest go when there are too many; those that are left reach without a gap from the oldest to the newest.
    gone = sorted(commit for commit in before.keys() - now.keys() if not now or commit >= min(now))
    if gone:
        text = f"Commits are no longer in the history: {', '.join(map(str, gone[:10]))}"
        yield Finding(Kind.HISTORY_REWRITTEN, text, _HISTORY, facts={"commits": gone})
    for commit in sorted(now.keys() - before.keys()):
        if before and commit < max(before):
            yield Finding(Kind.HISTORY_REWRITTEN, f"Commit {commit} was not there before", _HISTORY, str(commit))
            continue
        record = now[commit]
        comment = f": {text_of(record, 'comment')}" if text_of(record, "comment") else ""
        user, client, time = (text_of(record, name) for name in ("user", "client", "time"))
        text = f"Commit {commit} by {user} ({client}) at {time}{comment}"
        facts = {"commit-id": commit, "user": user, "client": client, "time": time}
        yield Finding(Kind.COMMITTED, text, _HISTORY, str(commit), facts)


def _commits(section: Section) -> dict[int, Record]:
    commits = {}
    for record in records_of(section.members, _HISTORY):
        number = number_of(record, "commit-id")
        if number is not None:
            commits[number] = record
    return commits


def _told(record: Record) -> tuple[str, ...]:
    return tuple(text_of(record, name) for name in ("user", "client", "time", "comment"))
