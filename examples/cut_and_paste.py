#!/usr/bin/env python3
"""A certificate by cut and paste, by ncclient: files take the place of the terminal.

Each function is one step of the guide's procedure and shows one request, so that they can be copied:

    examples/cut_and_paste.py lab configure
    examples/cut_and_paste.py lab authenticate chain.pem
    examples/cut_and_paste.py lab enroll > request.pem
    examples/cut_and_paste.py lab import router.pem

The RSA key pair has the name of the trustpoint and is there already.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from ncclient import manager
from ncclient.operations import RPCError

if __package__:
    from examples.journey import NS, connect, edit_candidate, rpc
else:
    from journey import NS, connect, edit_candidate, rpc

TCT, TCK = NS["tct"], NS["tck"]


def configure_trustpoint(m: manager.Manager, name: str, subject: str) -> None:
    """The guide's `enrollment terminal`."""
    edit_candidate(
        m,
        f"""
        <trustpoints xmlns="{TCT}">
          <trustpoint>
            <name>{escape(name)}</name>
            <enrollment><url>terminal</url></enrollment>
            <keypair><type xmlns:k="{TCK}">k:rsa</type><label>{escape(name)}</label></keypair>
            <subject-name>{escape(subject)}</subject-name>
          </trustpoint>
        </trustpoints>""",
    )
    m.commit()


def authenticate(m: manager.Manager, name: str, chain: str) -> str:
    """Trust the certificates of the CA: all of them in one text, root to issuing CA. Returns the state."""
    return _state(m, "authenticate", name, f"<certificate>{escape(chain)}</certificate>")


def enroll(m: manager.Manager, name: str) -> dict[str, str]:
    """The requests as PEM by the role that the certificate will have: one, or for usage keys two."""
    reply = rpc(m, f'<enroll xmlns="{TCT}"><trustpoint>{escape(name)}</trustpoint></enroll>')
    return {
        str(request.findtext("tct:role", namespaces=NS)): str(request.findtext("tct:pem", namespaces=NS))
        for request in reply.iterfind("tct:request/tct:certificate-request", NS)
    }


def import_certificate(m: manager.Manager, name: str, certificate: str) -> str:
    """Give the device what the CA has issued: PEM, base64 or PKCS #7. Returns the state."""
    return _state(m, "import-certificate", name, f"<certificate>{escape(certificate)}</certificate>")


def _state(m: manager.Manager, operation: str, name: str, more: str) -> str:
    reply = rpc(m, f'<{operation} xmlns="{TCT}"><trustpoint>{escape(name)}</trustpoint>{more}</{operation}>')
    return str(reply.findtext("tct:enrollment-state", namespaces=NS))


def main() -> int:
    parser = argparse.ArgumentParser(description="A certificate by cut and paste, by ncclient.")
    parser.add_argument("trustpoint")
    parser.add_argument("step", choices=["configure", "authenticate", "enroll", "import"])
    parser.add_argument("file", type=Path, nargs="?", help="what is pasted, with authenticate and import")
    parser.add_argument("--subject", default="CN=router1,O=example", help="with configure")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8300)
    parser.add_argument("--user", default="admin")
    parser.add_argument("--key", type=Path, default=Path("state/admin_key"), help="private key file of the user")
    options = parser.parse_args()
    if (options.file is None) is (options.step in ("authenticate", "import")):
        parser.error("authenticate and import need a file, the others none")
    name = options.trustpoint
    with connect(options.host, options.port, options.user, options.key) as m:
        try:
            match options.step:
                case "configure":
                    configure_trustpoint(m, name, options.subject)
                case "authenticate":
                    print(authenticate(m, name, options.file.read_text()))
                case "enroll":
                    for request in enroll(m, name).values():
                        print(request, end="")
                case "import":
                    print(import_certificate(m, name, options.file.read_text()))
        except RPCError as error:
            print(error.message, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
