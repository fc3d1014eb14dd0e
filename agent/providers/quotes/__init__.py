"""What the TPM says of this machine: as operational data of trustconf-integrity, and in dossiers."""

from __future__ import annotations

from agent.northbound.registry import Registry
from agent.providers.quotes.section import SELECTOR, with_tpm
from agent.providers.quotes.state import PATH, TpmState
from agent.providers.services import Services


def register(registry: Registry, services: Services) -> None:
    state = TpmState(services.tpm, services.clock)
    registry.state(PATH, state.record)
    services.dossier_sections[SELECTOR] = with_tpm(state)
