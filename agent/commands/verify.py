"""`trustconf verify`."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from agent.commands.reading import MAX_SMALL_FILE, CommandError, opened, read_bytes
from agent.commands.standards import add_standards, known_good_files

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_verify(commands: Commands) -> None:
    verify = commands.add_parser(
        "verify",
        help="verify signed evidence, and what it says, offline",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="""\
Verify an envelope made by the command 'utility sign', by the rpc sign, or by the
rpc collect-dossier, without an agent: that the key of its certificate signed this
payload with this nonce, and that the certificate leads to the trust anchor. Then
judge the dossier in it: beside itself, beside known good values of packages, and
beside an earlier dossier of the same device.

A dossier without signature is judged too, but never believed.""",
        epilog="""\
exit status: 0 genuine, and nothing has changed; 10 to 19 the signature is not to be
believed, 20 to 29 the dossier is not, 30 to 39 something needs an explanation, 40
something has changed (docs/verify.md); 1 and 2 it could not be judged.

examples:
  trustconf verify envelope.json --trust-anchor root.pem --nonce 4f7a
  trustconf verify today.json --trust-anchor root.pem --nonce 8c01 --previous monday.json
  trustconf verify envelope.json --trust-anchor root.pem --nonce 4f7a \\
      --kgv KGV.json --kgv-key kgv.pem --require packages""",
    )
    verify.add_argument(
        "evidence", type=Path, metavar="FILE", help="the envelope, or a dossier without one; - for standard input"
    )
    verify.add_argument(
        "--trust-anchor",
        type=Path,
        metavar="ROOT.pem",
        help="the root certificate (or several), PEM; needed for whatever is signed",
    )
    nonce = verify.add_mutually_exclusive_group()
    nonce.add_argument(
        "--nonce", metavar="N", help="the nonce that was sent with the request (default: there must be none)"
    )
    nonce.add_argument(
        "--any-nonce", action="store_true", help="take any nonce: says nothing of how old the evidence is"
    )
    verify.add_argument("--previous", type=Path, metavar="FILE", help="an earlier envelope or dossier of the device")
    add_standards(verify)
    verify.add_argument(
        "--require-tpm-quote", action="store_true", help="refuse an envelope that has no quote of a TPM"
    )
    verify.add_argument("--json", action="store_true", help="print the judgement as JSON")
    verify.set_defaults(command=_verify)


def _verify(arguments: argparse.Namespace) -> int:
    from agent.clock import SystemClock
    from agent.integrity.content import SpoolFullError
    from agent.integrity.verification import Standard, verify_report

    if str(arguments.evidence) == str(arguments.previous) == "-":
        raise CommandError("standard input can't be both dossiers")
    with ExitStack() as files:
        standard = Standard(
            trust_anchor=read_bytes(arguments.trust_anchor, MAX_SMALL_FILE) if arguments.trust_anchor else b"",
            nonce=arguments.nonce,
            is_any_nonce=arguments.any_nonce,
            at=SystemClock().now(),
            previous=files.enter_context(opened(arguments.previous)) if arguments.previous else None,
            known_good=known_good_files(arguments),
            required=arguments.require,
            is_quote_required=arguments.require_tpm_quote,
        )
        evidence = files.enter_context(opened(arguments.evidence))
        try:
            report = verify_report(evidence, standard, as_json=arguments.json)
        except SpoolFullError as error:
            raise CommandError(f"can't unpack the evidence: {error.reason}") from error
    print(report.text)
    return report.exit_status
