"""Options that say what evidence is judged by, beside its signature."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from agent.commands.reading import MAX_SMALL_FILE, read_bytes, read_text

#: Bytes of known good values that are read at most.
MAX_KNOWN_GOOD: Final = 64 * 1024 * 1024


def add_standards(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kgv", type=Path, metavar="KGV.json", help="known good values ('trustconf kgv build')")
    parser.add_argument("--kgv-key", type=Path, metavar="KEY.pem", help="public key of who signed them")
    parser.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="SECTION",
        help="a section that must have data (packages, ima, ...); may be repeated",
    )
    parser.set_defaults(usage_error=parser.error)


def known_good_files(arguments: argparse.Namespace) -> tuple[str, bytes] | None:
    """The known good values and the key of who signed them, None if none are named. Raises CommandError."""
    if (arguments.kgv is None) is not (arguments.kgv_key is None):
        arguments.usage_error("--kgv and --kgv-key go together")
    if arguments.kgv is None:
        return None
    return read_text(arguments.kgv, MAX_KNOWN_GOOD), read_bytes(arguments.kgv_key, MAX_SMALL_FILE)
