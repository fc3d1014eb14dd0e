"""ScepCa on a real HTTP server.

For a look by hand, with any client: `python -m tests.peers.scep_responder --tiers 3 --ra split --pending 2`
"""

from __future__ import annotations

import argparse
import base64
import binascii
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.peers.http_server import Exchange, HttpPeer
from tests.peers.scep_ca import Ra, ScepCa
from tests.peers.scep_messages import BadMessageError
from tests.peers.scep_rules import FOREVER, FULL_CAPS, NO_CAPS, OLD_CAPS, Rules

_PKI_MESSAGE = "application/x-pki-message"
_CA_CERTIFICATE = "application/x-x509-ca-cert"
_CA_AND_RA_CERTIFICATES = "application/x-x509-ca-ra-cert"
_NEXT_CA_CERTIFICATE = "application/x-x509-next-ca-cert"


class ScepResponder(HttpPeer):
    """A SCEP server at `url`. All else is said to and asked from `ca`.

    Args:
        ca: what answers; without one, `options` go to ScepCa.make: tiers, ra, and fields of Rules.
        tls: for https.
    """

    path = "/scep"

    def __init__(self, ca: ScepCa | None = None, *, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        self.ca = ca or ScepCa.make(**options)
        super().__init__(tls)

    @property
    def rules(self) -> Rules:
        return self.ca.rules

    def serve(self, exchange: Exchange, body: bytes) -> None:
        query = parse_qs(urlsplit(exchange.path).query, keep_blank_values=True)
        match query.get("operation"):
            case ["GetCACaps"]:
                caps = self.ca.capabilities()
                exchange.reply(*((caps, b"") if isinstance(caps, int) else (200, caps)))
            case ["GetCACert"]:
                found, several = self.ca.ca_certificates()
                exchange.reply(200, found, _CA_AND_RA_CERTIFICATES if several else _CA_CERTIFICATE)
            case ["GetNextCACert"]:
                following = self.ca.next_ca_certificates()
                exchange.reply(*((404,) if following is None else (200, following, _NEXT_CA_CERTIFICATE)))
            case ["PKIOperation"]:
                self._operate(exchange, body, query.get("message", []))
            case _:
                exchange.reply(400, b"no such operation\n")

    def _operate(self, exchange: Exchange, body: bytes, messages: list[str]) -> None:
        try:
            if exchange.command == "GET":
                # A plus sign that was not percent-encoded has become a space.
                body = base64.b64decode("".join(messages), validate=True)
            exchange.reply(200, self.ca.operate(body, exchange.command), _PKI_MESSAGE)
        except (BadMessageError, binascii.Error) as error:
            exchange.reply(400, f"{error}\n".encode())


def fingerprint(certificate: x509.Certificate, digest: hashes.HashAlgorithm | None = None) -> str:
    """In hexadecimal, SHA-256 unless said otherwise."""
    return certificate.fingerprint(digest or hashes.SHA256()).hex().upper()


@contextmanager
def scep_responder_process(*options: str) -> Iterator[list[str]]:
    """A responder outside this process, for a test that must not be slowed down by it: the URL, and what else it says.

    `options`: of the command line.
    """
    command = [sys.executable, "-m", __name__, *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said: list[str] = []
        while not (said and said[-1].startswith("ready")):
            said.append(process.stdout.readline().strip())
            assert said[-1], f"the responder did not start: {said}"
        yield [said[0].removeprefix("url "), *said[1:]]
        process.stdin.close()
        assert process.wait(10) == 0


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="A SCEP responder for tests, on 127.0.0.1 and a free port.")
    parser.add_argument("--tiers", type=int, default=1, help="CA certificates in the chain")
    parser.add_argument("--ra", choices=[ra.value for ra in Ra], default="none")
    parser.add_argument("--challenge", help="challenge password that is asked for")
    parser.add_argument("--pending", type=float, default=0, help=f"polls before a certificate; {FOREVER} for ever")
    parser.add_argument("--caps", choices=["full", "old", "none"], default="full")
    parser.add_argument("--cipher", default="aes-128", help="of answers: aes-128, aes-192, aes-256, 3des, des")
    parser.add_argument("--digest", default="sha256", help="of answers: md5, sha1, sha256, sha384, sha512")
    options = vars(parser.parse_args(arguments))
    options["caps"] = {"full": FULL_CAPS, "old": OLD_CAPS, "none": NO_CAPS}[options["caps"]]
    options["ra"] = Ra(options["ra"])
    with ScepResponder(**options) as responder:
        print(f"url {responder.url}")
        for certificate in responder.ca.chain:
            print(f"ca  {certificate.subject.rfc4514_string()}")
            for digest in (hashes.SHA256(), hashes.SHA1(), hashes.MD5()):
                print(f"    {digest.name} {fingerprint(certificate, digest)}")
        print("ready; end it by closing its input (Ctrl-D)", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
