"""trustconf-trustpool: certificates of well-known certification authorities, downloaded as a bundle."""

from __future__ import annotations

from agent.northbound.registry import Registry
from agent.providers.auditing import audited
from agent.providers.services import Services
from agent.providers.trustpool.config import POLICY, PolicyHandler
from agent.providers.trustpool.events import IMPORT_FAILED, UPDATED, publish_pool_events
from agent.providers.trustpool.operations import TrustpoolOperations
from agent.providers.trustpool.rpc import TrustpoolRpcs
from agent.providers.trustpool.state import TrustpoolState


def register(registry: Registry, services: Services) -> None:
    rpcs = TrustpoolRpcs(TrustpoolOperations(services), services.trustpool)
    state = TrustpoolState(services.trustpool, services.clock)
    services.trustpool.listener = publish_pool_events(services.bus)
    registry.config(POLICY, PolicyHandler())
    registry.state("/trustconf-trustpool:trustpool/status", state.status)
    registry.state("/trustconf-trustpool:trustpool/certificate", state.certificates)
    for name, function in (("import-bundle", rpcs.import_bundle), ("clean-bundle", rpcs.clean_bundle)):
        registry.rpc(f"/trustconf-trustpool:{name}", audited(services, name, function))
    registry.notification(UPDATED)
    registry.notification(IMPORT_FAILED)
