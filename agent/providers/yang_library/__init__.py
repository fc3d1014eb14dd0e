"""ietf-yang-library 2019-01-04 (RFC 8525): the modules that are implemented, and the older modules-state."""

from __future__ import annotations

from agent.northbound.registry import Registry
from agent.providers.yang_library.state import modules_state, yang_library


def register(registry: Registry) -> None:
    """Both trees are made once: the schema never changes while the agent runs."""
    library = yang_library(registry.schema)
    legacy = modules_state(registry.schema)
    registry.state("/ietf-yang-library:yang-library", lambda query: library)
    registry.state("/ietf-yang-library:modules-state", lambda query: legacy)
    registry.notification("/ietf-yang-library:yang-library-update")
    registry.notification("/ietf-yang-library:yang-library-change")
