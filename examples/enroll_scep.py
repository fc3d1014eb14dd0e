#!/usr/bin/env python3
"""A certificate from a SCEP server, by ncclient: a key, a trustpoint, the CA's fingerprint compared, the enrollment.

Each function is one step and shows one request, so that they can be copied. Without a fingerprint it shows those of the
certificates that the server sends, and trusts nothing:

    examples/enroll_scep.py lab http://ca.example.com/scep
    examples/enroll_scep.py lab http://ca.example.com/scep --fingerprint 17D8... --challenge-stdin

Called again, it asks for the next certificate: the device proves who it is by the one that it has.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from xml.sax.saxutils import escape

from lxml import etree
from ncclient import manager
from ncclient.operations import RPCError

if __package__:
    from examples.journey import NS, connect, edit_candidate, generate_key, rpc
else:
    from journey import NS, connect, edit_candidate, generate_key, rpc

TCT, TCK = NS["tct"], NS["tck"]
#: States in which a decision of the CA is still to come.
UNDECIDED = ("requesting", "pending")


def has_key(m: manager.Manager, label: str) -> bool:
    """Whether the device has this RSA key pair: generating it again would replace it."""
    entry = f"<key-pair><type>rsa</type><label>{escape(label)}</label></key-pair>"
    reply = m.get(("subtree", f'<keys xmlns="{TCK}">{entry}</keys>'))
    return reply.data_ele.find(".//tck:key-pair", NS) is not None


def configure_trustpoint(
    m: manager.Manager, name: str, url: str, label: str, subject: str, *, allow_weak: bool, skip_challenge: bool
) -> None:
    """Whom to ask, for which key, under what name."""
    edit_candidate(
        m,
        f"""
        <trustpoints xmlns="{TCT}">
          <trustpoint>
            <name>{escape(name)}</name>
            <enrollment>
              <url>{escape(url)}</url>
              <allow-weak-algorithms>{str(allow_weak).lower()}</allow-weak-algorithms>
            </enrollment>
            <keypair><type xmlns:k="{TCK}">k:rsa</type><label>{escape(label)}</label></keypair>
            <subject-name>{escape(subject)}</subject-name>
            <skip-challenge-password>{str(skip_challenge).lower()}</skip-challenge-password>
          </trustpoint>
        </trustpoints>""",
    )
    m.validate("candidate")
    m.commit()


def authenticate(m: manager.Manager, name: str) -> list[dict[str, str]]:
    """Have the device get the CA's certificates; what it offers for acceptance, the issuing CA first."""
    reply = rpc(m, f'<authenticate xmlns="{TCT}"><trustpoint>{escape(name)}</trustpoint></authenticate>')
    return [
        {str(etree.QName(leaf).localname): str(leaf.text) for leaf in offered}
        for offered in reply.iterfind("tct:offered-certificate", NS)
    ]


def accept_ca(m: manager.Manager, name: str, fingerprint: str) -> None:
    """Trust what was offered, if one of the certificates has this fingerprint."""
    text = f"<trustpoint>{escape(name)}</trustpoint><fingerprint>{escape(fingerprint)}</fingerprint>"
    rpc(m, f'<accept-ca xmlns="{TCT}">{text}</accept-ca>')


def subscribe(m: manager.Manager) -> None:
    """Hear of every change of a trustpoint's state; before enrolling, so that none is missed."""
    m.create_subscription(filter=("subtree", f'<enrollment-status-changed xmlns="{TCT}"/>'))


def enroll(m: manager.Manager, name: str, challenge: str | None) -> str:
    """Ask for the device's certificate; the state that is reached within some seconds."""
    password = "" if challenge is None else f"<challenge-password>{escape(challenge)}</challenge-password>"
    reply = rpc(m, f'<enroll xmlns="{TCT}"><trustpoint>{escape(name)}</trustpoint>{password}</enroll>')
    return str(reply.findtext("tct:enrollment-state", namespaces=NS))


def wait_for_decision(m: manager.Manager, name: str, timeout: float) -> str:
    """The state of the trustpoint once the CA has decided; TimeoutError if it takes longer than these seconds."""
    while True:
        notification = m.take_notification(timeout=timeout)
        if notification is None:
            raise TimeoutError(f"the CA has not decided in {timeout:g} seconds; the device goes on asking")
        changed = notification.notification_ele.find("tct:enrollment-status-changed", NS)
        state = str(changed.findtext("tct:enrollment-state", namespaces=NS))
        if changed.findtext("tct:trustpoint", namespaces=NS) == name and state not in UNDECIDED:
            return state


def read_trustpoint(m: manager.Manager, name: str) -> etree._Element:
    """How far the trustpoint has come, and its certificates."""
    entry = f"<trustpoint><name>{escape(name)}</name></trustpoint>"
    reply = m.get(("subtree", f'<trustpoints xmlns="{TCT}">{entry}</trustpoints>'))
    found: etree._Element = reply.data_ele.find(".//tct:trustpoint", NS)
    return found


def get_certificate(m: manager.Manager, options: argparse.Namespace) -> int:
    """All of the steps above; 0 once the certificate is there."""
    name = options.trustpoint
    if not has_key(m, name):
        generate_key(m, "rsa", name)
        step(f"generated rsa key {name}")
    configure_trustpoint(
        m,
        name,
        options.url,
        name,
        options.subject,
        allow_weak=options.allow_weak,
        skip_challenge=not options.challenge_stdin,
    )
    step(f"committed trustpoint {name}")
    for offered in authenticate(m, name):
        step(f"offered: {offered['subject']}")
        print(f"   SHA-256 {offered['sha256-fingerprint']}\n   SHA-1   {offered['sha1-fingerprint']}")
    if options.fingerprint is None:
        step("compare a fingerprint with the CA's administrator, and give it as --fingerprint")
        return 1
    accept_ca(m, name, options.fingerprint)
    step("authenticated: the fingerprint is right")
    subscribe(m)
    state = enroll(m, name, sys.stdin.readline().rstrip("\n") if options.challenge_stdin else None)
    step(f"asked for a certificate: {state}")
    if state in UNDECIDED:
        state = wait_for_decision(m, name, options.wait)
        step(f"decided: {state}")
    trustpoint = read_trustpoint(m, name)
    for certificate in trustpoint.iterfind("tct:certificate", NS):
        role, subject = (certificate.findtext(f"tct:{leaf}", namespaces=NS) for leaf in ("role", "subject"))
        step(f"{role} certificate of {subject}")
    if error := trustpoint.findtext("tct:last-error", namespaces=NS):
        step(error)
    return 0 if state == "granted" else 1


def step(text: str) -> None:
    print(f"-- {text}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="A certificate from a SCEP server, by ncclient.")
    parser.add_argument("trustpoint", help="its name, which is also that of its RSA key pair")
    parser.add_argument("url", help="of the SCEP server")
    parser.add_argument("--fingerprint", help="of a certificate of the CA, from its administrator")
    parser.add_argument(
        "--challenge-stdin", action="store_true", help="read the challenge password from standard input"
    )
    parser.add_argument("--subject", default="CN=router1,O=example")
    parser.add_argument("--allow-weak", action="store_true", help="SHA-1 and DES, for old servers")
    parser.add_argument("--wait", type=float, default=600, help="seconds to wait for a decision of the CA")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8300)
    parser.add_argument("--user", default="admin")
    parser.add_argument("--key", type=Path, default=Path("state/admin_key"), help="private key file of the user")
    options = parser.parse_args()
    with connect(options.host, options.port, options.user, options.key) as m:
        try:
            return get_certificate(m, options)
        except (RPCError, TimeoutError) as error:
            step(str(error))
            return 1


if __name__ == "__main__":
    sys.exit(main())
