"""pyang's `type` statements -> Type objects.

A type statement is compiled from the built-in type at the end of its typedef chain outwards, each step adding its
restrictions. Types that depend on the leaf that has them (leafrefs, and unions with one) are made anew for every leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from agent.yang.errors import SchemaError
from agent.yang.schema import SchemaNode
from agent.yang.statements import Features, Namespaces, Statement, argument, resolve_prefix
from agent.yang.types import (
    BinaryType,
    BitsType,
    BooleanType,
    Decimal64Type,
    EmptyType,
    EnumerationType,
    IdentityrefType,
    InstanceIdentifierType,
    IntegerType,
    LeafrefType,
    StringType,
    Type,
    UnionType,
)
from agent.yang.types.intervals import Intervals
from agent.yang.types.numeric import INTEGER_LIMITS
from agent.yang.types.text import UNLIMITED_LENGTH, Pattern
from agent.yang.types.xsd_regex import XsdRegex

#: Typedefs of secrets, as (module, name): what is refused as one of them may be a mistyped password.
SECRET_TYPEDEFS: Final = frozenset({("iana-crypt-hash", "crypt-hash")})


class TypeCompiler:
    """Compiles the types of one schema."""

    def __init__(
        self,
        namespaces: Namespaces,
        features: Features,
        root: SchemaNode,
        derived: Mapping[tuple[str, str], frozenset[tuple[str, str]]],
        implemented: Collection[str],
    ) -> None:
        self._namespaces = namespaces
        self._features = features
        self._root = root
        self._derived = derived
        self._implemented = implemented
        self._shared: dict[int, Type] = {}

    def compile(self, statement: Statement, leaf_namespace: str) -> Type:
        """The type of a leaf in `leaf_namespace`."""
        known = self._shared.get(id(statement))
        if known is not None:
            return known
        chain = typedef_chain(statement)
        compiled = self._BUILDERS[chain[-1].arg](self, chain, leaf_namespace)
        if not any(isinstance(member, LeafrefType) for member in compiled.find_members()):
            self._shared[id(statement)] = compiled
        return compiled

    def _integer(self, chain: list[Statement], leaf_namespace: str) -> Type:
        base = chain[-1].arg
        reader = IntegerType(base)
        return IntegerType(base, _restricted(chain, "range", reader.range, reader.number_in_schema))

    def _decimal(self, chain: list[Statement], leaf_namespace: str) -> Type:
        reader = Decimal64Type(int(argument(chain[-1], "fraction-digits") or 0))
        return Decimal64Type(reader.fraction_digits, _restricted(chain, "range", reader.range, reader.scaled))

    def _string(self, chain: list[Statement], leaf_namespace: str) -> Type:
        patterns = [
            Pattern(
                XsdRegex(pattern.arg),
                argument(pattern, "modifier") == "invert-match",
                argument(pattern, "error-message"),
                argument(pattern, "error-app-tag"),
            )
            for statement in reversed(chain)
            for pattern in statement.search("pattern")
        ]
        return StringType(_length(chain), patterns, secret=_is_secret(chain))

    def _binary(self, chain: list[Statement], leaf_namespace: str) -> Type:
        return BinaryType(_length(chain))

    def _boolean(self, chain: list[Statement], leaf_namespace: str) -> Type:
        return BooleanType()

    def _empty(self, chain: list[Statement], leaf_namespace: str) -> Type:
        return EmptyType()

    def _enumeration(self, chain: list[Statement], leaf_namespace: str) -> Type:
        return EnumerationType(self._named(chain, "enum", "value"))

    def _bits(self, chain: list[Statement], leaf_namespace: str) -> Type:
        return BitsType(self._named(chain, "bit", "position"))

    def _named(self, chain: list[Statement], keyword: str, number_keyword: str) -> dict[str, int]:
        """Names with their numbers (given or assigned, RFC 7950 9.6.4.2); a derived type keeps its base's numbers."""
        numbers: dict[str, int] = {}
        for statement in reversed(chain):
            definitions = statement.search(keyword)
            if not definitions:
                continue
            inherited, numbers = numbers, {}
            for definition in definitions:
                given = argument(definition, number_keyword)
                following = max(numbers.values(), default=-1) + 1
                numbers[definition.arg] = inherited.get(definition.arg, following if given is None else int(given))
        definitions = [definition for statement in chain for definition in statement.search(keyword)]
        switched_off = {definition.arg for definition in definitions if not self._features.allow(definition)}
        return {name: number for name, number in numbers.items() if name not in switched_off}

    def _leafref(self, chain: list[Statement], leaf_namespace: str) -> Type:
        path = chain[-1].search_one("path")
        return LeafrefType(self._namespaces.expression(path, leaf_namespace), _require_instance(chain))

    def _instance_identifier(self, chain: list[Statement], leaf_namespace: str) -> Type:
        return InstanceIdentifierType(_require_instance(chain), self._root)

    def _identityref(self, chain: list[Statement], leaf_namespace: str) -> Type:
        bases = [resolve_prefix(base, base.arg) for base in chain[-1].search("base")]
        common = frozenset.intersection(*(self._derived.get(base, frozenset()) for base in bases))
        identities = {
            (self._namespaces.by_module[module], name): f"{module}:{name}"
            for module, name in sorted(common)
            if module in self._implemented
        }
        return IdentityrefType(tuple(f"{module}:{name}" for module, name in bases), identities)

    def _union(self, chain: list[Statement], leaf_namespace: str) -> Type:
        return UnionType(tuple(self.compile(member, leaf_namespace) for member in chain[-1].search("type")))

    _BUILDERS: Mapping[str, Callable[[TypeCompiler, list[Statement], str], Type]] = {
        **dict.fromkeys(INTEGER_LIMITS, _integer),
        "decimal64": _decimal,
        "string": _string,
        "binary": _binary,
        "boolean": _boolean,
        "empty": _empty,
        "enumeration": _enumeration,
        "bits": _bits,
        "leafref": _leafref,
        "instance-identifier": _instance_identifier,
        "identityref": _identityref,
        "union": _union,
    }


def typedef_chain(statement: Statement) -> list[Statement]:
    """A type statement and those of its typedefs, the one that names a built-in type last."""
    chain = [statement]
    while chain[-1].i_typedef is not None:
        following = chain[-1].i_typedef.search_one("type")
        if following is None:
            raise SchemaError(f"{chain[-1].pos}: the typedef {chain[-1].arg!r} has no type")
        chain.append(following)
    return chain


def typedef_substatement(statement: Statement, keyword: str) -> Statement | None:
    """The nearest `default` or `units` of the typedefs that a type statement names, or None."""
    for derived in typedef_chain(statement)[:-1]:
        found = derived.i_typedef.search_one(keyword)
        if found is not None:
            return found
    return None


def _restricted(chain: list[Statement], keyword: str, intervals: Intervals, number: Callable[[str], int]) -> Intervals:
    """`intervals` after all restrictions of the chain, the built-in type's own first."""
    for statement in reversed(chain):
        found = statement.search_one(keyword)
        if found is not None:
            message, app_tag = argument(found, "error-message"), argument(found, "error-app-tag")
            intervals = intervals.restricted(found.arg, number, message, app_tag)
    return intervals


def _length(chain: list[Statement]) -> Intervals | None:
    unlimited = Intervals.all(0, UNLIMITED_LENGTH)
    length = _restricted(chain, "length", unlimited, int)
    return None if length is unlimited else length


def _is_secret(chain: list[Statement]) -> bool:
    names = (statement.i_typedef for statement in chain if statement.i_typedef is not None)
    return any((typedef.i_module.i_modulename, typedef.arg) in SECRET_TYPEDEFS for typedef in names)


def _require_instance(chain: list[Statement]) -> bool:
    """As the outermost type that says so has it; true by default (RFC 7950 section 9.9.3)."""
    said = next((text for text in (argument(s, "require-instance") for s in chain) if text is not None), "true")
    return said == "true"
