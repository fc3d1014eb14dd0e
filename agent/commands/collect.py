"""`trustconf collect`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Final

from agent.commands.connecting import add_archive_option, add_connection_options, open_archive, targets_of
from agent.commands.reading import CommandError, whole_number
from agent.commands.standards import add_standards, known_good_files

if TYPE_CHECKING:
    from agent.integrity.packages.known_good import KnownGood

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

DEFAULT_TIME_LIMIT: Final = 120
TIME_LIMITS: Final = range(1, 86_401)
DEFAULT_AT_ONCE: Final = 8
AT_ONCE: Final = range(1, 257)


def add_collect(commands: Commands) -> None:
    collect = commands.add_parser(
        "collect",
        help="collect evidence from many devices, verify and keep it",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="""\
Ask devices for a signed dossier, each with a nonce of its own, verify the answers, keep
them in an archive, and tell what has changed since the last one that was in order.

Whom to trust is in the archive: 'trustconf trust' puts it there, once for each device.""",
        epilog="""\
exit status: 0 all are genuine, and nothing has changed; 40 something has; 41 a device
gave no evidence; 10 to 39 the worst that was found (docs/verify.md); 130 stopped by
Ctrl-C, what was collected is kept; 1 and 2 nothing could be done.

examples:
  trustconf collect router1 admin@192.0.2.7:22 --key ~/.ssh/collector
  trustconf collect --inventory devices.toml --kgv KGV.json --kgv-key kgv.pem --json""",
    )
    collect.add_argument(
        "hosts", nargs="*", metavar="HOST", help="[user@]host[:port], or a name of the inventory (default: all of it)"
    )
    add_archive_option(collect)
    add_connection_options(collect)
    collect.add_argument(
        "--ssh",
        action="store_true",
        help="ask by the guide's show command, not by NETCONF (unless the inventory says)",
    )
    collect.add_argument(
        "--include", action="append", metavar="SECTION", help="a section to ask for; may be repeated (default: all)"
    )
    add_standards(collect)
    collect.add_argument(
        "--compress",
        choices=("none", "gzip", "zstd"),
        default="none",
        help="how the device packs its dossier, before it signs it (default none)",
    )
    collect.add_argument(
        "--tpm-quote", action="store_true", help="ask for a quote of the device's TPM too, and refuse an answer without"
    )
    collect.add_argument("--full", action="store_true", help="ask for everything, not only for what is new")
    collect.add_argument(
        "--at-once",
        type=whole_number(AT_ONCE),
        default=DEFAULT_AT_ONCE,
        metavar="N",
        help=f"devices asked at the same time (default {DEFAULT_AT_ONCE})",
    )
    collect.add_argument(
        "--time-limit",
        type=whole_number(TIME_LIMITS),
        default=DEFAULT_TIME_LIMIT,
        metavar="SECONDS",
        help=f"that a device may take (default {DEFAULT_TIME_LIMIT})",
    )
    collect.add_argument("--json", action="store_true", help="print the report as JSON")
    collect.set_defaults(command=_collect)


def _collect(arguments: argparse.Namespace) -> int:
    from agent.clock import SystemClock
    from agent.collector.collecting import Collecting, Plan
    from agent.collector.errors import ArchiveError
    from agent.collector.many import collect_all
    from agent.collector.progress import Progress
    from agent.collector.question import SELECTORS
    from agent.collector.report import exit_status, report_lines, report_records
    from agent.collector.ssh import Access, Stop
    from agent.deadlines import Deadlines

    plan = Plan(
        selectors=tuple(dict.fromkeys([*(arguments.include or SELECTORS), *arguments.require])),
        required=tuple(arguments.require),
        known_good=_known_good(arguments),
        is_complete=arguments.full,
        is_quote_wanted=arguments.tpm_quote,
        compression=arguments.compress,
    )
    targets = targets_of(arguments, by_command=arguments.ssh)
    clock, stop = SystemClock(), Stop()
    deadlines = Deadlines(clock, "collect")
    access = Access(arguments.known_hosts.expanduser(), arguments.time_limit, deadlines, stop)
    archive = open_archive(arguments, create=True)
    progress = Progress(len(targets), sys.stderr)
    deadlines.start()
    try:
        outcomes = collect_all(
            targets,
            Collecting(archive, plan, access, clock),
            stop,
            at_once=arguments.at_once,
            done=progress.done,
        )
    except ArchiveError as error:
        raise CommandError(str(error)) from error
    finally:
        progress.end()
        deadlines.stop()
        archive.close()
    if arguments.json:
        print(json.dumps(report_records(outcomes), indent=2))
    else:
        print("\n".join(report_lines(outcomes)))
    return exit_status(outcomes)


def _known_good(arguments: argparse.Namespace) -> KnownGood | None:
    from agent.integrity.verification import UnusableError, load_known_good

    files = known_good_files(arguments)
    if files is None:
        return None
    try:
        return load_known_good(*files)
    except UnusableError as error:
        raise CommandError(str(error)) from error
