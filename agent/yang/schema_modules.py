"""What a schema says about its modules: which are implemented, their Module records, and all identities."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from agent.yang.errors import SchemaError
from agent.yang.modules import LoadedModules, revision_of
from agent.yang.schema import Module
from agent.yang.statements import Features, Statement, argument, prefixes, resolve_prefix

#: An identity: (module, name).
Identity = tuple[str, str]


def implemented_with_targets(loaded: LoadedModules, implemented: Collection[str]) -> frozenset[str]:
    """`implemented` and what those modules augment or deviate, and so on (RFC 7950 section 5.6.5).

    Raises SchemaError if a module that is only imported deviates another: pyang has applied that already.
    """
    statements = loaded.by_name()
    known = set(implemented)
    pending = list(known)
    while pending:
        name = pending.pop()
        found = {
            resolve_prefix(statement, step)[0]
            for part in (statements[name], *loaded.submodules_of(statements[name]))
            for keyword in ("augment", "deviation")
            for statement in part.search(keyword)
            for step in statement.arg.split("/")[1:]
        }
        pending.extend(found - known)
        known |= found
    for name in statements.keys() - known:
        if statements[name].search_one("deviation") is not None:
            raise SchemaError(f"module {name!r} has deviations but is only imported: name it among the modules")
    return frozenset(known)


def describe_modules(
    loaded: LoadedModules, statements: Mapping[str, Statement], implemented: Collection[str], features: Features
) -> dict[str, Module]:
    """The Module record of every loaded module, by name."""
    deviated_by: dict[str, list[str]] = {}
    for name in sorted(implemented):
        for part in (statements[name], *loaded.submodules_of(statements[name])):
            for deviation in part.search("deviation"):
                target, _ = resolve_prefix(deviation, deviation.arg.rpartition("/")[2])
                deviated_by.setdefault(target, []).append(name)
    return {
        name: Module(
            name=name,
            namespace=argument(statement, "namespace") or "",
            prefix=statement.i_prefix,
            revision=revision_of(statement),
            yang_version=statement.i_version,
            text=loaded.text(statement),
            implemented=name in implemented,
            features=features.enabled(name),
            deviated_by=tuple(dict.fromkeys(deviated_by.get(name, ()))),
            submodules=tuple(
                (part.arg, revision_of(part), loaded.text(part)) for part in loaded.submodules_of(statement)
            ),
            prefixes=tuple(prefixes(statement).items()),
        )
        for name, statement in statements.items()
    }


def find_identities(loaded: LoadedModules, features: Features) -> dict[Identity, frozenset[Identity]]:
    """Every identity with all that are derived from it, itself excluded; those that if-feature switches off are not
    there."""
    derived: dict[Identity, set[Identity]] = {}
    bases: dict[Identity, list[Identity]] = {}
    for module in loaded.all:
        for part in (module, *loaded.submodules_of(module)):
            for identity in part.search("identity"):
                if features.allow(identity):
                    own = (module.arg, identity.arg)
                    derived.setdefault(own, set())
                    bases[own] = [resolve_prefix(base, base.arg) for base in identity.search("base")]

    def add_to_ancestors(identity: Identity, start: Identity) -> None:
        for base in bases.get(start, ()):
            if identity not in derived.setdefault(base, set()):
                derived[base].add(identity)
                add_to_ancestors(identity, base)

    for identity in bases:
        add_to_ancestors(identity, identity)
    return {identity: frozenset(found) for identity, found in derived.items()}
