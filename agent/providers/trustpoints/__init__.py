"""trustconf-trustpoints: trustpoints and their certificates."""

from __future__ import annotations

from agent.northbound.registry import Registry
from agent.providers.auditing import audited
from agent.providers.services import Services
from agent.providers.trustpoints.config import TrustpointHandler
from agent.providers.trustpoints.events import CERTIFICATE_INSTALLED, STATUS_CHANGED
from agent.providers.trustpoints.model import TRUSTPOINTS
from agent.providers.trustpoints.operations import TrustpointOperations
from agent.providers.trustpoints.rpc import NAME_LEAF, TrustpointRpcs
from agent.providers.trustpoints.state import TrustpointState


def register(registry: Registry, services: Services) -> None:
    rpcs = TrustpointRpcs(TrustpointOperations(services))
    state = TrustpointState(services)
    registry.config(TRUSTPOINTS, TrustpointHandler(services.host))
    registry.state(TRUSTPOINTS, state.trustpoints)
    for name, function in (
        ("authenticate", rpcs.authenticate),
        ("enroll", rpcs.enroll),
        ("clear-certificates", rpcs.clear_certificates),
    ):
        call = audited(services, name, function, target=NAME_LEAF)
        registry.rpc(f"/trustconf-trustpoints:{name}", call)
    registry.notification(STATUS_CHANGED)
    registry.notification(CERTIFICATE_INSTALLED)
