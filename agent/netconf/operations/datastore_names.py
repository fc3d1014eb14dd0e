"""Reading <source> and <target>: which datastore, or which inline configuration, an operation is about."""

from __future__ import annotations

from typing import Final

from lxml import etree

from agent.datastore.datastores import CANDIDATE, RUNNING
from agent.netconf.errors import RequestError, RpcError, bad_element
from agent.netconf.operations.request import Parameters, not_supported

#: All that the schema of RFC 6241 knows, so that what we lack gets a better answer than "unknown".
_KNOWN: Final = (RUNNING, CANDIDATE, "startup", "url", "config")


def read_target(parameters: Parameters, name: str = "target") -> str:
    """The datastore that <target> (or <source>) names. Raises RequestError."""
    place = read_source(parameters, name, inline=False)
    assert isinstance(place, str)
    return place


def read_source(parameters: Parameters, name: str = "source", *, inline: bool = True) -> str | etree._Element:
    """The datastore that <source> names, or its inline <config>. Raises RequestError."""
    known = _KNOWN if inline else _KNOWN[:-1]
    found = Parameters(parameters.required(name), known).only()
    if found is None:
        raise RequestError(
            RpcError(
                "missing-element", f"{name} must name a datastore: running or candidate.", info=(bad_element(name),)
            )
        )
    datastore, element = found
    if datastore == "config":
        return element
    if datastore not in (RUNNING, CANDIDATE):
        raise not_supported(f"{datastore} is not supported as {name}; use running or candidate.")
    return datastore
