"""Where YANG modules are found, and how they get from files into pyang's validated statement trees.

This module and the compilers beside it are the only ones that know pyang. Each file is read and parsed once.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyang.context
import pyang.error
import pyang.repository

from agent.yang.errors import SchemaError
from agent.yang.statements import Statement

#: What goes into one error message; a broken module yields many consequential errors.
MAX_REPORTED_ERRORS: Final = 20

_FILE_NAME: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*?)(?:@(\d{4}-\d{2}-\d{2}))?\.yang")


def default_search_path() -> list[Path]:
    """Folders with modules, the first that has a module wins: ours, the Cisco-named ones, the standard ones of pyang.

    Ours are `yang/` of a checkout, or `agent/models/` of an installed wheel.
    """
    package = Path(__file__).resolve().parent.parent
    installed = package / "models"
    ours = installed if installed.is_dir() else package.parent / "yang"
    # pip puts pyang's share tree beside its lib: the environment's, the user's, or a folder (--target) with both.
    share = [*Path(pyang.__file__).resolve().parents, Path(sysconfig.get_path("data")), Path(sys.prefix)]
    standard = [folder / "share" / "yang" / "modules" for folder in share]
    found = [ours, ours / "cisco", *next(([folder] for folder in standard if folder.is_dir()), [])]
    return [folder for folder in found if folder.is_dir()]


class ModuleFiles(pyang.repository.Repository):  # type: ignore[misc]
    """The `.yang` files below a list of folders, in pyang's interface.

    All revisions of a module come from the first folder that has it. `texts` keeps what was read, by file name.
    """

    def __init__(self, search_path: Sequence[Path]) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self._files: list[tuple[str, str | None, tuple[str, str]]] = []
        taken: set[str] = set()
        for folder in search_path:
            here = set()
            for file in sorted(folder.rglob("*.yang")):
                match = _FILE_NAME.fullmatch(file.name)
                if match is not None and match[1] not in taken:
                    here.add(match[1])
                    self._files.append((match[1], match[2], ("yang", str(file))))
            taken |= here

    def get_modules_and_revisions(self, ctx: Any) -> list[tuple[str, str | None, tuple[str, str]]]:
        return self._files

    def get_module_from_handle(self, handle: tuple[str, str]) -> tuple[str, str, str]:
        syntax, file = handle
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            # Not pyang's ReadError: where it looks for revisions it passes over that in silence.
            raise SchemaError(f"{file}: {error}") from error
        self.texts[file] = text
        return file, syntax, text


@dataclass(frozen=True, slots=True)
class LoadedModules:
    """Validated module statements: `requested` those that were asked for, `all` with everything imported."""

    requested: tuple[Statement, ...]
    all: tuple[Statement, ...]
    _submodules: dict[int, tuple[Statement, ...]] = field(repr=False)
    _texts: dict[str, str] = field(repr=False)

    def by_name(self) -> dict[str, Statement]:
        """One statement for each name, the requested ones first; of others the latest revision that is imported."""
        imported = sorted(self.all, key=lambda module: (module.arg, revision_of(module) or ""))
        found = {module.arg: module for module in self.requested}
        return found | {module.arg: module for module in imported if module.arg not in found}

    def submodules_of(self, module: Statement) -> tuple[Statement, ...]:
        return self._submodules[id(module)]

    def text(self, module: Statement) -> str:
        """The YANG source of a module or submodule."""
        return self._texts[module.pos.ref]


def revision_of(module: Statement) -> str | None:
    """The latest revision of a (sub)module, or None."""
    revision: str | None = module.i_latest_revision
    return revision


def load_modules(names: Sequence[str], search_path: Sequence[Path]) -> LoadedModules:
    """Read the modules called `names` ("module" or "module@revision") and all that they import, and validate them.

    Raises SchemaError with pyang's messages.
    """
    files = ModuleFiles(search_path)
    context = pyang.context.Context(files)
    requested = [_request(context, wanted, search_path) for wanted in dict.fromkeys(names)]
    if None not in requested:
        _guarded(", ".join(names), context.validate)
    _raise_errors(context)
    modules = [module for module in context.modules.values() if module is not None]
    for module in requested:
        if module is None:
            raise SchemaError(f"pyang can't read all of {', '.join(names)}")
        if module.keyword != "module":
            raise SchemaError(f"{module.arg!r} is a submodule: name the module that it belongs to")
    whole = tuple(module for module in modules if module.keyword == "module")
    parts = {id(module): _included(module, context) for module in whole}
    return LoadedModules(tuple(requested), whole, parts, files.texts)


def _request(context: Any, wanted: str, search_path: Sequence[Path]) -> Statement:
    """Parse one module that was asked for; None if pyang has found errors in it."""
    name, _, revision = wanted.partition("@")
    if name not in context.revs:
        raise SchemaError(f"no module {name!r} in {', '.join(map(str, search_path))}")
    position = pyang.error.Position(wanted)
    return _guarded(wanted, lambda: context.search_module(position, name, revision or None))


def _guarded(what: str, step: Callable[[], Any]) -> Any:
    """The result of one of pyang's steps, whose parser fails with odd exceptions on some broken texts."""
    try:
        return step()
    except SchemaError:
        raise
    except Exception as error:
        raise SchemaError(f"pyang can't read or validate {what}: {type(error).__name__}: {error}") from error


def _included(module: Statement, context: Any) -> tuple[Statement, ...]:
    found: dict[str, Statement] = {}
    pending = [module]
    while pending:
        for include in pending.pop().search("include"):
            date = include.search_one("revision-date")
            part = context.get_module(include.arg, date.arg if date is not None else None)
            if part is not None and include.arg not in found:
                found[include.arg] = part
                pending.append(part)
    return tuple(found.values())


def _raise_errors(context: Any) -> None:
    """pyang's errors (not its warnings) as one SchemaError."""
    errors = [entry for entry in context.errors if pyang.error.is_error(pyang.error.err_level(entry[1]))]
    if not errors:
        return
    lines = [f"{position}: {pyang.error.err_to_str(tag, args)}" for position, tag, args in errors]
    if len(lines) > MAX_REPORTED_ERRORS:
        lines[MAX_REPORTED_ERRORS:] = [f"and {len(lines) - MAX_REPORTED_ERRORS} more"]
    raise SchemaError("; ".join(lines))
