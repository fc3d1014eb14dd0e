"""What happens in the stores of keys, as notifications and in the log."""

from __future__ import annotations

import logging
from typing import Final

from agent.events import Event, EventBus
from agent.pki.key_display import KeyEvent
from agent.pki.key_store import KeyListener
from agent.pki.user_key_store import UserKeyEvent, UserKeyListener
from agent.providers.keys.log_messages import log_key_info
from agent.providers.keys.vocabulary import type_identity, user_key_identity, user_key_name

log = logging.getLogger(__name__)

KEY_CHANGED: Final = "/trustconf-keys:key-changed"
USER_KEY_CHANGED: Final = "/trustconf-keys:user-key-changed"


def publish_key_events(bus: EventBus) -> KeyListener:
    """A listener for the key store that publishes on `bus` and logs."""

    def tell(event: KeyEvent) -> None:
        log_key_info(event.text)
        content = {
            "change": event.action.value,
            "type": type_identity(event.type),
            "label": event.label,
            "size": event.size,
            "message": event.text,
        }
        bus.publish(Event(event.time, KEY_CHANGED, content))

    return tell


def publish_user_key_events(bus: EventBus) -> UserKeyListener:
    """A listener for the store of users' keys that publishes on `bus` and logs."""

    def tell(event: UserKeyEvent) -> None:
        imported = event.imported
        log.info("key %d of user %r %s: %s", imported.number, imported.user, event.action, imported.key.fingerprint)
        content = {"change": event.action.value, **user_key_name(imported), **user_key_identity(imported)}
        bus.publish(Event(event.time, USER_KEY_CHANGED, content))

    return tell
