"""The dossier's section `packages`, from what the watch has found."""

from __future__ import annotations

from agent.integrity.dossier import DossierRequest
from agent.integrity.packages import section
from agent.integrity.sections import DossierSources, Members, Section
from agent.providers.packages.watch import FingerprintWatch

SELECTOR = "packages"


def packages_section(watch: FingerprintWatch) -> Section:
    """Whatever the watch has found last; what is installed without values as long as it has found nothing."""

    def collect(sources: DossierSources, request: DossierRequest) -> Members:
        latest, status = watch.latest, watch.status.value
        if latest is None or latest.packages is None:
            return section.listed(sources.host, status)
        return section.computed(latest.packages, latest.time, status)

    return Section(section.MODEL, section.REVISION, collect)
