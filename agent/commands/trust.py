"""`trustconf trust`: enrolment of a device with the collector, with a person's consent."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.commands.connecting import add_archive_option, add_connection_options, open_archive, targets_of
from agent.commands.reading import MAX_SMALL_FILE, CommandError, read_bytes

if TYPE_CHECKING:
    from agent.collector.anchors import Anchor

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_TIME_LIMIT: Final = 60


def add_trust(commands: Commands) -> None:
    trust = commands.add_parser(
        "trust",
        help="take over the root certificate of a device, after comparing its fingerprint",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="""\
Put the root certificate of a device into the archive: 'trustconf collect' believes what
it leads to. The device shows it over NETCONF; compare the fingerprint with what the
device itself shows ('show crypto ca certificates system-trustpoint detail'), or with
what its owner tells you, and say yes.""",
        epilog="""\
examples:
  trustconf trust router1 --key ~/.ssh/collector
  trustconf trust router1 --host-key SHA256:wPq... --key ~/.ssh/collector
  trustconf trust router1 --root root.pem --fingerprint 7A:23:...""",
    )
    trust.add_argument("hosts", nargs=1, metavar="HOST", help="[user@]host[:port], or a name of the inventory")
    add_archive_option(trust)
    add_connection_options(trust)
    trust.add_argument(
        "--host-key",
        metavar="SHA256:...",
        help="add the host key with this fingerprint to the known hosts first; compare it before",
    )
    trust.add_argument("--root", type=Path, metavar="ROOT.pem", help="take the certificate from this file")
    trust.add_argument(
        "--fingerprint", metavar="SHA256", help="the certificate's SHA-256 fingerprint: in place of the question"
    )
    trust.set_defaults(command=_trust)


def _trust(arguments: argparse.Namespace) -> int:
    from agent.clock import SystemClock
    from agent.collector.anchors import is_now_valid, offered_anchor, read_anchor
    from agent.collector.errors import NoEvidenceError, TargetError
    from agent.collector.ssh import Access, Stop, learn_host_key
    from agent.deadlines import Deadlines

    (target,) = targets_of(arguments)
    clock = SystemClock()
    deadlines = Deadlines(clock, "trust")
    access = Access(arguments.known_hosts.expanduser(), _TIME_LIMIT, deadlines, Stop())
    deadlines.start()
    try:
        if arguments.host_key is not None:
            learn_host_key(target, access, arguments.host_key)
        if arguments.root is not None:
            anchor = read_anchor(read_bytes(arguments.root, MAX_SMALL_FILE))
        else:
            anchor = offered_anchor(target, access)
    except NoEvidenceError as error:
        raise CommandError(f"{target.name}: {error.text}") from error
    except TargetError as error:
        raise CommandError(f"{arguments.root} is {error}") from error
    finally:
        deadlines.stop()
    print(f"{target.name} shows this root certificate:" if arguments.root is None else f"{arguments.root}:")
    for line in anchor.lines():
        print(f"  {line}")
    if not is_now_valid(anchor, clock.now()):
        raise CommandError("this certificate is not valid now")
    _confirm(anchor, arguments.fingerprint)
    archive = open_archive(arguments, create=True)
    try:
        archive.add_anchor(target.name, anchor.sha256, anchor.pem, clock.now())
    finally:
        archive.close()
    print(f"trusted for {target.name}, in {arguments.archive}")
    return 0


def _confirm(anchor: Anchor, fingerprint: str | None) -> None:
    if fingerprint is not None:
        if not anchor.is_called(fingerprint):
            raise CommandError("the fingerprint is another one: nothing is trusted")
        return
    if not sys.stdin.isatty():
        raise CommandError("nobody is here to compare the fingerprint: give it by --fingerprint")
    answer = input("Is this the fingerprint that the device itself shows? [yes/no] ")
    if answer.strip().lower() != "yes":
        raise CommandError("nothing is trusted")
