"""What happens in the key store, as notifications and in the log."""

from __future__ import annotations

from typing import Final

from agent.events import Event, EventBus
from agent.pki.key_display import KeyEvent
from agent.pki.key_store import KeyListener
from agent.providers.keys.log_messages import log_key_info
from agent.providers.keys.vocabulary import type_identity

KEY_CHANGED: Final = "/trustconf-keys:key-changed"


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
