"""ietf-keystore: the key pairs of trustconf-keys and the certificates of trustconf-trustpoints, read-only."""

from __future__ import annotations

from agent.northbound.registry import Registry
from agent.providers.auditing import audited
from agent.providers.keystore.events import CERTIFICATE_EXPIRATION
from agent.providers.keystore.rpc import KeystoreActions
from agent.providers.keystore.state import KeystoreState
from agent.providers.keystore.vocabulary import ASYMMETRIC_KEYS
from agent.providers.services import Services


def register(registry: Registry, services: Services) -> None:
    state = KeystoreState(services.key_store, services.trustpoint_store, services.tpm_state.attestation_key)
    actions = KeystoreActions(services.key_store)
    registry.state(ASYMMETRIC_KEYS, state.asymmetric_keys)
    registry.rpc(f"{ASYMMETRIC_KEYS}/generate-csr", audited(services, "generate-csr", actions.generate_csr))
    registry.notification(CERTIFICATE_EXPIRATION)
