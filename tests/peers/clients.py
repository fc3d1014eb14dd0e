"""SCEP clients of other makers (Debian packages), and how they are called. What both enrol with is a SCEP server.

strongSwan: `pki --scepca`, `pki --scep`. certmonger: a daemon on a D-Bus session of its own.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.peers.scep_rules import FULL_CAPS
from tests.pki.authorities import rsa_key
from tests.pki.trustpoints import openssl

#: strongSwan takes the number of AES in its own list of capabilities for a mask, and believes that a CA can do AES only
#: if that lists SHA-384.
STRONGSWAN_CAPS = FULL_CAPS + b"SHA-384\n"
_TIME_LIMIT = 60


def _run(*command: object, **options: Any) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True, text=True, timeout=_TIME_LIMIT, stdin=subprocess.DEVNULL, check=False, **options,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True)
class StrongSwan:
    """A client with its files in `folder`."""

    url: str
    folder: Path

    def get_ca(self) -> list[x509.Certificate]:
        """GetCACert: what it takes for CA certificates and for RA certificates. It verifies their chain."""
        for kind in ("ca", "ra"):
            (self.folder / kind).mkdir()
        _run("pki", "--scepca", "--url", self.url, "--outform", "pem", "--force",
             "--caout", self.folder / "ca/ca.pem", "--raout", self.folder / "ra/ra.pem")  # fmt: skip
        return self._certificates("ca") + self._certificates("ra")

    def enroll(self, common_name: str, *options: object, key: int = 9) -> x509.Certificate:
        """Enrols, polling each second, and gives the certificate. After get_ca. `key`: number of an RSA key."""
        private, made = self._files(key)
        private.write_bytes(rsa_key(key).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        roles = [("--cacert-enc", self._registrar("Key Encipherment")), ("--cacert-sig", self._registrar("Digital"))]
        chain = [("--cacert", path) for path in sorted((self.folder / "ca").iterdir())]
        pem = _run(
            "pki", "--scep", "--url", self.url, "--in", private, "--dn", f"C=IN, O=Example, CN={common_name}",
            *(part for pair in [*roles, *chain] for part in pair),
            "--interval", "1", "--maxpolltime", "20", "--outform", "pem", *options,
        )  # fmt: skip
        made.write_text(pem)
        return x509.load_pem_x509_certificate(pem.encode())

    def renew(self, common_name: str, *options: object, old: int = 9, key: int = 8) -> x509.Certificate:
        """RenewalReq for another key, signed by the old certificate."""
        private, made = self._files(old)
        return self.enroll(common_name, "--cert", made, "--key", private, *options, key=key)

    def _files(self, key: int) -> tuple[Path, Path]:
        """Of a key and its certificate."""
        return self.folder / f"{key}.key", self.folder / f"{key}.crt"

    def _certificates(self, kind: str) -> list[x509.Certificate]:
        return [x509.load_pem_x509_certificate(path.read_bytes()) for path in (self.folder / kind).iterdir()]

    def _registrar(self, usage: str) -> Path:
        for path in (*(self.folder / "ra").iterdir(), *(self.folder / "ca").iterdir()):
            if usage in openssl("x509", "-in", path, "-noout", "-ext", "keyUsage"):
                return path
        raise AssertionError(f"no certificate with {usage}")


def certmonger_enroll(url: str, folder: Path, common_name: str, password: str) -> tuple[str, x509.Certificate]:
    """Has a certmonger of its own enrol. Its last word on the request, and the certificate."""
    for name in ("requests", "cas"):
        (folder / name).mkdir()
    # getcert waits (-w) until the request is decided.
    script = """
        getcert add-scep-ca -s -c own -u "$1" &&
        getcert request -s -c own -k "$PWD/key.pem" -f "$PWD/cert.pem" -I request -N "CN=$2" -L "$3" -w &&
        getcert list -s -i request
    """
    # D-Bus starts the daemon, and its end is that of the session.
    said = _run(
        "dbus-run-session", "--", "sh", "-c", script, "sh", url, common_name, password,
        cwd=folder,
        env={
            **os.environ,
            "CERTMONGER_REQUESTS_DIR": str(folder / "requests"),
            "CERTMONGER_CAS_DIR": str(folder / "cas"),
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
        },
    )  # fmt: skip
    return said, x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())


def verify_by_openssl(folder: Path, certificate: x509.Certificate, chain: tuple[x509.Certificate, ...]) -> None:
    """openssl finds the way from the certificate to the root, at this moment."""
    for name, bag in (("leaf", [certificate]), ("root", chain[:1]), ("between", chain[1:])):
        (folder / f"{name}.pem").write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in bag))
    between = ("-untrusted", folder / "between.pem") if chain[1:] else ()
    openssl("verify", "-x509_strict", "-CAfile", folder / "root.pem", *between, folder / "leaf.pem")
