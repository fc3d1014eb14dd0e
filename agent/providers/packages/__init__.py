"""trustconf-integrity: fingerprints of the installed packages."""

from __future__ import annotations

from agent.northbound.registry import Registry
from agent.providers.auditing import audited
from agent.providers.packages.dossier import SELECTOR, packages_section
from agent.providers.packages.events import FINGERPRINT_CHANGED, FINGERPRINTS_GENERATED
from agent.providers.packages.rpc import PackageRpcs
from agent.providers.packages.state import FINGERPRINTS, FingerprintState
from agent.providers.services import Services


def register(registry: Registry, services: Services) -> None:
    rpcs = PackageRpcs(services.fingerprints)
    registry.state(FINGERPRINTS, FingerprintState(services.fingerprints).fingerprints)
    for name, function in (("regenerate-fingerprints", rpcs.regenerate), ("verify-packages", rpcs.verify)):
        registry.rpc(f"/trustconf-integrity:{name}", audited(services, name, function))
    for path in (FINGERPRINT_CHANGED, FINGERPRINTS_GENERATED):
        registry.notification(path)
    services.dossier_sections[SELECTOR] = packages_section(services.fingerprints)
