"""trustconf-integrity: dossiers and signatures."""

from __future__ import annotations

from agent.northbound.registry import Registry
from agent.providers.auditing import audited
from agent.providers.integrity.operations import IntegrityOperations
from agent.providers.integrity.rpc import IntegrityRpcs
from agent.providers.integrity.state import IntegrityState
from agent.providers.services import Services


def register(registry: Registry, services: Services) -> None:
    rpcs = IntegrityRpcs(IntegrityOperations(services))
    for name, function in (("collect-dossier", rpcs.collect_dossier), ("sign", rpcs.sign)):
        registry.rpc(f"/trustconf-integrity:{name}", audited(services, name, function))
    registry.state("/trustconf-integrity:integrity/dossiers", IntegrityState(services.dossiers).dossiers)
