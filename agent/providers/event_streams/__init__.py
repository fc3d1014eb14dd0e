"""nc-notifications (RFC 5277 section 3.2.5): the event streams that create-subscription knows. There is one."""

from __future__ import annotations

from typing import Final

from agent.northbound.contract import Record, StateQuery
from agent.northbound.registry import Registry

STREAM: Final = "NETCONF"


def register(registry: Registry) -> None:
    registry.state("/nc-notifications:netconf/streams", _streams)


def _streams(query: StateQuery) -> Record:
    return {
        "stream": [{"name": STREAM, "description": "All events of this device.", "replaySupport": False}],
    }
