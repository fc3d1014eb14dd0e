"""A real CA: the Debian package `scep`. What it can: one self-signed CA, challenge passwords, renewal. It answers in
SHA-1 and single DES, whatever it announces."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.pki.trustpoints import openssl

CHALLENGE = "right horse"
PORT_INSIDE = 2016
RELAY = Path(__file__).with_name("isolated_server.py")


@dataclass(frozen=True)
class ScepServer:
    """`url`: on 127.0.0.1, for any process. `depot`: its files; index.txt is a database of `openssl ca`."""

    url: str
    depot: Path
    challenge: str = CHALLENGE

    @property
    def ca_pem(self):
        return (self.depot / "ca.pem").read_text()

    @property
    def ca(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.ca_pem.encode())

    def revoke(self, certificate: x509.Certificate) -> None:
        """For the next CRL."""
        (self.depot / "revoked").write_bytes(certificate.public_bytes(Encoding.PEM))
        self._openssl_ca("-revoke", self.depot / "revoked")

    def make_crl(self) -> bytes:
        """A CRL of this CA, made by openssl from the server's own index: DER."""
        crl = self.depot / "crl"
        self._openssl_ca("-gencrl", "-out", crl)
        openssl("crl", "-in", crl, "-outform", "der", "-out", self.depot / "crl.der")
        return (self.depot / "crl.der").read_bytes()

    def _openssl_ca(self, *arguments: object) -> None:
        config, key, number = self.depot / "openssl.cnf", self.depot / "plain.key", self.depot / "crlnumber"
        if not config.exists():
            openssl("rsa", "-in", self.depot / "ca.key", "-passin", "pass:", "-out", key)
            number.write_text("01\n")
            config.write_text(
                "[ca]\ndefault_ca=d\n[d]\n"
                f"database={self.depot}/index.txt\ncertificate={self.depot}/ca.pem\nprivate_key={key}\n"
                f"crlnumber={number}\ndefault_md=sha256\ndefault_crl_days=7\n"
            )
        openssl("ca", "-config", config, *arguments)


@contextmanager
def run_scepserver(depot: Path, *options: str):
    """A server with a new CA, for the length of a `with`. `options`: of scepserver."""
    name = ("-organization", "Test Org", "-organizational_unit", "SCEP CA", "-country", "IN")
    new_ca = ("scepserver", "ca", "-init", "-depot", depot, "-keySize", "2048", *name)
    subprocess.run(new_ca, check=True, capture_output=True)
    command = ["scepserver", "-depot", depot, "-port", PORT_INSIDE, "-challenge", CHALLENGE, "-crtvalid", "365"]
    # An ordinary user makes the namespace as root of a namespace of users.
    isolate = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-r", "-n"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = subprocess.Popen(
            [*isolate, sys.executable, RELAY, str(listener.fileno()), str(PORT_INSIDE), *map(str, command), *options],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            while (line := relay.stdout.readline()) != "ready\n":
                assert line, "the server did not start"
            yield ScepServer(f"http://127.0.0.1:{listener.getsockname()[1]}/scep", depot)
        finally:
            relay.stdin.close()
            relay.wait(10)
            relay.stdout.close()
