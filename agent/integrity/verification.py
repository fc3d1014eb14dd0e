"""Verification as a command sees it: an envelope in, a report and an exit status out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from agent.integrity.envelope import verify_envelope
from agent.integrity.verdict import human_report, json_report

#: Nothing could be judged, because the trust anchor can't be read. (0 and 10 to 19: verdict.py.)
EXIT_NO_TRUST_ANCHOR = 2


@dataclass(frozen=True, slots=True)
class Report:
    """What to print (without a line feed at its end), and the exit status."""

    text: str
    exit_status: int


def verify_report(
    envelope: BinaryIO, *, trust_anchor_pem: str | bytes, nonce: str | None, at: datetime, as_json: bool = False
) -> Report:
    """Judge `envelope` and say it for a person, or as JSON. Arguments as in verify_envelope; raises OSError and
    SpoolFullError as it does."""
    anchor = trust_anchor_pem.encode() if isinstance(trust_anchor_pem, str) else trust_anchor_pem
    try:
        verdict = verify_envelope(envelope, anchor, nonce, at)
    except ValueError:
        reason = "the trust anchor is not a PEM file of certificates"
        failure = {"verified": False, "exit-status": EXIT_NO_TRUST_ANCHOR, "detail": reason, "failures": []}
        return Report(json.dumps(failure, indent=2) if as_json else reason, EXIT_NO_TRUST_ANCHOR)
    report = json_report(verdict) if as_json else human_report(verdict)
    return Report(report.rstrip("\n"), verdict.exit_status)
