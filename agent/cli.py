"""The command line: `trustconf serve | user | show | verify | collect | trust | archive | kgv`.

Parses arguments and prints; everything else is done by the rooms below. Exit status 0 is success, 1 a refusal, 2 a
wrong command line (or a trust anchor that is none), 10 to 40 the verdict of `verify` (docs/verify.md).
"""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from agent import __version__
from agent.commands.archive import add_archive
from agent.commands.collect import add_collect
from agent.commands.reading import MAX_SMALL_FILE, CommandError, decoded, read_text
from agent.commands.trust import add_trust
from agent.commands.verify import add_verify

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

DEFAULT_STATE_DIR = "/var/lib/trustconf"
DEFAULT_LISTEN = "127.0.0.1:830"

EXIT_REFUSED = 1
#: As a shell reports a command that SIGINT ended.
EXIT_INTERRUPTED = 130

#: Bytes of a line with a password that are read at most.
MAX_PASSWORD_LINE = 4096


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        status = command(arguments)
        sys.stdout.flush()
    except CommandError as error:
        print(f"trustconf: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except BrokenPipeError:
        # Who read the output has seen enough. Python would complain when it flushes the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_REFUSED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"trustconf: {where}{error.strerror or error}", file=sys.stderr)
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trustconf",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="NETCONF/YANG agent for a device's identity and integrity: keys, trustpoints and signed evidence.",
        epilog="""\
first steps:
  trustconf serve --state-dir ./state --listen 127.0.0.1:8300
      starts the agent and prints how to connect to it
  trustconf user add alice --state-dir ./state --group administrators --public-key ~/.ssh/id_ed25519.pub
      lets alice log in; the agent may be running or not

'trustconf COMMAND --help' tells more.""",
    )
    parser.add_argument("--version", action="version", version=f"trustconf {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_serve(commands)
    _add_user(commands)
    _add_show(commands)
    add_verify(commands)
    add_collect(commands)
    add_trust(commands)
    add_archive(commands)
    _add_kgv(commands)
    return parser


def _add_serve(commands: Commands) -> None:
    serve = commands.add_parser(
        "serve",
        help="run the agent in the foreground",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="""\
Run the agent in the foreground until SIGTERM or SIGINT (Ctrl-C).

The first start on a state folder makes the folder, the SSH host keys and, unless
users were added before, the administrator 'admin', whose private key is then in
DIR/admin_key. Later starts change nothing. One agent runs on a state folder.""",
        epilog="""\
settings in FILE.toml, all optional; options win over them:
  listen = "127.0.0.1:830"        # as --listen
  log-format = "text"             # as --log-format
  log-level = "info"              # or debug, warning, error
  max-message-size = 16777216     # bytes of one NETCONF message, 65536 to 1073741824
  tpm = "device:/dev/tpmrm0"      # as --tpm

Users, limits of the SSH server, keys and trustpoints are configured by NETCONF.

admin_key is lost: 'trustconf user add admin' with another --public-key lets you in
again, also while the agent runs.""",
    )
    _add_state_dir(serve)
    serve.add_argument(
        "--listen",
        default=None,
        metavar="ADDR:PORT",
        help=f"address to listen on for SSH (default {DEFAULT_LISTEN}), an IPv6 address in brackets; port 0 takes a"
        " free port. The bound port is printed and, while the agent runs, in DIR/port",
    )
    serve.add_argument("--config", type=Path, metavar="FILE.toml", help="settings of the process, see below")
    serve.add_argument(
        "--log-format",
        choices=("text", "json"),
        default=None,
        help="form of the log on standard error: lines of text (default), or a JSON object a line",
    )
    serve.add_argument(
        "--tpm",
        default=None,
        metavar="ADDRESS",
        help="the TPM 2.0 to use: device:/dev/tpmrm0 (default; absent is no error), swtpm:path=SOCKET, or none",
    )
    serve.set_defaults(command=_serve)


def _add_user(commands: Commands) -> None:
    user = commands.add_parser(
        "user",
        help="manage who may log in",
        description="Manage the users who may log in to the agent with SSH.",
    )
    actions = user.add_subparsers(metavar="ACTION", required=True)
    add = actions.add_parser(
        "add",
        help="add a user, or another key to one",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="""\
Add a user who may log in with SSH, by public key or by password. For a user who is
there already, a key is added to those that are there; a password replaces the old one.

Works before the first start and while the agent runs, for the owner of the state
folder and, while the agent runs, for root.""",
        epilog="""\
examples:
  trustconf user add alice --group administrators --public-key ~/.ssh/id_ed25519.pub
  printf '%s\\n' "$PASSWORD" | trustconf user add bob --group administrators --password-stdin""",
    )
    add.add_argument(
        "name", metavar="NAME", help="1 to 32 letters, digits, '_', '.' or '-', starting with a letter or '_'"
    )
    _add_state_dir(add)
    add.add_argument(
        "--group", required=True, metavar="GROUP", help="'administrators', who may do everything, is the only one"
    )
    credential = add.add_mutually_exclusive_group(required=True)
    credential.add_argument(
        "--public-key", type=Path, metavar="FILE", help="public key: an OpenSSH .pub file, RFC 4716 or PEM"
    )
    credential.add_argument(
        "--password-stdin",
        action="store_true",
        help="read the password, 8 characters or more, from the first line of standard input",
    )
    add.set_defaults(command=_user_add)


def _add_show(commands: Commands) -> None:
    show = commands.add_parser(
        "show",
        help="run a show command, as over SSH",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="""\
Run one of the show commands that the agent also answers over SSH. A running agent
answers it; if none runs, the answer comes from the state folder.""",
        epilog="""\
commands:
  trustconf show version
  trustconf show platform
  trustconf show crypto key mypubkey rsa          or dsa, ecdsa, ed25519, all
  trustconf show crypto ca certificates [NAME] [detail]
  trustconf show platform security integrity dossier \\
      include reboot-history packages nonce 4f7a '|' utility sign nonce 4f7a include-certificate

Options of trustconf may stand before or after the command's words; the pipe needs quotes.""",
    )
    _add_state_dir(show)
    show.add_argument("words", nargs="+", metavar="WORD", help="the words after 'show'")
    show.set_defaults(command=_show)


def _add_kgv(commands: Commands) -> None:
    kgv = commands.add_parser(
        "kgv",
        help="known good values of packages",
        description="Known good values (KGV): what packages must have as their install-time fingerprints.",
    )
    actions = kgv.add_subparsers(metavar="ACTION", required=True)
    build = actions.add_parser(
        "build",
        help="make the signed known good values of package files",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="""\
Make the known good values of .rpm and .deb files, and sign them. A device compares its
packages with them by the rpc verify-packages; it must have the signer's public key in
the folder package-keys of its state folder (docs/fingerprint.md).""",
        epilog="""\
example:
  openssl genpkey -algorithm ed25519 -out kgv.key
  openssl pkey -in kgv.key -pubout -out kgv.pem
  trustconf kgv build *.rpm --sign-key kgv.key -o KGV.json""",
    )
    build.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a package, .rpm or .deb")
    build.add_argument(
        "--sign-key", type=Path, required=True, metavar="KEY", help="the private key, PEM without a password"
    )
    build.add_argument("-o", "--output", type=Path, metavar="KGV.json", help="where to write them (default: print)")
    build.set_defaults(command=_kgv_build)


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
        settings = load_settings(
            arguments.config, listen=arguments.listen, log_format=arguments.log_format, tpm=arguments.tpm
        )
    except SettingsError as error:
        raise CommandError(str(error)) from error
    try:
        return serve(arguments.state_dir, settings)
    except StartError as error:
        if settings.log_format == "json":
            # Whoever reads the log as JSON gets nothing else.
            logging.getLogger(__name__).critical("%s", error)
            return EXIT_REFUSED
        raise CommandError(str(error)) from error


def _user_add(arguments: argparse.Namespace) -> int:
    from agent.administration import AdministrationError, add_user

    if arguments.password_stdin:
        credentials = {"password": _read_password()}
    else:
        credentials = {"public_key": read_text(arguments.public_key, MAX_SMALL_FILE)}
    try:
        add_user(arguments.state_dir, arguments.name, arguments.group, **credentials)
    except AdministrationError as error:
        raise CommandError(str(error)) from error
    print(f"user {arguments.name} may log in (group {arguments.group})")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from agent.administration import AdministrationError, show

    try:
        return show(arguments.state_dir, " ".join(["show", *map(_quoted, arguments.words)]), sys.stdout.write)
    except AdministrationError as error:
        raise CommandError(str(error)) from error


def _quoted(word: str) -> str:
    """A word as the command line of the agent reads it: quoted if it has spaces; a lone | stays a pipe."""
    return word if word == "|" else shlex.quote(word)


def _kgv_build(arguments: argparse.Namespace) -> int:
    from agent.integrity.packages.known_good import KnownGoodKeyError, build, load_signing_key
    from agent.integrity.packages.package_files import PackageFileError, read_package_file

    try:
        signer = load_signing_key(read_text(arguments.sign_key, MAX_SMALL_FILE).encode())
    except KnownGoodKeyError as error:
        raise CommandError(f"{arguments.sign_key} is {error}") from error
    packages = []
    for path in arguments.files:
        try:
            packages.append(read_package_file(path))
        except PackageFileError as error:
            raise CommandError(f"{path}: {error}") from error
    text = build(chain.from_iterable(packages), signer)
    if arguments.output is None:
        print(text, end="")
    else:
        arguments.output.write_text(text)
        print(f"known good values of {len(packages)} package{'s' * (len(packages) != 1)} in {arguments.output}")
    return 0


def _read_password() -> str:
    line = sys.stdin.buffer.readline(MAX_PASSWORD_LINE)
    password = decoded(line, "the password").rstrip("\r\n")
    if not password:
        raise CommandError(
            "no password on standard input; for example:  printf '%s\\n' \"$PASSWORD\" | trustconf user add ..."
        )
    return password


if __name__ == "__main__":
    sys.exit(main())
