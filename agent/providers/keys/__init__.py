"""trustconf-keys, and what Cisco-IOS-XR-um-crypto-cfg says of them: key pairs."""

from __future__ import annotations

from agent.northbound.registry import Registry
from agent.providers.auditing import audited
from agent.providers.keys.config import KeysHandler
from agent.providers.keys.configured import FIPS_MODES, KEY_NODES
from agent.providers.keys.events import KEY_CHANGED, publish_key_events
from agent.providers.keys.rpc import KeyRpcs
from agent.providers.keys.state import KeyState
from agent.providers.services import Services


def register(registry: Registry, services: Services) -> None:
    rpcs = KeyRpcs(services.key_store)
    state = KeyState(services.key_store)
    services.key_store.listener = publish_key_events(services.bus)
    registry.state("/trustconf-keys:keys/key-pair", state.key_pairs)
    handler = KeysHandler(services.key_store)
    for path in (*FIPS_MODES, *(node.path for node in KEY_NODES)):
        registry.config(path, handler)
    for name, function in (
        ("generate-key-pair", rpcs.generate_key_pair),
        ("zeroize-key-pair", rpcs.zeroize_key_pair),
    ):
        registry.rpc(f"/trustconf-keys:{name}", audited(services, name, function, target="label"))
    registry.notification(KEY_CHANGED)
