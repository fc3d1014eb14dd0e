"""libyang as a second opinion on documents."""

from __future__ import annotations

import re
from pathlib import Path

import oopt_gnpy_libyang as libyang
from lxml import etree

from agent.yang.schema import Schema

_PARSE = libyang.ParseOptions.Strict | libyang.ParseOptions.NoState
_VALIDATE = libyang.ValidationOptions.NoState


class Oracle:
    """The very modules of one of our schemas, loaded by libyang from copies in `folder`."""

    def __init__(self, folder: Path, schema: Schema) -> None:
        libyang.set_log_options(libyang.LogOptions.Store)
        write_modules(folder, schema)
        options = libyang.ContextOptions.NoYangLibrary | libyang.ContextOptions.DisableSearchCwd
        self._context = libyang.Context(str(folder), options)
        for module in schema.modules.values():
            if module.implemented:
                self._context.load_module(module.name, module.revision, list(module.features))

    def complaints(self, config: etree._Element) -> list[str]:
        """What libyang has against the children of <config>; [] if it accepts them."""
        text = b"".join(etree.tostring(child, with_tail=False) for child in config).decode()
        return self.complaints_about(text)

    def complaints_about(self, text: str) -> list[str]:
        self._context.clean_all_errors()
        try:
            self._context.parse_data(text, libyang.DataFormat.XML, _PARSE, _VALIDATE)
        except libyang.Error as error:
            found = [f"{entry.data_path}: {entry.message}" for entry in self._context.errors()]
            return found or [str(error)]
        return []


def write_modules(folder: Path, schema: Schema) -> None:
    """Copies of all modules of a schema, for libyang to find."""
    for module in schema.modules.values():
        for name, revision, text in ((module.name, module.revision, module.text), *module.submodules):
            (folder / (f"{name}@{revision}.yang" if revision else f"{name}.yang")).write_text(
                _with_fixed_imports(text, schema)
            )


def _with_fixed_imports(text: str, schema: Schema) -> str:
    """`text` with the revisions of its imports written down: libyang has newer revisions of some built in, which it
    would take for an import without revision (as RFC 7950 section 5.1.1 allows)."""

    def fix(match: re.Match[str]) -> str:
        module = schema.modules.get(match[1])
        if module is None or module.revision is None or "revision-date" in match[2]:
            return match[0]
        return f"import {match[1]} {{{match[2]} revision-date {module.revision};}}"

    return re.sub(r"import\s+\"?([\w.-]+)\"?\s*\{([^{}]*)\}", fix, text)
