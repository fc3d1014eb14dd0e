"""The values that were told last, also over a restart, so that each change is told once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from agent.integrity.packages.package_set import PackageId, PackageSet
from agent.providers.packages.events import Values
from agent.storage.errors import StorageUnavailableError
from agent.storage.package_evidence import PackageEvidence, PackageKey

log = logging.getLogger(__name__)


class FingerprintHistory:
    """The values of the last generation. A storage that fails costs no more than that something is told again."""

    def __init__(self, evidence: PackageEvidence) -> None:
        self._evidence = evidence
        self._lock = threading.Lock()
        self._known: Values | None = None

    def replace(self, now: PackageSet) -> Values:
        """The values before; those of `now` take their place, durably, before anybody can be told."""
        values = {_key(report.id): (report.install_time, report.run_time) for report in now.packages}
        with self._lock:
            try:
                if self._known is None:
                    self._known = _by_id(self._evidence.fingerprints())
                self._evidence.put_fingerprints(values)
            except StorageUnavailableError:
                log.exception("the fingerprints of packages could not be kept")
            before, self._known = self._known or {}, _by_id(values)
            return before


def _key(package: PackageId) -> PackageKey:
    return (
        package.manager,
        package.name,
        package.epoch,
        package.version,
        package.release,
        package.architecture,
    )


def _by_id(values: Mapping[PackageKey, tuple[str, str]]) -> Values:
    return {PackageId(*key): value for key, value in values.items()}
