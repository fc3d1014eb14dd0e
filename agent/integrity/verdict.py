"""What verification found: named failures, the exit status that says the same, and two reports.

The order of `Failure` is the order of severity: the exit status is that of the first one found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from agent.clock import yang_date_and_time
from agent.integrity.content import Content

EXIT_VERIFIED = 0


class Failure(Enum):
    """A reason not to believe an envelope: (name, exit status of `trustconf verify`, explanation)."""

    MALFORMED = ("malformed", 10, "the text is not a signed envelope, or has been changed")
    UNSUPPORTED_ALGORITHM = ("unsupported-algorithm", 11, "the signature algorithm is not known here")
    NO_CERTIFICATE = ("no-certificate", 12, "the envelope has no certificate and none was given")
    BAD_CERTIFICATE = ("bad-certificate", 13, "a certificate of the chain can't be read")
    BAD_SIGNATURE = ("bad-signature", 14, "the signature is not that of the signing certificate over these bytes")
    UNTRUSTED_CHAIN = ("untrusted-chain", 15, "the certificates do not lead to the trust anchor")
    WRONG_KEY_USAGE = ("wrong-key-usage", 16, "the signing certificate is not meant for signing data")
    WRONG_NONCE = ("wrong-nonce", 17, "the nonce is not the one that was sent: an old or a foreign answer")
    EXPIRED = ("expired", 18, "a certificate of the chain had expired at the time of verification")
    NOT_YET_VALID = ("not-yet-valid", 19, "a certificate of the chain was not valid yet at the time of verification")
    NO_QUOTE = ("no-quote", 26, "the envelope has no quote of a TPM")
    BAD_QUOTE = ("bad-quote", 27, "the quote can't be read, or its attestation key has not signed it")
    WRONG_QUOTE_NONCE = ("wrong-quote-nonce", 28, "the quote is not about this nonce and this payload")
    PCR_MISMATCH = ("pcr-mismatch", 29, "the values of the registers are not the quoted ones")

    def __init__(self, code: str, exit_status: int, explanation: str) -> None:
        self.code = code
        self.exit_status = exit_status
        self.explanation = explanation


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one verification.

    Attributes:
        failures: everything that is wrong, worst first; empty = verified.
        at: the moment for which the certificates were judged.
        detail: for MALFORMED and BAD_QUOTE, in what; else "".
        payload: what was signed, unpacked; only evidence if `verified`. None if it could not be read, or not be
            unpacked. It is in a file without a name, which goes when nobody holds it any more.
        signature_algorithm, nonce: as the envelope names them, or None.
        signer, issuer, serial_number: of the signing certificate, or None.
        valid_until: end of the signing certificate's validity, or None.
        payload_digest: of the payload as it was signed, by the digest that goes with the signature algorithm; or None.
        tpm_quote: the bytes of the envelope's `tpm-quote`, or None; tpm/envelope_quote.py judges them.
        quote_facts: what is in it, names and values in the order of a report.
        quoted_registers: bank -> register -> value, of a quote in which nothing is wrong.
    """

    failures: tuple[Failure, ...]
    at: datetime
    detail: str = ""
    payload: Content | None = None
    nonce: str | None = None
    signature_algorithm: str | None = None
    signer: str | None = None
    issuer: str | None = None
    serial_number: int | None = None
    valid_until: datetime | None = None
    payload_digest: bytes | None = None
    tpm_quote: bytes | None = None
    quote_facts: tuple[tuple[str, str | int], ...] = ()
    quoted_registers: Mapping[str, Mapping[int, bytes]] = field(default_factory=dict)

    def payload_bytes(self) -> bytes:
        """The payload in memory, for those who know that it is small; b"" if there is none."""
        return b"".join(self.payload.chunks()) if self.payload else b""

    @property
    def verified(self) -> bool:
        return not self.failures

    @property
    def exit_status(self) -> int:
        """0 if verified, else the number of the worst failure."""
        return self.failures[0].exit_status if self.failures else EXIT_VERIFIED


#: The failures that `detail` is about.
_DETAILED = (Failure.MALFORMED, Failure.BAD_QUOTE)


def by_severity(failures: set[Failure]) -> tuple[Failure, ...]:
    return tuple(failure for failure in Failure if failure in failures)


def _facts(verdict: Verdict) -> list[tuple[str, str | int | None]]:
    until = verdict.valid_until
    return [
        ("verified-at", yang_date_and_time(verdict.at)),
        ("nonce", verdict.nonce),
        ("signature-algorithm", verdict.signature_algorithm),
        ("signer", verdict.signer),
        ("issuer", verdict.issuer),
        ("serial-number", None if verdict.serial_number is None else f"{verdict.serial_number:x}"),
        ("valid-until", None if until is None else yang_date_and_time(until)),
        ("payload-bytes", None if verdict.payload is None else verdict.payload.size),
        *verdict.quote_facts,
    ]


def human_report(verdict: Verdict) -> str:
    """A few lines for a person, with a line feed at the end. Control characters of the envelope don't get through."""
    lines = ["Verified." if verdict.verified else "NOT VERIFIED."]
    for failure in verdict.failures:
        detail = f" ({verdict.detail})" if failure in _DETAILED and verdict.detail else ""
        lines.append(f"  {failure.code}: {failure.explanation}{detail}")
    lines.extend(f"  {name + ':':<21}{_printable(str(value))}" for name, value in _facts(verdict) if value is not None)
    return "\n".join(lines) + "\n"


def json_report(verdict: Verdict) -> str:
    """The same as a JSON object, for programs."""
    return json.dumps(
        {
            "verified": verdict.verified,
            "exit-status": verdict.exit_status,
            "failures": [{"name": failure.code, "explanation": failure.explanation} for failure in verdict.failures],
            **({"detail": verdict.detail} if verdict.detail else {}),
            **{name: value for name, value in _facts(verdict) if value is not None},
        },
        indent=2,
    )


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
