"""ietf-netconf-monitoring (RFC 6022): the NETCONF server as data. get-schema is the protocol's own."""

from __future__ import annotations

from agent.northbound.registry import Registry
from agent.providers.netconf_monitoring.state import LockTable, MonitoredServer, MonitoringState


def register(registry: Registry, server: MonitoredServer, locks: LockTable) -> None:
    """Register the five parts of /netconf-state one by one, so that a filter pays for its own part only."""
    state = MonitoringState(registry.schema, server, locks)
    top = "/ietf-netconf-monitoring:netconf-state"
    registry.state(f"{top}/capabilities", state.capabilities)
    registry.state(f"{top}/datastores", state.datastores)
    registry.state(f"{top}/schemas", state.schemas)
    registry.state(f"{top}/sessions", state.sessions)
    registry.state(f"{top}/statistics", state.statistics)
