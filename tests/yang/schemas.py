"""The schemas that validation is tested with."""

from __future__ import annotations

import functools
from pathlib import Path

from agent.yang.compiler import compile_schema
from agent.yang.modules import default_search_path
from agent.yang.schema import Schema

MODELS = Path(__file__).parent / "models"
SEARCH_PATH = [MODELS, *default_search_path()]
#: dark-red excludes light, so all features can't be on at once.
TORTURE_FEATURES = {"trustconf-torture": ("red", "green", "light")}

MODULE_SETS = {
    "torture": ("trustconf-torture", "trustconf-torture-more"),
    "ours": (
        *("trustconf-keys", "trustconf-trustpoints", "trustconf-integrity", "trustconf-system"),
        *("ietf-system", "ietf-netconf-acm"),
    ),
    "interfaces": ("ietf-interfaces", "ietf-ip", "iana-if-type"),
    "system": ("ietf-system", "iana-crypt-hash"),
    "nacm": ("ietf-netconf-acm",),
    "acl": ("ietf-access-control-list", "ietf-interfaces", "iana-if-type"),
    "validation": ("validation-test",),
}


@functools.cache
def schema_of(name: str) -> Schema:
    names = MODULE_SETS[name]
    return compile_schema(names, SEARCH_PATH, {key: value for key, value in TORTURE_FEATURES.items() if key in names})
