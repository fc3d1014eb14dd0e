"""The one event bus: whatever the agent has to tell is published here once.

NETCONF notifications, syslog and SNMP traps are listeners. Publishing never waits for a listener: each one gets the
event on its own queue-or-callback and must return at once; a listener that raises is logged and does not disturb the
others.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        time: when, aware, UTC.
        path: schema path of the YANG notification, e.g. "/trustconf-keys:key-changed".
        content: the notification's children as Python values named as the YANG names them (agent/yang/python_codec.py).
        instance_keys: for a notification inside data, the keys of all list entries on the way to it, outermost first.
    """

    time: datetime
    path: str
    content: dict[str, Any] = field(default_factory=dict)
    instance_keys: tuple[Mapping[str, str], ...] = ()


Listener = Callable[[Event], None]


class EventBus:
    """Hands each published event to every listener, in the order of publishing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[int, Listener] = {}
        self._next = 0

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Add a listener; the returned function removes it again."""
        with self._lock:
            token = self._next
            self._next += 1
            self._listeners[token] = listener

        def unsubscribe() -> None:
            with self._lock:
                self._listeners.pop(token, None)

        return unsubscribe

    def publish(self, event: Event) -> None:
        with self._lock:
            # Under the lock, so that all listeners see the same order of events. Listeners only enqueue.
            for listener in self._listeners.values():
                try:
                    listener(event)
                except Exception:
                    log.exception("a listener failed on event %s", event.path)
