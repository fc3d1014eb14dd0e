"""`trustconf archive`: reading what the collector has kept."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.commands.connecting import add_archive_option, open_archive
from agent.commands.reading import CommandError, whole_number

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

#: Dossiers of a device that may be kept.
KEPT: Final = range(1, 1_000_001)


def add_archive(commands: Commands) -> None:
    archive = commands.add_parser(
        "archive",
        help="read the collector's archive",
        description="Read what 'trustconf collect' has kept, and accept what it has found.",
    )
    actions = archive.add_subparsers(metavar="ACTION", required=True)
    devices = actions.add_parser(
        "list", help="the devices, or the dossiers of one", description="List the devices, or the dossiers of one."
    )
    devices.add_argument("device", nargs="?", metavar="DEVICE", help="the device, by its name")
    devices.set_defaults(command=_list)
    show = actions.add_parser(
        "show",
        help="what was found in a dossier",
        description="Print as JSON what was found in a dossier when it came.",
    )
    show.set_defaults(command=_show)
    export = actions.add_parser(
        "export",
        help="an envelope as it came",
        description="Write an envelope as it came: 'trustconf verify' and OpenSSL verify it.",
    )
    export.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write it (default: print)")
    export.set_defaults(command=_export)
    accept = actions.add_parser(
        "accept",
        help="from now on, expect what a dossier says",
        description="""\
Accept a dossier: later ones are compared with it. A dossier with alarms is never compared with otherwise, so that they
are raised until somebody has looked at them.""",
    )
    accept.set_defaults(command=_accept)
    prune = actions.add_parser(
        "prune",
        help="remove old envelopes",
        description="Remove the envelopes of old dossiers. What was found in them stays, and so do those that later\n"
        "ones are compared with.",
    )
    prune.add_argument("--keep", type=whole_number(KEPT), required=True, metavar="N", help="the newest of each device")
    prune.set_defaults(command=_prune)
    for action in (show, export, accept):
        action.add_argument("number", type=int, metavar="NUMBER", help="the dossier, by its number")
    for action in (devices, show, export, accept, prune):
        add_archive_option(action)


def _list(arguments: argparse.Namespace) -> int:
    with closing(open_archive(arguments)) as archive:
        if arguments.device is None:
            rows: Iterable[tuple[object, ...]] = [
                (
                    device.name,
                    device.dossiers,
                    device.time or "-",
                    device.outcome or "-",
                    "-" if device.exit_status is None else device.exit_status,
                )
                for device in archive.devices()
            ]
            _table(("DEVICE", "DOSSIERS", "LAST ATTEMPT", "OUTCOME", "STATUS"), rows)
        else:
            rows = [
                (kept.number, kept.received, kept.size, kept.exit_status, kept.accepted or "-", kept.nonce)
                for kept in archive.dossiers(arguments.device)
            ]
            if not rows and all(arguments.device != device.name for device in archive.devices()):
                raise CommandError(f"there is no device {arguments.device} in {arguments.archive}")
            _table(("NUMBER", "RECEIVED", "BYTES", "STATUS", "ACCEPTED", "NONCE"), rows)
    return 0


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    lines = [head, *(tuple(map(str, row)) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _show(arguments: argparse.Namespace) -> int:
    from agent.collector.errors import ArchiveError

    with closing(open_archive(arguments)) as archive:
        try:
            kept = archive.dossier(arguments.number)
            record = {"device": kept.device, "dossier": kept.number, **archive.report(kept.number)}
        except ArchiveError as error:
            raise CommandError(str(error)) from error
    print(json.dumps(record, indent=2))
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from agent.collector.errors import ArchiveError

    with closing(open_archive(arguments)) as archive:
        try:
            archive.dossier(arguments.number)
            if arguments.output is None:
                archive.write_envelope(arguments.number, sys.stdout.buffer)
            else:
                with arguments.output.open("wb") as target:
                    archive.write_envelope(arguments.number, target)
        except ArchiveError as error:
            raise CommandError(str(error)) from error
    return 0


def _prune(arguments: argparse.Namespace) -> int:
    with closing(open_archive(arguments)) as archive:
        removed = archive.prune(arguments.keep)
    print(f"{removed} envelope{'s' * (removed != 1)} removed")
    return 0


def _accept(arguments: argparse.Namespace) -> int:
    from agent.clock import SystemClock
    from agent.collector.errors import ArchiveError

    with closing(open_archive(arguments)) as archive:
        try:
            archive.accept(arguments.number, SystemClock().now())
            device = archive.dossier(arguments.number).device
            baseline = archive.baseline(device)
        except ArchiveError as error:
            raise CommandError(str(error)) from error
    if baseline == arguments.number:
        print(f"from now on, {device} is compared with dossier {baseline}")
    else:
        print(f"accepted; {device} is still compared with dossier {baseline}, which is newer")
    return 0
