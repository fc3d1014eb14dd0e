"""get-schema (RFC 6022 section 3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lxml import etree

from agent.netconf.errors import RequestError, RpcError
from agent.netconf.messages import Reply
from agent.netconf.namespaces import MONITORING
from agent.netconf.operations.request import Parameters, Request, missing
from agent.yang.schema import Schema
from agent.yang.xml_writer import escape

FORMAT: Final = "yang"


def get_schema(request: Request) -> Reply:
    """The text of one module or submodule."""
    parameters = Parameters(request.operation, ("identifier", "version", "format"))
    identifier = parameters.text("identifier")
    if identifier is None:
        raise missing("identifier", "get-schema")
    version = parameters.text("version")
    form = parameters.element("format")
    if form is not None and not _is_yang(form):
        raise RequestError(RpcError("invalid-value", "Schemas are available in the format yang only."))
    found = [
        text
        for revision, text in _texts(request.services.schema, identifier)
        if version is None or version == (revision or "")
    ]
    if not found:
        which = identifier if version is None else f"{identifier} of version {version!r}"
        raise RequestError(RpcError("invalid-value", f"There is no schema {which}; see /netconf-state/schemas."))
    if len(found) > 1:
        raise RequestError(
            RpcError(
                "operation-failed",
                f"There is more than one version of {identifier}; name the version.",
                app_tag="data-not-unique",
            )
        )
    return Reply(xml=f'<data xmlns="{MONITORING}">{escape(found[0])}</data>'.encode())


def _is_yang(element: etree._Element) -> bool:
    """True for the identity `yang`: with a prefix for the module's namespace, or bare as many clients write it."""
    prefix, _, name = (element.text or "").strip().rpartition(":")
    return name == FORMAT and (not prefix or element.nsmap.get(prefix) == MONITORING)


def _texts(schema: Schema, identifier: str) -> Iterator[tuple[str | None, str]]:
    """(revision, source) of each module and submodule with this name."""
    seen = set()
    for module in schema.modules.values():
        if module.name == identifier:
            yield module.revision, module.text
        for name, revision, text in module.submodules:
            if name == identifier and (name, revision) not in seen:
                seen.add((name, revision))
                yield revision, text
