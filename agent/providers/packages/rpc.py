"""regenerate-fingerprints and verify-packages."""

from __future__ import annotations

from collections import Counter

from agent.clock import yang_date_and_time
from agent.integrity.packages.known_good import Comparison, KnownGoodError, Verdict, compare, read
from agent.northbound.contract import Record, RpcContext
from agent.northbound.errors import ProviderError
from agent.providers.packages.vocabulary import id_record
from agent.providers.packages.watch import FingerprintWatch


class PackageRpcs:
    def __init__(self, watch: FingerprintWatch) -> None:
        self._watch = watch

    def regenerate(self, request: Record, context: RpcContext) -> None:
        self._watch.regenerate()

    def verify(self, request: Record, context: RpcContext) -> Record:
        latest = self._watch.latest
        if latest is None or latest.packages is None:
            raise ProviderError(
                "operation-failed",
                "There are no fingerprints yet: call regenerate-fingerprints, and wait for fingerprints-generated.",
                app_tag="no-fingerprints",
            )
        try:
            known_good = read(request["kgv"], self._watch.pinned_keys().known_good)
        except KnownGoodError as error:
            tag = "untrusted-kgv" if error.is_untrusted else "invalid-kgv"
            raise ProviderError("invalid-value", error.message, path="kgv", app_tag=tag) from error
        comparisons = compare(known_good, latest.packages.packages)
        counts = Counter(_overall(each) for each in comparisons)
        return {
            "status": self._watch.status.value,
            "timestamp": yang_date_and_time(latest.time),
            **{verdict.value: counts[verdict] for verdict in Verdict},
            "package": [_record(each) for each in comparisons],
        }


def _overall(comparison: Comparison) -> Verdict:
    verdicts = (comparison.install_time, comparison.run_time)
    return next((each for each in (Verdict.MISMATCH, Verdict.UNKNOWN) if each in verdicts), Verdict.MATCH)


def _record(comparison: Comparison) -> Record:
    record = {
        **id_record(comparison.report.id),
        "verdict": _overall(comparison).value,
        "install-time": comparison.install_time.value,
        "run-time": comparison.run_time.value,
    }
    return record | ({"known-good": comparison.known_good} if comparison.known_good else {})
