"""The schema of models/trustconf-torture*.yang, for all tests that need every statement of YANG 1.1."""

from __future__ import annotations

import functools
from pathlib import Path

from agent.yang.compiler import compile_schema
from agent.yang.modules import default_search_path
from agent.yang.schema import Schema, SchemaNode

MODELS = Path(__file__).parent / "models"
NAMES = ("trustconf-torture", "trustconf-torture-more")
TORTURE = "urn:trustconf:yang:torture"
MORE = "urn:trustconf:yang:torture-more"
#: Namespaces in scope of values: torture is the default, with t, tm for the other.
NSMAP = {None: TORTURE, "t": TORTURE, "tm": MORE}


def search_path() -> list[Path]:
    return [MODELS, *default_search_path()]


def compile_torture(features: dict[str, list[str]] | None = None) -> Schema:
    return compile_schema(NAMES, search_path(), features)


@functools.cache
def torture_schema() -> Schema:
    return compile_torture()


def node(path: str) -> SchemaNode:
    """A node by its path below /trustconf-torture:torture."""
    return torture_schema().find(f"/trustconf-torture:torture/{path}")
