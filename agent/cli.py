"""The command line: `trustconf serve | user | show | verify`.

Parses arguments and prints; everything else is done by the rooms below. Exit status 0 is success, 1 a refusal, 2 a
wrong command line (or a trust anchor that is none), 10 to 19 a bad verdict of `verify` (agent/integrity/verdict.py).
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from agent import __version__

DEFAULT_STATE_DIR = "/var/lib/trustconf"
DEFAULT_LISTEN = "127.0.0.1:830"


class CommandError(Exception):
    """A command can't be carried out; its text is for the person at the terminal."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except CommandError as error:
        print(f"trustconf: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trustconf",
        description="NETCONF/YANG agent for a device's identity and integrity: keys, trustpoints and signed evidence.",
    )
    parser.add_argument("--version", action="version", version=f"trustconf {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_serve(commands)
    _add_user(commands)
    _add_show(commands)
    _add_verify(commands)
    return parser


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="run the agent in the foreground",
        description="Run the agent in the foreground until SIGTERM or SIGINT. On the first start it makes its SSH host "
        "keys and, if there is no user yet, the administrator 'admin' with a key in the state folder.",
    )
    _add_state_dir(serve)
    serve.add_argument(
        "--listen",
        default=None,
        metavar="ADDR:PORT",
        help=f"where to listen for SSH (default {DEFAULT_LISTEN}); port 0 takes a free one, which is printed and "
        "written to DIR/port",
    )
    serve.add_argument("--config", type=Path, metavar="FILE.toml", help="settings of the process (docs/operating.md)")
    serve.add_argument("--log-format", choices=("text", "json"), default=None, help="form of the log on stderr")
    serve.set_defaults(command=_serve)


def _add_user(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    user = commands.add_parser("user", help="manage users of the agent")
    actions = user.add_subparsers(metavar="ACTION", required=True)
    add = actions.add_parser(
        "add",
        help="add a user, or another key or password to one",
        description="Add a user who may log in with SSH. Works before the first start and beside a running agent.",
    )
    add.add_argument("name", metavar="NAME")
    _add_state_dir(add)
    add.add_argument("--group", required=True, metavar="GROUP", help="for now only members of 'administrators' log in")
    credential = add.add_mutually_exclusive_group(required=True)
    credential.add_argument("--public-key", type=Path, metavar="FILE", help="OpenSSH public key, one line")
    credential.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    add.set_defaults(command=_user_add)


def _add_show(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    show = commands.add_parser(
        "show",
        help="run a show command, as over SSH",
        description="Run one of the show commands that the agent also answers over SSH, for example: "
        "trustconf show crypto key mypubkey rsa",
    )
    _add_state_dir(show)
    show.add_argument("words", nargs="+", metavar="WORD", help="the command's words")
    show.set_defaults(command=_show)


def _add_verify(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verify = commands.add_parser(
        "verify",
        help="verify a signed envelope, offline",
        description="Verify an envelope made by `utility sign` or by a signed dossier. Exit status 0: genuine; "
        "10 to 19: not, and why (docs/envelope.md); 1 and 2: it could not be judged.",
    )
    verify.add_argument("envelope", type=Path, metavar="ENVELOPE.json", help="the envelope, or - for standard input")
    verify.add_argument("--trust-anchor", type=Path, required=True, metavar="ROOT.pem", help="root certificate(s)")
    verify.add_argument("--nonce", required=True, metavar="N", help="the nonce that was sent with the request")
    verify.add_argument("--json", action="store_true", help="the verdict as JSON")
    verify.set_defaults(command=_verify)


def _add_state_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=Path(DEFAULT_STATE_DIR),
        metavar="DIR",
        help=f"the agent's state folder (default {DEFAULT_STATE_DIR})",
    )


# The commands import what they need themselves, so that `trustconf verify` does not pay for the YANG engine.


def _serve(arguments: argparse.Namespace) -> int:
    from agent.daemon import StartError, serve
    from agent.settings import SettingsError, load_settings

    try:
        settings = load_settings(arguments.config, listen=arguments.listen, log_format=arguments.log_format)
        return serve(arguments.state_dir, settings)
    except (SettingsError, StartError) as error:
        raise CommandError(str(error)) from error


def _user_add(arguments: argparse.Namespace) -> int:
    from agent.administration import AdministrationError, add_user

    if arguments.password_stdin:
        credentials = {"password": _read_password()}
    else:
        credentials = {"public_key": _read_small_file(arguments.public_key)}
    try:
        add_user(arguments.state_dir, arguments.name, arguments.group, **credentials)
    except AdministrationError as error:
        raise CommandError(str(error)) from error
    print(f"user {arguments.name} may log in (group {arguments.group})")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from agent.administration import AdministrationError, show

    try:
        result = show(arguments.state_dir, " ".join(["show", *map(_quoted, arguments.words)]))
    except AdministrationError as error:
        raise CommandError(str(error)) from error
    print(result.output, end="" if result.output.endswith("\n") else "\n")
    return result.status


def _quoted(word: str) -> str:
    """A word as the command line of the agent reads it: quoted if it has spaces; a lone | stays a pipe."""
    return word if word == "|" else shlex.quote(word)


def _verify(arguments: argparse.Namespace) -> int:
    from agent.clock import SystemClock
    from agent.integrity.verification import verify_report

    envelope = sys.stdin.read(MAX_ENVELOPE) if str(arguments.envelope) == "-" else _read_envelope(arguments.envelope)
    report = verify_report(
        envelope,
        trust_anchor_pem=_read_small_file(arguments.trust_anchor),
        nonce=arguments.nonce,
        at=SystemClock().now(),
        as_json=arguments.json,
    )
    print(report.text)
    return report.exit_status


#: Characters of an envelope that are read at most.
MAX_ENVELOPE = 512 * 1024 * 1024
#: Bytes of a key or certificate file that are read at most.
MAX_SMALL_FILE = 1024 * 1024


def _read_envelope(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(MAX_ENVELOPE)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"can't read {path}: {error}") from error


def _read_small_file(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(MAX_SMALL_FILE)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"can't read {path}: {error}") from error


def _read_password() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise CommandError(
            "no password on standard input; for example:  printf '%s\\n' \"$PASSWORD\" | trustconf user add ..."
        )
    return password


if __name__ == "__main__":
    sys.exit(main())
