"""Options of the commands that go to devices: which ones, how to log in, which host keys are known."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.commands.reading import CommandError, read_text

if TYPE_CHECKING:
    from agent.collector.archive import Archive
    from agent.collector.targets import Target

DEFAULT_ARCHIVE: Final = Path("trustconf-archive.sqlite")
KNOWN_HOSTS: Final = Path("~/.ssh/known_hosts")


def add_archive_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--archive",
        type=Path,
        default=DEFAULT_ARCHIVE,
        metavar="FILE",
        help=f"the archive (default {DEFAULT_ARCHIVE} in this folder)",
    )


def add_connection_options(parser: argparse.ArgumentParser) -> None:
    from agent.collector.targets import DEFAULT_PORT, DEFAULT_USER

    parser.add_argument(
        "--inventory",
        type=Path,
        metavar="FILE.toml",
        help="devices by name, with their addresses (docs/collect.md)",
    )
    parser.add_argument("--user", default=DEFAULT_USER, metavar="NAME", help=f"who logs in (default {DEFAULT_USER})")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"SSH port (default {DEFAULT_PORT})")
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help="private key to log in with (default: those of the SSH agent)"
    )
    parser.add_argument(
        "--known-hosts",
        type=Path,
        default=KNOWN_HOSTS,
        metavar="FILE",
        help=f"host keys that are trusted (default {KNOWN_HOSTS}); others are refused",
    )


def targets_of(arguments: argparse.Namespace, *, by_command: bool = False) -> list[Target]:
    """The devices that a command line names: addresses, or names of the inventory; all of it if none is named."""
    from agent.collector.errors import TargetError
    from agent.collector.targets import MAX_INVENTORY, Method, Target, distinct, parse_target, read_inventory

    method = Method.SSH if by_command else Method.NETCONF
    default = Target("", "", arguments.port, arguments.user, arguments.key, method)
    try:
        known = {}
        if arguments.inventory is not None:
            inventory = read_inventory(read_text(arguments.inventory, MAX_INVENTORY), default)
            known = {target.name: target for target in inventory}
        names = arguments.hosts or list(known)
        found = distinct(known.get(name) or parse_target(name, default) for name in names)
    except TargetError as error:
        raise CommandError(str(error)) from error
    if not found:
        raise CommandError("name a device, or an --inventory")
    return found


def open_archive(arguments: argparse.Namespace, *, create: bool = False) -> Archive:
    from agent.collector.archive import Archive
    from agent.collector.errors import ArchiveError

    try:
        return Archive.open(arguments.archive, create=create)
    except ArchiveError as error:
        raise CommandError(str(error)) from error
