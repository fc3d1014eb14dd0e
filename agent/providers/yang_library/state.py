"""A compiled schema, described as RFC 8525 wants it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from agent.northbound.contract import Record
from agent.yang.schema import Module, Schema

#: All datastores have the one schema, and the one set of modules.
MODULE_SET: Final = "all"
SCHEMA: Final = "all"
DATASTORES: Final = ("running", "candidate", "operational")


def yang_library(schema: Schema) -> Record:
    """/yang-library."""
    return {
        "module-set": [
            {
                "name": MODULE_SET,
                "module": [_module(module) for module in _sorted(schema) if module.implemented],
                "import-only-module": [_imported(module) for module in _sorted(schema) if not module.implemented],
            }
        ],
        "schema": [{"name": SCHEMA, "module-set": [MODULE_SET]}],
        "datastore": [{"name": f"ietf-datastores:{name}", "schema": SCHEMA} for name in DATASTORES],
        "content-id": schema.content_id,
    }


def modules_state(schema: Schema) -> Record:
    """/modules-state of RFC 7895, for clients that know no other."""
    return {"module-set-id": schema.content_id, "module": [_legacy(module, schema) for module in _sorted(schema)]}


def _sorted(schema: Schema) -> Iterator[Module]:
    return iter(sorted(schema.modules.values(), key=lambda module: module.name))


def _module(module: Module) -> Record:
    record: Record = {"name": module.name, "namespace": module.namespace}
    if module.revision:
        record["revision"] = module.revision
    parts = {
        "submodule": [_submodule(name, revision) for name, revision, _ in module.submodules],
        "feature": list(module.features),
        "deviation": list(module.deviated_by),
    }
    return record | {name: part for name, part in parts.items() if part}


def _submodule(name: str, revision: str | None) -> dict[str, Any]:
    return {"name": name, "revision": revision} if revision else {"name": name}


def _imported(module: Module) -> Record:
    # Here the revision is a key, and "" says that the module has none.
    record: Record = {"name": module.name, "revision": module.revision or "", "namespace": module.namespace}
    if module.submodules:
        record["submodule"] = [_submodule(name, revision) for name, revision, _ in module.submodules]
    return record


def _legacy(module: Module, schema: Schema) -> Record:
    record: Record = {
        "name": module.name,
        "revision": module.revision or "",
        "namespace": module.namespace,
        "conformance-type": "implement" if module.implemented else "import",
    }
    deviations = [{"name": name, "revision": schema.modules[name].revision or ""} for name in module.deviated_by]
    parts = {
        "feature": list(module.features),
        "deviation": deviations,
        "submodule": [{"name": name, "revision": revision or ""} for name, revision, _ in module.submodules],
    }
    return record | {name: part for name, part in parts.items() if part}
