"""One answer of a device, judged: its signature, whether it is news, and what it says beside what was known before.

    evidence = read_evidence(text, trust_anchor=pem, nonce=nonce, at=now)
    judgement = judge(evidence, Known(baseline=..., latest=..., known_good=...))

Whoever keeps dossiers has two previous ones: the `baseline`, the last one that was in order (or that somebody has
accepted), and `latest`, the last one that was believed. States are compared with the baseline, so that an alarm is
raised until somebody has looked at it; logs and chains go on from the latest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final

from agent.integrity.content import CHUNK_BYTES, Content, Spool
from agent.integrity.envelope import verify_envelope
from agent.integrity.judging.boot_log import judge_boot_log
from agent.integrity.judging.boots import judge_boots
from agent.integrity.judging.configuration import judge_configuration
from agent.integrity.judging.filesystem import judge_filesystem
from agent.integrity.judging.findings import Finding, Kind, Severity, by_gravity, exit_status
from agent.integrity.judging.freshness import Answer, judge_freshness
from agent.integrity.judging.identity import judge_identity
from agent.integrity.judging.ima import judge_ima
from agent.integrity.judging.long_json import JsonError
from agent.integrity.judging.packages import judge_packages
from agent.integrity.judging.quoted import judge_quoted
from agent.integrity.judging.reading import MAX_DOSSIER, Dossier, MalformedError, NotADossierError, read_dossier
from agent.integrity.judging.sections import judge_sections
from agent.integrity.packages.known_good import KnownGood
from agent.integrity.tpm.envelope_quote import judge_quote
from agent.integrity.verdict import Failure, Verdict

#: Findings of one kind that are kept.
MAX_OF_A_KIND: Final = 1000

#: How a dossier begins, after what terminals and collectors put before it.
_DOSSIER: Final = re.compile(rb'(?:\A|\n)[ \t]*(\{\s*"collection-start-time")')
#: Bytes in which that is.
_HEAD: Final = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """One answer of a device.

    Attributes:
        verdict: of its signature; None if it has none.
        dossier: what it says; None if it can't be read.
        problem: why not, else "".
        is_other_text: it is none, and does not look like one: the output of another command.
        is_nonce_checked: the verdict says that the nonce is the one that was sent.
    """

    verdict: Verdict | None
    dossier: Dossier | None
    problem: str = ""
    is_other_text: bool = False
    is_nonce_checked: bool = False

    @property
    def is_authentic(self) -> bool:
        return self.verdict is not None and self.verdict.verified


@dataclass(frozen=True, slots=True)
class Known:
    """What an answer is judged by, beside itself: see the module's text.

    Attributes:
        required: sections that must have data.
        is_old: whether a dossier with this digest has come before.
    """

    baseline: Evidence | None = None
    latest: Evidence | None = None
    known_good: KnownGood | None = None
    required: Collection[str] = ()
    is_old: Callable[[str], bool] = lambda digest: False

    @property
    def needs_dossier(self) -> bool:
        """There is something that only a dossier can answer."""
        return bool(self.baseline or self.latest or self.required) or self.known_good is not None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came out.

    Attributes:
        evidence: what was judged.
        findings: worst first.
        compared_with: when the baseline was collected, None if there was none.
    """

    evidence: Evidence
    findings: tuple[Finding, ...] = ()
    compared_with: datetime | None = None

    @property
    def is_believed(self) -> bool:
        """The answer is genuine, and news."""
        return self.evidence.is_authentic and not self.has(Severity.FAILURE)

    @property
    def is_in_order(self) -> bool:
        return self.is_believed and not self.has(Severity.ALARM)

    @property
    def exit_status(self) -> int:
        """That of the worst: of the signature, else of the findings."""
        verdict = self.evidence.verdict
        return (verdict.exit_status if verdict else 0) or exit_status(self.findings)

    def has(self, severity: Severity) -> bool:
        return any(finding.kind.severity is severity for finding in self.findings)


def read_evidence(
    source: BinaryIO,
    *,
    trust_anchor: bytes,
    nonce: str | None,
    at: datetime,
    is_any_nonce: bool = False,
    is_quote_required: bool = False,
) -> Evidence:
    """Verify an envelope and read the dossier in it, or read a dossier that has none.

    Args:
        source: the answer; can be read from any place in it.
        trust_anchor: PEM of the certificates that are trusted. For a dossier without signature it may be empty.
        nonce: the one that was sent, None to expect none.
        at: when the certificates must be valid.
        is_any_nonce: take an envelope with any nonce: one that was judged when it came.
        is_quote_required: an envelope without a quote of a TPM is refused.

    Raises:
        ValueError: there is a signature, and `trust_anchor` holds no certificate.
        OSError: `source` can't be read.
        SpoolFullError: there is no room for the payload in the system's place for temporary files.
    """
    head = source.read(_HEAD)
    source.seek(0)
    plain = _DOSSIER.search(head)
    if plain is not None:
        source.seek(plain.start(1))
        return _read(None, _kept(source))
    verdict = verify_envelope(source, trust_anchor, nonce, at)
    if is_any_nonce and Failure.WRONG_NONCE in verdict.failures:
        source.seek(0)
        verdict = verify_envelope(source, trust_anchor, verdict.nonce, at)
    verdict = judge_quote(verdict, required=is_quote_required)
    if verdict.payload is None:
        return Evidence(verdict, None)
    return _read(verdict, verdict.payload, is_nonce_checked=verdict.verified and nonce is not None and not is_any_nonce)


def _kept(source: BinaryIO) -> Content:
    """What follows in `source`, as far as it may be a dossier."""
    spool = Spool(limit=MAX_DOSSIER + CHUNK_BYTES)
    while spool.size <= MAX_DOSSIER and (piece := source.read(CHUNK_BYTES)):
        spool.write(piece)
    return spool


def _read(verdict: Verdict | None, payload: Content, *, is_nonce_checked: bool = False) -> Evidence:
    try:
        return Evidence(verdict, read_dossier(payload), is_nonce_checked=is_nonce_checked)
    except NotADossierError as error:
        is_other = _DOSSIER.match(next(payload.chunks(), b"")) is None
        return Evidence(verdict, None, str(error), is_other, is_nonce_checked)


def judge(evidence: Evidence, known: Known) -> Judgement:
    """Never raises, whatever is in the evidence."""
    findings = by_gravity(_few_of_each(_findings(evidence, known)))
    baseline = known.baseline.dossier if known.baseline else None
    return Judgement(evidence, findings, None if baseline is None else baseline.start)


def _findings(evidence: Evidence, known: Known) -> Iterator[Finding]:
    dossier, verdict = evidence.dossier, evidence.verdict
    if verdict is None:
        yield Finding(Kind.NOT_SIGNED, "The dossier is not signed: anybody can have written it")
    if dossier is None:
        if verdict is not None and verdict.verified and evidence.is_other_text and not known.needs_dossier:
            yield Finding(Kind.NOT_A_DOSSIER, "What was signed is not a dossier: only the signature was judged")
        elif verdict is None or verdict.verified:
            yield Finding(Kind.MALFORMED_DOSSIER, f"It is not a dossier: {evidence.problem}")
        return
    latest = _previous(known.latest)
    answers = _answer(evidence, dossier), None if latest is None else _answer(*latest)
    yield from judge_freshness(*answers, is_old=known.is_old(dossier.digest))
    if verdict is not None and not verdict.verified:
        # What nobody vouches for is not worth a word more.
        return
    if verdict is not None and not evidence.is_nonce_checked:
        yield Finding(Kind.NONCE_NOT_CHECKED, "The nonce was not compared with one that you sent")
    for previous in dict.fromkeys(filter(None, (known.baseline, known.latest))):
        if previous.verdict is None:
            yield Finding(Kind.PREVIOUS_NOT_SIGNED, "The previous dossier is not signed: anybody can have written it")
    baseline = known.baseline.dossier if known.baseline else None
    last = latest[1] if latest else None
    judgements: tuple[Callable[[], Iterable[Finding]], ...] = (
        lambda: judge_sections(dossier, baseline, known.required),
        lambda: judge_identity(dossier, baseline),
        lambda: judge_packages(dossier, baseline, known.known_good),
        lambda: judge_boots(dossier, baseline),
        lambda: judge_configuration(dossier, baseline),
        lambda: judge_filesystem(dossier, last),
        lambda: judge_ima(dossier, last),
        lambda: judge_boot_log(dossier),
        lambda: judge_quoted(dossier, verdict, known.baseline.verdict if known.baseline else None) if verdict else (),
    )
    for judgement in judgements:
        try:
            yield from judgement()
        except (MalformedError, JsonError) as error:
            yield Finding(Kind.MALFORMED_SECTION, f"A section is malformed: {error}")


def _previous(evidence: Evidence | None) -> tuple[Evidence, Dossier] | None:
    return None if evidence is None or evidence.dossier is None else (evidence, evidence.dossier)


def _answer(evidence: Evidence, dossier: Dossier) -> Answer:
    nonce = evidence.verdict.nonce if evidence.verdict else None
    return Answer(dossier, nonce, evidence.is_nonce_checked)


def _few_of_each(findings: Iterable[Finding]) -> Iterator[Finding]:
    counts: Counter[Kind] = Counter()
    for finding in findings:
        counts[finding.kind] += 1
        if counts[finding.kind] <= MAX_OF_A_KIND:
            yield finding
    for kind, count in counts.items():
        if count > MAX_OF_A_KIND:
            yield Finding(kind, f"{count - MAX_OF_A_KIND} more: {kind.meaning}")
