"""Reading pyang's statements: the questions that both compilers ask, answered with plain values.

Names and prefixes mean what they mean in the module where a statement was written (`i_orig_module`); the nodes that a
grouping yields belong to the module that uses it (`i_module`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pyang.syntax import parse_if_feature_expr

from agent.yang.errors import SchemaError
from agent.yang.schema import Expression

#: A statement of pyang's (its classes carry no type information).
Statement = Any


def argument(statement: Statement, keyword: Any) -> str | None:
    """The argument of the first substatement `keyword`, or None."""
    found = statement.search_one(keyword)
    text: str | None = found.arg if found is not None else None
    return text


def module_name(statement: Statement) -> str:
    """Name of the module whose namespace the statement's node is in (of the main module for a submodule)."""
    name: str = statement.i_module.i_modulename
    return name


def origin(statement: Statement) -> Statement:
    """The module or submodule in whose file the statement stands."""
    return getattr(statement, "i_orig_module", statement.i_module)


def prefixes(written_in: Statement) -> dict[str, str]:
    """prefix -> module name, as a module or submodule binds them."""
    return {
        prefix: written_in.i_modulename if name == written_in.arg else name
        for prefix, (name, _revision) in written_in.i_prefixes.items()
    }


def resolve_prefix(statement: Statement, qualified: str) -> tuple[str, str]:
    """(module name, local name) of a possibly prefixed reference in `statement`; without a prefix it means the module
    that the statement is written in. Raises SchemaError."""
    prefix, _, name = qualified.rpartition(":")
    written_in = origin(statement)
    if not prefix:
        return written_in.i_modulename, name
    try:
        return prefixes(written_in)[prefix], name
    except KeyError:
        raise SchemaError(f"{statement.pos}: the prefix {prefix!r} is not bound") from None


class Namespaces:
    """Module name -> namespace for everything that is loaded."""

    def __init__(self, by_module: Mapping[str, str]) -> None:
        self.by_module = dict(by_module)
        self._bindings: dict[int, tuple[tuple[str, str], ...]] = {}

    def of_prefixes(self, statement: Statement) -> tuple[tuple[str, str], ...]:
        """(prefix, namespace) pairs in scope where `statement` is written."""
        written_in = origin(statement)
        known = self._bindings.get(id(written_in))
        if known is None:
            bound = prefixes(written_in).items()
            known = tuple((prefix, self.by_module[name]) for prefix, name in bound if name in self.by_module)
            self._bindings[id(written_in)] = known
        return known

    def scope(self, statement: Statement) -> dict[str | None, str]:
        """A namespace map for a value written in a module, such as a default."""
        own = self.by_module[origin(statement).i_modulename]
        return {None: own, **dict(self.of_prefixes(statement))}

    def expression(self, statement: Statement, default_namespace: str, context_up: int = 0) -> Expression:
        """A must, when or path statement with what is needed to evaluate it."""
        return Expression(
            text=statement.arg,
            prefixes=self.of_prefixes(statement),
            default_namespace=default_namespace,
            error_message=argument(statement, "error-message"),
            error_app_tag=argument(statement, "error-app-tag"),
            context_up=context_up,
        )


class Features:
    """Which features are on, and what if-feature expressions make of that (RFC 7950 sections 7.20.1 and 7.20.2).

    `requested` maps a module to the features that are wanted; of a module that is absent there, all are. A feature
    whose own if-feature is false is off all the same, and so are all features of modules that are only imported.
    """

    def __init__(
        self,
        statements: Mapping[str, Statement],
        implemented: Collection[str],
        requested: Mapping[str, Collection[str]],
    ) -> None:
        self._statements = statements
        self._implemented = implemented
        self._requested = requested
        self._known: dict[tuple[str, str], bool] = {}
        for module, names in requested.items():
            if module not in statements:
                raise SchemaError(f"features are given for {module!r}, which is not loaded")
            for name in names:
                self._definition(module, name)

    def is_on(self, module: str, feature: str) -> bool:
        known = self._known.get((module, feature))
        if known is None:
            definition = self._definition(module, feature)
            wanted = feature in self._requested.get(module, (feature,))
            known = wanted and module in self._implemented and self.allow(definition)
            self._known[module, feature] = known
        return known

    def enabled(self, module: str) -> tuple[str, ...]:
        """Names of a module's features that are on, in the order of its text."""
        return tuple(name for name in self._statements[module].i_features if self.is_on(module, name))

    def allow(self, statement: Statement) -> bool:
        """True if all if-feature substatements of `statement` hold."""
        return all(self._evaluate(condition) for condition in statement.search("if-feature"))

    def _definition(self, module: str, feature: str) -> Statement:
        try:
            return self._statements[module].i_features[feature]
        except KeyError:
            raise SchemaError(f"module {module!r} has no feature {feature!r}") from None

    def _evaluate(self, condition: Statement) -> bool:
        def value(expression: Any) -> bool:
            if isinstance(expression, str):
                return self.is_on(*resolve_prefix(condition, expression))
            operator, left, right = expression
            if operator == "not":
                return not value(left)
            if operator == "and":
                return value(left) and value(right)
            return value(left) or value(right)

        return value(parse_if_feature_expr(condition.arg))
