"""One request on its way through an operation, and reading its parameters."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lxml import etree

from agent.caller import Caller
from agent.netconf.errors import Info, RequestError, RpcError, bad_element
from agent.netconf.namespaces import BASE, BASE_1_1, local_name, namespace_of

if TYPE_CHECKING:
    from agent.netconf.server import Server, Services
    from agent.netconf.session import Session


@dataclass(frozen=True, slots=True)
class Request:
    """What an operation gets: who asks, for what, of which server."""

    session: Session
    server: Server
    operation: etree._Element

    @property
    def services(self) -> Services:
        return self.server.services

    @property
    def caller(self) -> Caller:
        return self.session.caller


#: Parameters that many clients build by hand and send in no namespace (ncclient passes `<config>` on as it was given).
#: Nothing else can be meant by them.
_OFTEN_UNQUALIFIED: Final = frozenset({"config", "filter"})


class Parameters:
    """The child elements of an operation or of one of its parameters, by local name.

    An element may stand once, in the namespace of `parent`; those in `base_too` also in the base namespace, where many
    clients write them. What is not in `known` is refused.
    """

    def __init__(self, parent: etree._Element, known: Collection[str], base_too: Collection[str] = ()) -> None:
        self._parent = local_name(parent.tag)
        self._found: dict[str, etree._Element] = {}
        namespaces = {namespace_of(parent.tag)}
        if namespaces & {BASE, BASE_1_1}:
            namespaces = {BASE, BASE_1_1}
        for child in parent:
            name = local_name(child.tag)
            namespace = namespace_of(child.tag)
            if namespace not in namespaces and not (
                (not namespace and name in _OFTEN_UNQUALIFIED) or (namespace == BASE and name in base_too)
            ):
                raise RequestError(_foreign(child))
            if name not in known:
                raise RequestError(
                    RpcError("unknown-element", f"{self._parent} has no parameter {name}.", info=(bad_element(name),))
                )
            if name in self._found:
                raise RequestError(
                    RpcError("bad-element", f"{name} may stand in {self._parent} once.", info=(bad_element(name),))
                )
            self._found[name] = child

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def element(self, name: str) -> etree._Element | None:
        return self._found.get(name)

    def required(self, name: str) -> etree._Element:
        """Raises RequestError (missing-element)."""
        element = self._found.get(name)
        if element is None:
            raise missing(name, self._parent)
        return element

    def only(self) -> tuple[str, etree._Element] | None:
        """The single parameter, for those of which exactly one must be there; None when there is none.

        Raises RequestError (bad-element) when there are more.
        """
        if len(self._found) > 1:
            surplus = list(self._found)[1]
            raise RequestError(
                RpcError("bad-element", f"{self._parent} takes one choice only.", info=(bad_element(surplus),))
            )
        return next(iter(self._found.items()), None)

    def text(self, name: str) -> str | None:
        """The text of a parameter without the white space around it. None when the parameter is absent."""
        element = self._found.get(name)
        return None if element is None else (element.text or "").strip()

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """The text of a parameter with a fixed set of values. Raises RequestError (invalid-value)."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise RequestError(RpcError("invalid-value", f"{name} must be one of: {', '.join(allowed)}."))
        return value


def missing(name: str, parent: str) -> RequestError:
    return RequestError(RpcError("missing-element", f"{parent} must have {name}.", info=(bad_element(name),)))


def not_supported(message: str) -> RequestError:
    return RequestError(RpcError("operation-not-supported", message))


def _foreign(element: etree._Element) -> RpcError:
    name = local_name(element.tag)
    namespace = namespace_of(element.tag)
    return RpcError(
        "unknown-namespace",
        f"{name} is not expected in the namespace {namespace!r} here.",
        info=(bad_element(name), Info("bad-namespace", namespace)),
    )
