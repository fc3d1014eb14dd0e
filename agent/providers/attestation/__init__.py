"""Logs of what was started: IMA's and the firmware's, for the rpcs of Cisco-IOS-XR-remote-attestation-act, for
ietf-tpm-remote-attestation (RFC 9684), and for dossiers."""

from __future__ import annotations

from agent.northbound.registry import Registry
from agent.providers.attestation import log_retrieval
from agent.providers.attestation.events import NOTIFICATIONS
from agent.providers.attestation.log_rpcs import MODULE, LogRpcs
from agent.providers.attestation.sections import ima_sections
from agent.providers.attestation.state import BOOT_LOG, CACHE, IMA_LOG, AttestationState
from agent.providers.auditing import audited
from agent.providers.services import Services


def register(registry: Registry, services: Services) -> None:
    rpcs = LogRpcs(services.host, services.ima)
    for name, function in (
        ("get-platform-boot-integrity-event-logs", rpcs.boot_events),
        ("get-platform-ima-event-logs", rpcs.ima_events),
        ("get-platform-ima-audit-event-logs", rpcs.audit_events),
    ):
        registry.rpc(f"/{MODULE}:{name}", audited(services, name, function))
    retrieve = log_retrieval.LogRetrieval(services.host, services.ima).retrieve
    registry.rpc(f"/{log_retrieval.MODULE}:log-retrieval", audited(services, "log-retrieval", retrieve))
    state = AttestationState(services.host, services.ima)
    registry.state(CACHE, state.cache)
    registry.state(IMA_LOG, state.ima_log)
    registry.state(BOOT_LOG, state.boot_log)
    for path in NOTIFICATIONS:
        registry.notification(path)
    services.dossier_sections.update(ima_sections(services.host, services.ima, services.clock))
