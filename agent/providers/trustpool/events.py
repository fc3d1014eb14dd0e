"""What happens to the trustpool, as notifications and in the log."""

from __future__ import annotations

import logging
from typing import Final

from agent.events import Event, EventBus
from agent.northbound.contract import Record
from agent.pki.trustpool import PoolAction, PoolEvent, PoolListener

log = logging.getLogger(__name__)

UPDATED: Final = "/trustconf-trustpool:trustpool-updated"
IMPORT_FAILED: Final = "/trustconf-trustpool:trustpool-import-failed"


def publish_pool_events(bus: EventBus) -> PoolListener:
    """A listener for the trustpool that publishes on `bus` and logs."""

    def tell(event: PoolEvent) -> None:
        if event.action is PoolAction.FAILED:
            log.warning("trustpool: the import from %s failed: %s", event.url, event.reason)
            bus.publish(Event(event.time, IMPORT_FAILED, {"url": event.url, "reason": event.reason}))
            return
        content: Record = {"change": event.action.value, "certificates": event.certificates}
        if event.action is PoolAction.IMPORTED:
            content |= {"url": event.url, "expired": event.expired}
        log.info("trustpool %s, %d certificates", event.action.value, event.certificates)
        bus.publish(Event(event.time, UPDATED, content))

    return tell
