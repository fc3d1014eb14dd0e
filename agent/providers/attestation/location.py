"""Which node an rpc is about: this device has one."""

from __future__ import annotations

from typing import Final

from agent.integrity.sources.description import NODE_NAME
from agent.northbound.contract import Record
from agent.northbound.errors import ProviderError

#: How collectors spell the one node, and all nodes.
_LOCATIONS: Final = (NODE_NAME, "node0_RP0_CPU0", "all")


def check_location(request: Record) -> None:
    """Raises ProviderError for another node than that of this device."""
    location = request.get("location")
    if location is not None and location not in _LOCATIONS:
        raise ProviderError(
            "invalid-value",
            f"This device has one node, {NODE_NAME}.",
            path="location",
            app_tag="unknown-node",
        )
