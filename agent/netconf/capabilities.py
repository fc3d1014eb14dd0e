"""The capabilities that the server announces in its hello and in ietf-netconf-monitoring."""

from __future__ import annotations

from typing import Final

from agent.yang.schema import Module, Schema

BASE_1_0: Final = "urn:ietf:params:netconf:base:1.0"
BASE_1_1: Final = "urn:ietf:params:netconf:base:1.1"

#: RFC 6241 section 8, RFC 5277 sections 3.1.1 and 6.
PROTOCOL: Final = (
    BASE_1_0,
    BASE_1_1,
    "urn:ietf:params:netconf:capability:candidate:1.0",
    "urn:ietf:params:netconf:capability:writable-running:1.0",
    "urn:ietf:params:netconf:capability:rollback-on-error:1.0",
    "urn:ietf:params:netconf:capability:validate:1.1",
    "urn:ietf:params:netconf:capability:xpath:1.0",
    "urn:ietf:params:netconf:capability:notification:1.0",
    "urn:ietf:params:netconf:capability:interleave:1.0",
)
#: RFC 8526 section 2.
YANG_LIBRARY: Final = "urn:ietf:params:netconf:capability:yang-library:1.1?revision=2019-01-04&content-id={}"


def capabilities(schema: Schema) -> tuple[str, ...]:
    """All capabilities: the protocol's, the YANG library's, and one for each implemented module.

    RFC 7950 section 5.6.4 wants YANG 1.1 modules in the YANG library only; clients that read the hello alone (Ansible,
    YANG explorers) would then miss them, so that all of them are here.
    """
    modules = sorted((module for module in schema.modules.values() if module.implemented), key=lambda m: m.name)
    return (*PROTOCOL, YANG_LIBRARY.format(schema.content_id), *map(module_capability, modules))


def module_capability(module: Module) -> str:
    """The capability of a module (RFC 6020 section 5.6.4)."""
    parameters = [("module", module.name)]
    if module.revision:
        parameters.append(("revision", module.revision))
    if module.features:
        parameters.append(("features", ",".join(module.features)))
    if module.deviated_by:
        parameters.append(("deviations", ",".join(module.deviated_by)))
    return module.namespace + "?" + "&".join(f"{name}={value}" for name, value in parameters)
