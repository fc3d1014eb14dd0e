"""What is refused, and how RFC 6241 appendix A and RFC 7950 section 15 want it said.

The rooms below raise exceptions that carry facts; `TABLE` is the one place that turns each of them into an rpc-error.
An exception that is not in it is a fault of ours: the client gets a reference, the log gets the traceback, and nothing
of the exception's text ever leaves the agent.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from agent.datastore.errors import (
    CandidateModifiedError,
    DatastoreInUseError,
    LockDeniedError,
    NotLockedError,
    UnsupportedDatastoreError,
)
from agent.netconf.namespaces import BASE, YANG
from agent.northbound.errors import ProviderError
from agent.yang import errors as yang
from agent.yang import paths
from agent.yang.schema import SchemaNode
from agent.yang.tree import InstancePath

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Info:
    """One child of error-info: an element with text, and the prefixes that the text uses."""

    name: str
    text: str
    namespace: str = BASE
    prefixes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RpcError:
    """One rpc-error element (RFC 6241 section 4.3).

    `path` is an XPath whose prefixes are in `prefixes`, as (prefix, namespace).
    """

    tag: str
    message: str
    type: str = "protocol"
    severity: str = "error"
    app_tag: str | None = None
    path: str | None = None
    prefixes: tuple[tuple[str, str], ...] = ()
    info: tuple[Info, ...] = ()


class RequestError(Exception):
    """A request is refused with these errors, of which there is at least one."""

    def __init__(self, *errors: RpcError) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a request relative paths of errors belong.

    `operation` is the rpc or action whose input was at fault, None when configuration was; `prefix` is the XPath up to
    and including the operation.
    """

    root: SchemaNode
    operation: SchemaNode | None = None
    prefix: str = ""
    prefixes: tuple[tuple[str, str], ...] = field(default=())


def bad_element(name: str) -> Info:
    return Info("bad-element", name)


def bad_attribute(name: str) -> Info:
    return Info("bad-attribute", name)


def translate(error: Exception, place: Place) -> tuple[RpcError, ...]:
    """The rpc-errors for any exception that came out of an operation."""
    if isinstance(error, RequestError):
        return error.errors
    if isinstance(error, yang.ValidationFailure):
        return tuple(found for cause in error.errors for found in translate(cause, place))
    for kind in type(error).__mro__:
        rule = TABLE.get(kind)
        if rule is not None:
            return (rule(error, place),)
    return (internal_error(error),)


def internal_error(error: BaseException) -> RpcError:
    """A fault of ours: logged in full under a reference, which is all that the client is told."""
    reference = secrets.token_hex(4)
    log.error("internal error, reference %s", reference, exc_info=error)
    return RpcError("operation-failed", f"internal error, reference {reference}", "application")


Rule = Callable[[Any, Place], RpcError]


def _data(tag: str, *info: Callable[[yang.DataError], Info]) -> Rule:
    """The rule for a kind of DataError, with what its error-info holds."""

    def rule(error: yang.DataError, place: Place) -> RpcError:
        path, prefixes = _data_path(error.path, place)
        return RpcError(
            tag,
            error.message,
            "application",
            app_tag=error.app_tag,
            path=path,
            prefixes=prefixes,
            info=tuple(make(error) for make in info),
        )

    return rule


def _bad_element(error: yang.DataError) -> Info:
    return bad_element(error.bad_name or _last_name(error))


def _bad_attribute(error: yang.DataError) -> Info:
    return bad_attribute(error.bad_name or "")


def _element_with_bad_attribute(error: yang.DataError) -> Info:
    return bad_element(_last_name(error))


def _bad_namespace(error: yang.DataError) -> Info:
    return Info("bad-namespace", error.bad_namespace or "")


def _missing_choice(error: yang.DataError) -> Info:
    return Info("missing-choice", error.bad_name or "", YANG)


def _last_name(error: yang.DataError) -> str:
    return error.path[-1].schema.name if error.path else ""


#: ConstraintError.kind -> rule (RFC 7950 sections 8.3 and 15).
_CONSTRAINTS: dict[str, Rule] = {
    "must": _data("operation-failed"),
    "when": _data("unknown-element", _bad_element),
    "unique": _data("operation-failed"),
    "too-many-elements": _data("operation-failed"),
    "too-few-elements": _data("operation-failed"),
    "instance-required": _data("data-missing"),
    "missing-choice": _data("data-missing", _missing_choice),
    "mandatory": _data("data-missing", _bad_element),
    "choice": _data("bad-element", _bad_element),
}
#: What is different when the constraint is on the input of an operation (RFC 7950 section 8.3.1).
_INPUT_CONSTRAINTS: dict[str, Rule] = {
    "mandatory": _data("missing-element", _bad_element),
    "missing-choice": _data("missing-element", _bad_element),
}


def _constraint(error: yang.ConstraintError, place: Place) -> RpcError:
    table = _CONSTRAINTS if place.operation is None else {**_CONSTRAINTS, **_INPUT_CONSTRAINTS}
    result: RpcError = table[error.kind](error, place)
    non_unique = []
    for instance in error.non_unique:
        path, prefixes = _data_path(instance, place)
        if path is not None:
            non_unique.append(Info("non-unique", path, YANG, prefixes))
    return replace(result, info=(*result.info, *non_unique))


def _provider(error: ProviderError, place: Place) -> RpcError:
    path, prefixes = _provider_path(error.path, place)
    # RFC 6241 appendix A: the name of the element is obligatory.
    info = (bad_element(error.path.rpartition("/")[2]),) if error.tag == "missing-element" and error.path else ()
    return RpcError(
        error.tag, error.message, "application", app_tag=error.app_tag, path=path, info=info, prefixes=prefixes
    )


def _lock_denied(error: LockDeniedError | CandidateModifiedError, place: Place) -> RpcError:
    return RpcError("lock-denied", error.message, info=(Info("session-id", str(error.session_id)),))


def _datastore(tag: str) -> Rule:
    return lambda error, place: RpcError(tag, error.message)


#: Exception class -> rule. The nearest class in the exception's own line of ancestors counts.
TABLE: dict[type, Rule] = {
    yang.InvalidValueError: _data("invalid-value"),
    yang.UnknownElementError: _data("unknown-element", _bad_element),
    yang.UnknownNamespaceError: _data("unknown-namespace", _bad_element, _bad_namespace),
    yang.UnknownAttributeError: _data("unknown-attribute", _bad_attribute, _element_with_bad_attribute),
    yang.BadAttributeError: _data("bad-attribute", _bad_attribute, _element_with_bad_attribute),
    yang.MissingAttributeError: _data("missing-attribute", _bad_attribute, _element_with_bad_attribute),
    yang.MissingElementError: _data("missing-element", _bad_element),
    yang.BadElementError: _data("bad-element", _bad_element),
    yang.DataExistsError: _data("data-exists"),
    yang.DataMissingError: _data("data-missing"),
    yang.ConstraintError: _constraint,
    ProviderError: _provider,
    LockDeniedError: _lock_denied,
    CandidateModifiedError: _lock_denied,
    DatastoreInUseError: _datastore("in-use"),
    NotLockedError: _datastore("operation-failed"),
    UnsupportedDatastoreError: _datastore("operation-not-supported"),
}

Located = tuple[str | None, tuple[tuple[str, str], ...]]


def _data_path(path: InstancePath | None, place: Place) -> Located:
    """Configuration: the path from the root of all data. Input: the path in the request (RFC 6241 section 4.3)."""
    if path is None or (not path and not place.prefix):
        return None, ()
    text, prefixes = paths.to_xpath(path) if path else ("", {})
    return place.prefix + text, tuple({**dict(place.prefixes), **prefixes}.items())


def _provider_path(text: str | None, place: Place) -> Located:
    """A provider's path: absolute in the data, or relative to the input of the operation."""
    if text is None:
        return None, ()
    try:
        if text.startswith("/"):
            located, prefixes = paths.to_xpath(paths.parse(text, place.root))
            return located, tuple(prefixes.items())
        if place.operation is not None:
            return _data_path(paths.parse("/" + text, place.operation.child("input")), place)
    except (yang.DataError, KeyError):
        pass
    log.warning("a provider named a place that is not in the schema: %s", text)
    return None, ()
