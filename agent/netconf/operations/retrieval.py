"""get and get-config (RFC 6241 sections 7.1 and 7.7).

A filter is compiled first; then only what it can match is read: state is asked for by the selections, list entries are
found by their keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lxml import etree

from agent.netconf.errors import RequestError, RpcError, bad_attribute, bad_element
from agent.netconf.filters import compile_filter
from agent.netconf.messages import Reply, data_reply
from agent.netconf.namespaces import base
from agent.netconf.operations.datastore_names import read_target
from agent.netconf.operations.request import Parameters, Request
from agent.yang.selection import Selection, extract, merge, select
from agent.yang.tree import Inner
from agent.yang.xml_codec import encode

#: Supplies the tree to cut from, given what can be selected (None: everything).
TreeSource = Callable[[Sequence[Selection] | None], Inner]


def get(request: Request) -> Reply:
    """Running configuration and state, of one moment each."""
    parameters = Parameters(request.operation, ("filter",))
    services = request.services

    def tree(selections: Sequence[Selection] | None) -> Inner:
        return merge(services.datastores.running, services.state.collect(selections))

    return _filtered(request, parameters.element("filter"), tree)


def get_config(request: Request) -> Reply:
    """One configuration datastore."""
    parameters = Parameters(request.operation, ("source", "filter"))
    datastore = read_target(parameters, "source")
    return _filtered(request, parameters.element("filter"), lambda _: request.services.datastores.tree(datastore))


def _filtered(request: Request, element: etree._Element | None, tree: TreeSource) -> Reply:
    if element is None:
        return data_reply(encode(tree(None)))
    return data_reply(encode(_FILTER_TYPES[filter_type(element)](request, element, tree)))


def _by_subtree(request: Request, element: etree._Element, tree: TreeSource) -> Inner:
    services = request.services
    selections = compile_filter(element, services.schema, services.limits.filter_nodes)
    if not selections:
        return Inner(services.schema.root)
    return select(tree(selections), selections)


def _by_xpath(request: Request, element: etree._Element, tree: TreeSource) -> Inner:
    xpath = request.services.xpath
    text, nsmap = xpath_of(element)
    root = tree(xpath.superset(text, nsmap))
    return extract(root, xpath.select(root, text, nsmap))


_FILTER_TYPES: dict[str, Callable[[Request, etree._Element, TreeSource], Inner]] = {
    "subtree": _by_subtree,
    "xpath": _by_xpath,
}


def filter_type(element: etree._Element) -> str:
    """ "subtree" or "xpath". Raises RequestError (bad-attribute) for any other type."""
    kind = _filter_attribute(element, "type") or "subtree"
    if kind not in _FILTER_TYPES:
        raise RequestError(
            RpcError(
                "bad-attribute",
                "The type of a filter must be subtree or xpath.",
                info=(bad_attribute("type"), bad_element("filter")),
            )
        )
    return kind


def _filter_attribute(element: etree._Element, name: str) -> str | None:
    """An attribute of <filter>, which some clients qualify with the base namespace."""
    return element.get(name, element.get(base(name)))


def xpath_of(element: etree._Element) -> tuple[str, dict[str, str]]:
    """The expression of an xpath filter with the prefixes in scope. Raises RequestError (missing-attribute)."""
    text = _filter_attribute(element, "select")
    if text is None:
        raise RequestError(
            RpcError(
                "missing-attribute",
                "A filter of type xpath must have a select attribute.",
                info=(bad_attribute("select"), bad_element("filter")),
            )
        )
    return text, {prefix: uri for prefix, uri in element.nsmap.items() if prefix}
