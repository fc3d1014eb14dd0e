"""trustconf-keys, and what Cisco-IOS-XR-um-crypto-cfg says of them: key pairs, and users' public keys."""

from __future__ import annotations

from agent.northbound.registry import Registry
from agent.providers.auditing import audited
from agent.providers.keys.config import KeysHandler
from agent.providers.keys.configured import FIPS_MODES, KEY_NODES
from agent.providers.keys.events import (
    KEY_CHANGED,
    USER_KEY_CHANGED,
    publish_key_events,
    publish_user_key_events,
)
from agent.providers.keys.rpc import KeyRpcs, UserKeyRpcs
from agent.providers.keys.state import KeyState
from agent.providers.keys.user_keys import UserKeyOperations
from agent.providers.services import Services


def register(registry: Registry, services: Services) -> None:
    rpcs = KeyRpcs(services.key_store)
    user_key_rpcs = UserKeyRpcs(UserKeyOperations(services))
    state = KeyState(services.key_store, services.user_key_store)
    services.key_store.listener = publish_key_events(services.bus)
    services.user_key_store.listener = publish_user_key_events(services.bus)
    registry.state("/trustconf-keys:keys/key-pair", state.key_pairs)
    registry.state("/trustconf-keys:keys/user-key", state.user_keys)
    handler = KeysHandler(services.key_store, services.user_key_store)
    for path in (*FIPS_MODES, *(node.path for node in KEY_NODES)):
        registry.config(path, handler)
    for name, function in (
        ("generate-key-pair", rpcs.generate_key_pair),
        ("zeroize-key-pair", rpcs.zeroize_key_pair),
    ):
        registry.rpc(f"/trustconf-keys:{name}", audited(services, name, function, target="label"))
    # They leave audit events themselves: whose key it is, is not always in the input.
    registry.rpc("/trustconf-keys:import-user-key", user_key_rpcs.import_user_key)
    registry.rpc("/trustconf-keys:zeroize-user-key", user_key_rpcs.zeroize_user_key)
    registry.notification(KEY_CHANGED)
    registry.notification(USER_KEY_CHANGED)
