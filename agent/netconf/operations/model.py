"""rpcs and actions that a YANG module defines: decoded, validated and answered by the schema (RFC 7950 7.14, 7.15).

Which provider answers is the registry's knowledge; nothing in here knows a module.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from agent.netconf.errors import Place, RequestError, RpcError, bad_element, translate
from agent.netconf.messages import OK, Reply
from agent.netconf.namespaces import BASE, YANG, local_name
from agent.netconf.operations.request import Request, not_supported
from agent.northbound.contract import Record, RpcContext, TextStream
from agent.yang import python_codec, xml_codec
from agent.yang.errors import DataMissingError, MissingElementError, UnknownElementError
from agent.yang.paths import bind_prefix, to_xml
from agent.yang.schema import Kind, Schema, SchemaNode
from agent.yang.selection import Selection, merge
from agent.yang.tree import Inner, InstancePath, lookup


def call_rpc(request: Request, node: SchemaNode) -> Reply:
    """Run the rpc `node`, whose element is the request's operation."""
    module = node.module
    place = Place(
        request.services.schema.root,
        node,
        f"/nc:rpc/{module.prefix}:{node.name}",
        (("nc", BASE), (module.prefix, module.namespace)),
    )
    return _call(request, node, request.operation, place, ())


def call_action(request: Request) -> Reply:
    """Run the action that <action> leads to, on an instance that must exist."""
    schema = request.services.schema
    try:
        target = _find_action(request.operation, schema.root)
        if target.path:
            _require_instance(request, target.path)
    except Exception as error:
        raise RequestError(*translate(error, Place(schema.root))) from error
    place = _place(schema, target)
    keys = tuple(
        {leaf.name: text for leaf, text in zip(step.schema.keys, step.key, strict=True)}
        for step in target.path
        if step.key is not None
    )
    return _call(request, target.node, target.element, place, keys)


@dataclass(frozen=True, slots=True)
class _Action:
    node: SchemaNode
    element: etree._Element
    #: The instance that the action is on.
    path: InstancePath


def _place(schema: Schema, target: _Action) -> Place:
    """Errors in the input are told where it is in the request, below the instance."""
    bound = {"nc": BASE, "yang": YANG}

    def prefix_for(module: str) -> str:
        return bind_prefix(bound, schema.modules[module])

    path = to_xml(target.path, prefix_for) if target.path else ""
    step = f"{prefix_for(target.node.module.name)}:{target.node.name}"
    return Place(schema.root, target.node, f"/nc:rpc/yang:action{path}/{step}", tuple(bound.items()))


def _call(
    request: Request,
    node: SchemaNode,
    element: etree._Element,
    place: Place,
    instance_keys: tuple[Mapping[str, str], ...],
) -> Reply:
    services = request.services
    function = services.registry.rpc_functions.get(node)
    if function is None:
        raise not_supported(f"{node.name} is not supported by this server.")
    try:
        body = xml_codec.decode(element, node.child("input"))
        services.validator.validate_operation(body, services.datastores.running)
        record = python_codec.to_record(body, defaults=True)
        output = function(record, RpcContext(request.caller, instance_keys, request.session.is_abandoned))
    except Exception as error:
        raise RequestError(*translate(error, place)) from error
    return _reply(output, node.child("output")) if output else OK


def _reply(output: Record, schema: SchemaNode) -> Reply:
    """The output as XML. Where a leaf's text is a stream, a mark that nobody can guess keeps its place meanwhile."""
    streams = {name: value for name, value in output.items() if isinstance(value, TextStream)}
    marks = {name: secrets.token_hex(16) for name in streams}
    try:
        content = xml_codec.encode(python_codec.from_record({**output, **marks}, schema))
    except BaseException:
        for stream in streams.values():
            stream.close()
        raise
    if not streams:
        return Reply(xml=content) if content else OK
    by_mark = {marks[name].encode(): stream for name, stream in streams.items()}
    pieces = re.split(b"(" + b"|".join(by_mark) + b")", content)
    return Reply(streamed=tuple(by_mark.get(piece, piece) for piece in pieces))


def _find_action(element: etree._Element, root: SchemaNode) -> _Action:
    """Walk down from <action> to the action's own element. Raises DataError or RequestError."""
    node, path = root, InstancePath()
    while True:
        child = _only_child(element, node)
        action = node.operations.get(child.tag)
        if action is not None and action.kind is Kind.ACTION:
            return _Action(action, child, path)
        following = node.data_children.get(child.tag)
        if following is None or following.kind not in (Kind.CONTAINER, Kind.LIST):
            name = local_name(child.tag)
            raise UnknownElementError(f"There is no action or node {name} here.", path, bad_name=name)
        path = path.child(following, _key(child, following, path) if following.kind is Kind.LIST else None)
        element, node = child, following


def _only_child(element: etree._Element, node: SchemaNode) -> etree._Element:
    """The one child that leads on; key leaves of a list entry lead nowhere."""
    keys = {leaf.tag for leaf in node.keys}
    children = [child for child in element if child.tag not in keys]
    if not children:
        name = local_name(element.tag)
        raise RequestError(RpcError("missing-element", f"{name} must lead to an action.", info=(bad_element(name),)))
    if len(children) > 1:
        surplus = local_name(children[1].tag)
        raise RequestError(
            RpcError("bad-element", "An action request leads to one action.", info=(bad_element(surplus),))
        )
    return children[0]


def _key(element: etree._Element, schema: SchemaNode, parent: InstancePath) -> tuple[str, ...]:
    texts = []
    for leaf in schema.keys:
        found = element.find(leaf.tag)
        if found is None:
            raise MissingElementError(
                f"{schema.name} must have its key {leaf.name}.", parent.child(schema), bad_name=leaf.name
            )
        texts.append(xml_codec.leaf_text(found, leaf))
    return tuple(texts)


def _require_instance(request: Request, path: InstancePath) -> None:
    services = request.services
    state = services.state.collect((_selection(path),))
    instance = lookup(merge(services.datastores.running, state), path)
    exists = isinstance(instance, Inner) or all(
        step.schema.kind is Kind.CONTAINER and not step.schema.presence for step in path
    )
    if not exists:
        raise DataMissingError(f"There is no {path[-1].schema.name} like that to run the action on.", path)


def _selection(path: InstancePath) -> Selection:
    """The selection of one instance and nothing else, down to its keys."""
    step = path[0]
    matches = tuple(zip(step.schema.keys, step.key or (), strict=True)) if step.key is not None else ()
    if len(path) == 1:
        keys = tuple(Selection(leaf, everything=True) for leaf in step.schema.keys)
        return Selection(step.schema, matches, keys, everything=not keys)
    return Selection(step.schema, matches, (_selection(InstancePath(path[1:])),))
