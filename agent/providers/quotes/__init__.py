"""What the TPM says of this machine: as operational data of trustconf-integrity, and in dossiers, and by
rpcs of Cisco-IOS-XR-remote-attestation-act and of ietf-tpm-remote-attestation (RFC 9684)."""

from __future__ import annotations

from agent.northbound.registry import Registry
from agent.providers.auditing import audited
from agent.providers.quotes import challenge_response
from agent.providers.quotes.attestation_rpcs import MODULE, AttestationRpcs
from agent.providers.quotes.challenge_response import CHALLENGE, STRUCTURES, ChallengeResponse
from agent.providers.quotes.section import SELECTOR, with_tpm
from agent.providers.quotes.state import PATH
from agent.providers.services import Services


def register(registry: Registry, services: Services) -> None:
    state = services.tpm_state
    registry.state(PATH, state.record)
    rpcs = AttestationRpcs(services.host, services.trustpoint_store, state.quoter)
    for name, function in (
        ("get-certificate", rpcs.get_certificate),
        ("attest-platform-config-registers", rpcs.attest_registers),
    ):
        registry.rpc(f"/{MODULE}:{name}", audited(services, name, function))
    standard = ChallengeResponse(services.host, state, services.tpm)
    registry.rpc(f"/{challenge_response.MODULE}:{CHALLENGE}", audited(services, CHALLENGE, standard.attest))
    registry.state(STRUCTURES, standard.structures)
    services.dossier_sections[SELECTOR] = with_tpm(state)
