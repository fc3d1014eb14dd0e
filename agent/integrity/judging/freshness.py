"""Is an answer newer than the previous one? A recorded answer that is played again must never pass as news."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.clock import yang_date_and_time
from agent.integrity.judging.findings import Finding, Kind
from agent.integrity.judging.reading import Dossier


@dataclass(frozen=True, slots=True)
class Answer:
    """What freshness is judged by.

    Attributes:
        dossier: what was answered.
        nonce: the signed one, or None.
        is_answer: the nonce is known to have been chosen for this answer, and the signature is right.
    """

    dossier: Dossier
    nonce: str | None
    is_answer: bool


def judge_freshness(new: Answer, latest: Answer | None, *, is_old: bool = False) -> Iterator[Finding]:
    """By digests, nonces and times.

    Args:
        new: what is judged.
        latest: the newest answer that was believed.
        is_old: the same dossier has come before, whenever that was.
    """
    dossier = new.dossier
    if dossier.end < dossier.start:
        yield Finding(Kind.CLOCK_BACKWARDS, "The collection ended before it had begun")
    if is_old or (latest is not None and dossier.digest == latest.dossier.digest):
        yield Finding(Kind.REPLAYED, "It is an earlier dossier, byte for byte")
        return
    if latest is None:
        return
    if new.nonce is not None and new.nonce == latest.nonce:
        yield Finding(Kind.REPLAYED, "It is signed with the nonce of the previous dossier")
        return
    if dossier.start <= latest.dossier.end:
        when = yang_date_and_time(dossier.start), yang_date_and_time(latest.dossier.end)
        facts = {"collection-start": when[0], "previous-collection-end": when[1]}
        if new.is_answer:
            text = f"It was collected at {when[0]}, by the device's clock, but the previous one at {when[1]}"
            yield Finding(Kind.CLOCK_BACKWARDS, text, facts=facts)
        else:
            text = f"It was collected at {when[0]}, not after the previous one at {when[1]}"
            yield Finding(Kind.REPLAYED, text, facts=facts)
