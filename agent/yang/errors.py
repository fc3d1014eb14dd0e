"""What can be wrong with data, as facts.

One exception class a kind of failure. The NETCONF border (agent/netconf/errors.py) turns each into an rpc-error in one
table; nothing in here knows about rpc-error elements. Messages are for the person who sent the data and say what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.yang.tree import InstancePath


class YangError(Exception):
    """Base of all errors about schemas and data."""


class SchemaError(YangError):
    """A module can't be loaded or compiled: a fault of the installation, never of a client."""


class DataError(YangError):
    """Data, or an edit of data, that must be refused.

    Attributes:
        message: what is wrong and what to do, for a person.
        path: where, as an instance path (None only when there is no place to name).
        app_tag: error-app-tag of RFC 7950 section 15 or of the model's own `error-app-tag`, or None.
        bad_name: local name of the offending element or attribute, for error-info, or None.
        bad_namespace: namespace of an unknown namespace, for error-info, or None.
    """

    def __init__(
        self,
        message: str,
        path: InstancePath | None = None,
        *,
        app_tag: str | None = None,
        bad_name: str | None = None,
        bad_namespace: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.app_tag = app_tag
        self.bad_name = bad_name
        self.bad_namespace = bad_namespace


class InvalidValueError(DataError):
    """A leaf's text is outside its type: RFC 6241 `invalid-value` (app_tag carries range/length/pattern violations)."""


class UnknownElementError(DataError):
    """No such node in the schema: `unknown-element` (bad_name set)."""


class UnknownNamespaceError(DataError):
    """No loaded module has this namespace: `unknown-namespace` (bad_name and bad_namespace set)."""


class UnknownAttributeError(DataError):
    """An XML attribute or annotation that is not defined here: `unknown-attribute` (bad_name set)."""


class BadAttributeError(DataError):
    """A known attribute with a bad value, e.g. operation="sideways": `bad-attribute` (bad_name set)."""


class MissingAttributeError(DataError):
    """A required attribute is absent, e.g. `key` with insert="before": `missing-attribute` (bad_name set)."""


class MissingElementError(DataError):
    """A list key or other required child is absent: `missing-element` (bad_name set)."""


class BadElementError(DataError):
    """A node that may not be here, e.g. state data in a configuration edit: `bad-element` (bad_name set)."""


class DataExistsError(DataError):
    """`create` of something that is there: `data-exists`."""


class DataMissingError(DataError):
    """`delete` of something that is not there (`data-missing`), also RFC 7950 15.3, 15.5 with their app_tag."""


class ConstraintError(DataError):
    """Well-formed values that break a rule across nodes.

    `kind` names the rule and thereby the rpc-error of RFC 7950 section 15; see CONSTRAINT_KINDS.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        path: InstancePath | None = None,
        *,
        app_tag: str | None = None,
        bad_name: str | None = None,
        non_unique: tuple[InstancePath, ...] = (),
    ) -> None:
        if kind not in CONSTRAINT_KINDS:
            raise ValueError(f"unknown constraint kind {kind!r}")
        super().__init__(message, path, app_tag=app_tag or CONSTRAINT_KINDS[kind], bad_name=bad_name)
        self.kind = kind
        self.non_unique = non_unique


#: kind -> default error-app-tag (RFC 7950 section 15); None where the RFC gives none.
CONSTRAINT_KINDS: dict[str, str | None] = {
    "must": "must-violation",
    "when": None,
    "unique": "data-not-unique",
    "too-many-elements": "too-many-elements",
    "too-few-elements": "too-few-elements",
    "instance-required": "instance-required",
    "missing-choice": "missing-choice",
    "mandatory": None,
    "choice": None,
}


class ValidationFailure(YangError):
    """One or more DataErrors found by validation; `errors` is never empty and is in document order."""

    def __init__(self, errors: list[DataError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors
