"""The quote of a signed envelope, as a part of the envelope's verdict.

The envelope's signature covers the quote and the attestation key in it: the device's certificate vouches for the key.
The quote binds nonce and payload: it belongs to no other answer. What the registers should be, nobody knows here.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from agent.integrity.tpm.quote import (
    Quote,
    QuoteFault,
    QuoteFormatError,
    QuoteVerdict,
    extra_data,
    read_quote,
    verify_quote,
)
from agent.integrity.verdict import Failure, Verdict, by_severity

_FAILURES = {
    QuoteFault.BAD: Failure.BAD_QUOTE,
    QuoteFault.WRONG_EXTRA_DATA: Failure.WRONG_QUOTE_NONCE,
    QuoteFault.WRONG_VALUES: Failure.PCR_MISMATCH,
}


def judge_quote(verdict: Verdict, *, required: bool = False) -> Verdict:
    """The verdict with what its quote says added. `required`: that there is none is a failure."""
    if verdict.tpm_quote is None:
        return _failing(verdict, {Failure.NO_QUOTE}) if required else verdict
    try:
        quote = read_quote(verdict.tpm_quote)
    except QuoteFormatError as error:
        return replace(_failing(verdict, {Failure.BAD_QUOTE}), detail=verdict.detail or str(error))
    wanted = b"" if verdict.payload_digest is None else extra_data(verdict.nonce, verdict.payload_digest)
    judged = verify_quote(quote, wanted)
    failures = {_FAILURES[fault] for fault in judged.faults}
    return replace(
        _failing(verdict, failures),
        quote_facts=_facts(quote, judged),
        quoted_registers={} if failures else quote.pcr_values,
    )


def _failing(verdict: Verdict, failures: set[Failure]) -> Verdict:
    return replace(verdict, failures=by_severity({*verdict.failures, *failures}))


def _facts(quote: Quote, judged: QuoteVerdict) -> tuple[tuple[str, str | int], ...]:
    """What a person wants to know of a quote."""
    facts: list[tuple[str, str | int]] = [("attestation-key", hashlib.sha256(quote.attestation_key).hexdigest())]
    if judged.attestation is not None:
        quoted = judged.attestation
        banks = (f"{bank}:{','.join(map(str, numbers))}" for bank, numbers in quoted.selection.items())
        facts += [
            ("quoted-registers", "; ".join(banks)),
            ("tpm-firmware", quoted.firmware_version),
            ("tpm-clock-ms", quoted.clock),
            ("tpm-reset-count", quoted.reset_count),
            ("tpm-restart-count", quoted.restart_count),
        ]
    return tuple(facts)
