"""Verification as a command sees it: an answer of a device in, a report and an exit status out."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final

from agent.integrity.judging.judge import Evidence, Known, judge, read_evidence
from agent.integrity.judging.report import judgement_record, judgement_text
from agent.integrity.packages.known_good import KnownGood, KnownGoodError
from agent.integrity.packages.known_good import read as read_known_good
from agent.integrity.packages.pinned_keys import read_pinned_keys
from agent.integrity.verdict import Failure

#: Nothing could be judged, because what it is judged by can't be used. (Others: verdict.py and judging/findings.py.)
EXIT_UNUSABLE: Final = 2

NO_TRUST_ANCHOR: Final = "the trust anchor is not a PEM file of certificates"


@dataclass(frozen=True, slots=True)
class Report:
    """What to print (without a line feed at its end), and the exit status."""

    text: str
    exit_status: int


class UnusableError(ValueError):
    """What evidence should be judged by can't be used; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Standard:
    """What evidence is judged by.

    Attributes:
        trust_anchor: PEM of the certificates that are trusted, b"" if there is none.
        nonce: the one that was sent, None to expect none.
        is_any_nonce: take any nonce.
        at: when the certificates must be valid.
        previous: an earlier answer of the same device.
        known_good: the text of known good values, and the PEM of the public key of who signed them.
        required: sections that must have data.
        is_quote_required: an envelope without a quote of a TPM is not what was asked for.
    """

    trust_anchor: bytes
    nonce: str | None
    at: datetime
    is_any_nonce: bool = False
    previous: BinaryIO | None = None
    known_good: tuple[str, bytes] | None = None
    required: Collection[str] = ()
    is_quote_required: bool = False


def verify_report(evidence: BinaryIO, standard: Standard, *, as_json: bool = False) -> Report:
    """Judge `evidence` and say it for a person, or as JSON. Raises OSError if a file can't be read, and
    SpoolFullError if there is no room on the disk to unpack one."""
    try:
        known = Known(
            baseline=(previous := _previous(standard)),
            latest=previous,
            known_good=_known_good(standard),
            required=standard.required,
        )
        found = _evidence(evidence, standard)
    except UnusableError as error:
        failure = {"verified": False, "exit-status": EXIT_UNUSABLE, "detail": str(error), "failures": []}
        return Report(json.dumps(failure, indent=2) if as_json else str(error), EXIT_UNUSABLE)
    judgement = judge(found, known)
    text = json.dumps(judgement_record(judgement), indent=2) if as_json else judgement_text(judgement)
    return Report(text, judgement.exit_status)


def _evidence(source: BinaryIO, standard: Standard) -> Evidence:
    try:
        return read_evidence(
            source,
            trust_anchor=standard.trust_anchor,
            nonce=standard.nonce,
            at=standard.at,
            is_any_nonce=standard.is_any_nonce,
            is_quote_required=standard.is_quote_required,
        )
    except ValueError:
        raise UnusableError(
            NO_TRUST_ANCHOR
            if standard.trust_anchor
            else "this is no dossier without a signature: name the --trust-anchor"
        ) from None


def _previous(standard: Standard) -> Evidence | None:
    if standard.previous is None:
        return None
    try:
        previous = read_evidence(
            standard.previous, trust_anchor=standard.trust_anchor, nonce=None, at=standard.at, is_any_nonce=True
        )
    except ValueError:
        raise UnusableError(NO_TRUST_ANCHOR) from None
    # Its certificate may have ended its days since.
    bad = set(previous.verdict.failures if previous.verdict else ()) - {Failure.EXPIRED}
    if bad:
        names = ", ".join(failure.code for failure in Failure if failure in bad)
        raise UnusableError(f"the previous dossier is not genuine ({names}): nothing can be compared with it")
    if previous.dossier is None:
        raise UnusableError(f"the previous evidence is not a dossier: {previous.problem}")
    return previous


def _known_good(standard: Standard) -> KnownGood | None:
    return None if standard.known_good is None else load_known_good(*standard.known_good)


def load_known_good(text: str, key_pem: bytes) -> KnownGood:
    """Known good values that the public key in `key_pem` has signed. Raises UnusableError."""
    keys = read_pinned_keys({"key.pem": key_pem}).known_good
    if not keys:
        raise UnusableError("the key of the known good values is not a public key in PEM")
    try:
        return read_known_good(text, keys)
    except KnownGoodError as error:
        if error.is_untrusted:
            raise UnusableError("the known good values are not signed by that key") from None
        raise UnusableError(error.message) from None
