"""libyang as a second opinion on documents."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import oopt_gnpy_libyang as libyang
from lxml import etree

_PARSE = libyang.ParseOptions.Strict | libyang.ParseOptions.NoState
_VALIDATE = libyang.ValidationOptions.NoState


class Oracle:
    """The same modules as one of our schemas, loaded by libyang. `folder` is where links to all modules are made,
    since libyang takes one folder to search."""

    def __init__(
        self, folder: Path, search_path: Iterable[Path], modules: Iterable[str], features: dict[str, list[str]]
    ) -> None:
        libyang.set_log_options(libyang.LogOptions.Store)
        for place in search_path:
            for file in place.rglob("*.yang"):
                if not (folder / file.name).exists():
                    (folder / file.name).symlink_to(file.resolve())
        options = libyang.ContextOptions.NoYangLibrary | libyang.ContextOptions.DisableSearchCwd
        self._context = libyang.Context(str(folder), options)
        for module in modules:
            self._context.load_module(module, None, features.get(module, ["*"]))

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
