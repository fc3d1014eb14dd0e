"""trustconf-trustpoints: trustpoints and their certificates."""

from __future__ import annotations

from agent.northbound.registry import Registry
from agent.providers.auditing import audited
from agent.providers.secrets import sealing_rewriter
from agent.providers.services import Services
from agent.providers.trustpoints.config import TrustpointHandler
from agent.providers.trustpoints.events import CERTIFICATE_INSTALLED, STATUS_CHANGED
from agent.providers.trustpoints.operations import TrustpointOperations
from agent.providers.trustpoints.rpc import NAME_LEAF, TrustpointRpcs
from agent.providers.trustpoints.sources import TRUSTPOINTS
from agent.providers.trustpoints.state import TrustpointState


def register(registry: Registry, services: Services) -> None:
    rpcs = TrustpointRpcs(TrustpointOperations(services), services.enroller)
    state = TrustpointState(services)
    registry.config(TRUSTPOINTS, TrustpointHandler(services))
    registry.state(TRUSTPOINTS, state.trustpoints)
    for leaf in ("enrollment/credential/password", "sftp/password"):
        registry.rewrite(f"{TRUSTPOINTS}/{leaf}", sealing_rewriter(services.sealer))
    for name, function in (
        ("authenticate", rpcs.authenticate),
        ("accept-ca", rpcs.accept_ca),
        ("enroll", rpcs.enroll),
        ("cancel-enrollment", rpcs.cancel_enrollment),
        ("import-certificate", rpcs.import_certificate),
        ("import-pkcs12", rpcs.import_pkcs12),
        ("export-pkcs12", rpcs.export_pkcs12),
        ("clear-certificates", rpcs.clear_certificates),
        ("restore-certificates", rpcs.restore_certificates),
        ("get-certificate", rpcs.get_certificate),
        ("get-crl", rpcs.get_crl),
        ("get-next-ca", rpcs.get_next_ca),
    ):
        call = audited(services, name, function, target=NAME_LEAF)
        registry.rpc(f"/trustconf-trustpoints:{name}", call)
    registry.notification(STATUS_CHANGED)
    registry.notification(CERTIFICATE_INSTALLED)
