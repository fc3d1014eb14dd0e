"""How nodes are called where module names, not namespaces, tell them apart: RFC 7951 JSON, instance paths, records.

A node is `module:name` at the top and wherever its module is not its parent's, otherwise just `name`.
"""

from __future__ import annotations

from agent.yang.schema import Kind, Module, SchemaNode


def member_name(schema: SchemaNode, parent: SchemaNode | None) -> str:
    """The name of a data node below `parent` (RFC 7951 section 4); None or the root: always with its module."""
    if parent is not None and parent.kind is not Kind.ROOT and parent.module is schema.module:
        return schema.name
    return f"{schema.module.name}:{schema.name}"


def members(parent: SchemaNode) -> dict[str, SchemaNode]:
    """All names by which the children of `parent` may be called: the shortest and the one with its module."""
    found: dict[str, SchemaNode] | None = parent.cache.get("names.members")
    if found is None:
        found = {}
        # Data nodes last: where an operation has the same name, the bare name means the data node.
        for child in (*parent.operations.values(), *parent.data_children.values()):
            found[f"{child.module.name}:{child.name}"] = child
            found[member_name(child, parent)] = child
        parent.cache["names.members"] = found
    return found


def known_modules(schema: SchemaNode) -> dict[str, Module]:
    """Every loaded module, by namespace, of the schema that the node belongs to."""
    while schema.parent is not None:
        schema = schema.parent
    modules: dict[str, Module] = schema.cache["schema.by_namespace"]
    return modules


def module_namespaces(schema: SchemaNode) -> dict[str | None, str]:
    """Module name -> namespace, to read text whose prefixes are module names as if they were XML prefixes; None (no
    prefix) stands for the module of `schema` itself (RFC 7951 section 6.8)."""
    names: dict[str | None, str] | None = schema.cache.get("names.namespaces")
    if names is None:
        names = {module.name: namespace for namespace, module in known_modules(schema).items()}
        names[None] = schema.module.namespace
        schema.cache["names.namespaces"] = names
    return names
