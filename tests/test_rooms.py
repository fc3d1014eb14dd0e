"""The plan of the house, kept by the walls themselves: which room may import which, who reads the time, and how large a
file may be (docs/architecture.md)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

AGENT = Path(__file__).parent.parent / "agent"

#: The layers from the top down. A room may import rooms below it; rooms of one line don't know each other, unless
#: WITHIN says so.
LAYERS = (
    ("cli",),
    ("commands",),
    ("daemon", "first_start", "collector"),
    ("administration", "ssh_settings", "logs", "settings"),
    ("core",),
    ("modules_implemented", "transport", "shell"),
    ("netconf",),
    ("providers",),
    ("northbound",),
    ("datastore",),
    ("yang", "pki", "integrity"),
    ("host", "storage", "caller", "events", "scheduler", "tpm"),
    ("deadlines",),
    ("clock",),
)
#: What is finer than the layers: importing room -> the rooms of its own layer that it may use.
WITHIN = {"daemon": {"first_start"}, "integrity": {"pki"}}
#: What is stricter than the layers: room -> the only rooms that it may import. Libraries know nothing of YANG and
#: NETCONF, and the protocol knows no SSH, no keys and no files.
ONLY = {
    "collector": {"integrity", "deadlines", "clock"},
    "yang": set(),
    # Keys may be a TPM's, and evidence may be quoted by one: its room is below both.
    "pki": {"storage", "clock", "events", "scheduler", "tpm"},
    "integrity": {"pki", "host", "clock", "tpm"},
    "host": {"clock"},
    "tpm": {"clock"},
    "storage": {"clock"},
    "events": {"clock"},
    "caller": set(),
    "scheduler": {"deadlines", "clock"},
    "deadlines": {"clock"},
    "clock": set(),
    "netconf": {"northbound", "datastore", "yang", "caller", "events", "clock"},
    "transport": {"storage", "caller", "deadlines", "clock"},
    "shell": {"northbound", "pki", "integrity", "caller", "clock"},
    "providers": {"northbound", "pki", "integrity", "host", "storage", "caller", "events", "scheduler", "clock", "tpm"},
    "northbound": {"datastore", "yang", "storage", "caller", "events", "clock"},
    "datastore": {"yang", "storage", "caller", "clock"},
}
#: Files whose subject is the schema itself: providers otherwise see records, never YANG.
TELL_OF_SCHEMAS = {
    ("providers/services.py", "yang"),
    ("providers/netconf_monitoring/state.py", "yang"),
    ("providers/yang_library/state.py", "yang"),
}
#: Modules of the standard library that tell the time, or wait for it to pass.
TIME = {"time", "datetime"}
TELLING = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep"}
MAX_LINES = 550

FILES = sorted(AGENT.rglob("*.py"))


def name(file):
    return str(file.relative_to(AGENT))


def room(file):
    return file.relative_to(AGENT).parts[0].removesuffix(".py")


def tree(file):
    return ast.parse(file.read_text(encoding="utf-8"), name(file))


def imports(file):
    """The rooms that a file imports, wherever in it, and also only for its types."""
    found = set()
    for node in ast.walk(tree(file)):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(file)}: a relative import"
            modules = [f"agent.{alias.name}" for alias in node.names] if node.module == "agent" else [node.module]
        found |= {module.split(".")[1] for module in modules if module.startswith("agent.")}
    return found - {room(file), "__version__"}


def layer_of(wanted):
    return next(number for number, rooms in enumerate(LAYERS) if wanted in rooms)


def may_import(importer, imported):
    if importer in ONLY:
        return imported in ONLY[importer]
    return imported in WITHIN.get(importer, ()) or layer_of(imported) > layer_of(importer)


def test_every_room_is_on_the_plan():
    rooms = {room(file) for file in FILES} - {"__init__"}
    planned = [name for layer in LAYERS for name in layer]
    assert len(planned) == len(set(planned))
    assert rooms == set(planned)


@pytest.mark.parametrize("importer", [name for layer in LAYERS for name in layer])
def test_imports_go_downward(importer):
    found = {
        f"{name(file)} imports {imported}"
        for file in FILES
        if room(file) == importer
        for imported in imports(file)
        if not may_import(importer, imported) and (name(file), imported) not in TELL_OF_SCHEMAS
    }
    assert found == set()


def test_only_the_clock_reads_the_time():
    found = set()
    for file in FILES:
        if room(file) == "clock":
            continue
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Import) and any(alias.name == "time" for alias in node.names):
                found.add(f"{name(file)}:{node.lineno} imports time")
            elif isinstance(node, ast.ImportFrom) and node.module == "time":
                found.add(f"{name(file)}:{node.lineno} imports from time")
            elif (
                isinstance(node, ast.Attribute)
                and node.attr in TELLING
                and isinstance(node.value, ast.Name | ast.Attribute)
                and (node.value.id if isinstance(node.value, ast.Name) else node.value.attr) in TIME | {"date"}
            ):
                found.add(f"{name(file)}:{node.lineno} calls {ast.unparse(node)}")
    assert found == set()


def test_no_file_is_too_long():
    lengths = {name(file): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert {file: length for file, length in lengths.items() if length > MAX_LINES} == {}
