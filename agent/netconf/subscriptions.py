"""One session's subscription to events (RFC 5277).

The event bus only ever puts an event into the subscription's queue. A pump, which runs in the background and belongs to
this subscription alone, filters, encodes and sends; a client that reads slowly holds up its own pump and nothing else.
When the queue is full the session is closed: events are never dropped in silence.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.clock import yang_date_and_time
from agent.events import Event
from agent.netconf.event_filters import EventFilter
from agent.netconf.messages import write_notification
from agent.yang.notifications import notification_document
from agent.yang.xml_codec import encode

if TYPE_CHECKING:
    from agent.netconf.server import Services
    from agent.netconf.session import Session

log = logging.getLogger(__name__)


class Subscription:
    """Made by create-subscription; `start` begins to listen, `stop` ends it for good."""

    def __init__(self, session: Session, services: Services, wanted: EventFilter | None) -> None:
        self._session = session
        self._services = services
        self._wanted = wanted
        self._capacity = services.limits.queued_notifications
        self._queue: deque[Event] = deque()
        self._condition = threading.Condition()
        self._stopped = False
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        """Listen from now on."""
        self._unsubscribe = self._services.bus.subscribe(self._enqueue)
        if self._stopped:
            self._unsubscribe()
        else:
            self._services.background(self._pump)

    def stop(self) -> None:
        """Listen no more. May be called by any thread, the pump's own included."""
        with self._condition:
            self._stopped = True
            self._queue.clear()
            self._condition.notify_all()
        if self._unsubscribe is not None:
            self._unsubscribe()

    def deliver(self) -> None:
        """Send what is in the queue; returns when it is empty or the subscription has stopped."""
        while True:
            with self._condition:
                if self._stopped or not self._queue:
                    return
                event = self._queue.popleft()
            self._send(event)

    def _enqueue(self, event: Event) -> None:
        """The event bus's listener: it must not wait for anything."""
        with self._condition:
            if self._stopped:
                return
            self._queue.append(event)
            overflow = len(self._queue) > self._capacity
            if overflow:
                self._stopped = True
                self._queue.clear()
            self._condition.notify_all()
        if overflow:
            # Closing takes locks that the publisher may hold.
            self._services.background(self._close_slow_session)

    def _close_slow_session(self) -> None:
        log.warning(
            "session %d does not take its notifications: more than %d wait", self._session.session_id, self._capacity
        )
        self._session.close("notifications were not read", dropped=True)

    def _pump(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._queue or self._stopped)
                if self._stopped:
                    return
            try:
                self.deliver()
            except OSError:
                self._session.connection_lost()
                return
            except Exception:
                log.exception("an event could not be sent to session %d", self._session.session_id)

    def _send(self, event: Event) -> None:
        document = notification_document(self._services.schema, event.path, event.instance_keys, event.content)
        if self._wanted is not None and not self._wanted(document):
            return
        self._session.send(write_notification(yang_date_and_time(event.time), encode(document)))
        self._session.counters.out_notifications += 1
