"""XML namespaces of the protocol, and Clark names in them."""

from __future__ import annotations

from typing import Final

BASE: Final = "urn:ietf:params:xml:ns:netconf:base:1.0"
#: Not a namespace of any RFC; some clients send operations in it as they take the capability's name for one.
BASE_1_1: Final = "urn:ietf:params:xml:ns:netconf:base:1.1"
NOTIFICATION: Final = "urn:ietf:params:xml:ns:netconf:notification:1.0"
MONITORING: Final = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
YANG: Final = "urn:ietf:params:xml:ns:yang:1"
XML: Final = "http://www.w3.org/XML/1998/namespace"


def base(name: str) -> str:
    """The Clark name of `name` in the NETCONF base namespace."""
    return f"{{{BASE}}}{name}"


def namespace_of(tag: str) -> str:
    """The namespace of a Clark name, "" when it has none."""
    return tag[1:].partition("}")[0] if tag.startswith("{") else ""


def local_name(tag: str) -> str:
    """The local part of a Clark name."""
    return tag.rpartition("}")[2]
