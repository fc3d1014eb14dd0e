"""Certification authorities that are made and run by openssl alone, as an administrator does it: `openssl ca` with its
database, in a folder for each.

    root = OpensslCa.root(tmp_path, "/CN=Root")
    issuing = root.sub("/CN=Issuing")
    certificate = issuing.sign(request)              # PEM in, PEM out
    issuing.hierarchy                                # PEM of root and issuing CA, in this order
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.pki.trustpoints import openssl

CA_EXTENSIONS = (
    "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
    "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
)
LEAF_EXTENSIONS = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
CONFIG = """\
[ca]
default_ca=d
[d]
dir={folder}
database=$dir/index.txt
serial=$dir/serial
new_certs_dir=$dir
certificate=$dir/ca.pem
private_key=$dir/ca.key
default_md=sha256
policy=any
unique_subject=no
copy_extensions=copy
[any]
commonName=optional
"""


@dataclass(frozen=True)
class OpensslCa:
    """One authority. `above`: the one that issued its certificate, None for a root."""

    folder: Path
    subject: str
    above: OpensslCa | None

    @classmethod
    def root(cls, folder: Path, subject: str = "/CN=Root", **options) -> OpensslCa:
        """`options`: of sign."""
        made = cls._prepared(folder, subject, None)
        options = {"days": 365, "extensions": CA_EXTENSIONS, **options}
        (made.folder / "ca.pem").write_text(made.sign(made.request, selfsign=True, **options))
        return made

    def sub(self, subject: str, **options) -> OpensslCa:
        """An authority below this one."""
        made = self._prepared(self.folder.parent, subject, self)
        options = {"days": 365, "extensions": CA_EXTENSIONS, **options}
        (made.folder / "ca.pem").write_text(self.sign(made.request, **options))
        return made

    @classmethod
    def tiers(cls, folder: Path, number: int) -> OpensslCa:
        """The issuing CA of a hierarchy of so many tiers."""
        ca = cls.root(folder, "/CN=Tier 1")
        for tier in range(2, number + 1):
            ca = ca.sub(f"/CN=Tier {tier}")
        return ca

    @classmethod
    def _prepared(cls, folder: Path, subject: str, above: OpensslCa | None) -> OpensslCa:
        own = folder / f"ca{len(list(folder.glob('ca*')))}"
        own.mkdir()
        (own / "config").write_text(CONFIG.format(folder=own))
        (own / "index.txt").touch()
        (own / "serial").write_text("1000\n")
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", own / "ca.key")
        openssl("req", "-new", "-config", own / "config", *key, "-subj", subject, "-out", own / "ca.request")
        return cls(own, subject, above)

    @property
    def request(self) -> str:
        """For a certificate of this authority."""
        return (self.folder / "ca.request").read_text()

    @property
    def pem(self) -> str:
        return (self.folder / "ca.pem").read_text()

    @property
    def key(self) -> Path:
        return self.folder / "ca.key"

    @property
    def chain(self) -> list[str]:
        """The certificates as PEM, the root's first."""
        return [self.pem] if self.above is None else [*self.above.chain, self.pem]

    @property
    def hierarchy(self) -> str:
        return "".join(self.chain)

    def sign(
        self,
        request: str,
        *,
        subject: str | None = None,
        serial: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        days: float = 30,
        extensions: str = LEAF_EXTENSIONS,
        selfsign: bool = False,
    ) -> str:
        """The certificate for a request. It has the extensions that the request asks for and `extensions`; it is valid
        from yesterday on unless `start` says otherwise, for so many days unless `end` says otherwise."""
        start = start or datetime.now(UTC) - timedelta(days=1)
        end = end or start + timedelta(days=days)
        if serial is not None:
            (self.folder / "serial").write_text(f"{serial}\n")
        (self.folder / "extensions").write_text(extensions)
        (self.folder / "request").write_text(request)
        return openssl(
            "ca", "-config", self.folder / "config", "-batch", "-notext", "-preserveDN", "-in", self.folder / "request",
            "-startdate", f"{start:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}",
            "-extfile", self.folder / "extensions",
            *(("-selfsign",) if selfsign else ()), *(("-subj", subject) if subject is not None else ()),
        )  # fmt: skip


def make_request(
    folder: Path, subject: str = "/CN=router", key_type: Sequence[str] = ("rsa:2048",)
) -> tuple[str, Path]:
    """A request of somebody else as PEM, and the file of its key."""
    key = folder / f"key{len(list(folder.glob('key*')))}"
    new_key = ("-newkey", *key_type, "-nodes", "-keyout", key)
    return openssl("req", "-new", *new_key, "-subj", subject), key


def fingerprint(pem: str, digest: str = "sha256") -> str:
    """As `openssl x509 -fingerprint` prints it, without its name."""
    return openssl("x509", "-noout", "-fingerprint", f"-{digest}", input=pem.encode()).strip().partition("=")[2]


def text(pem: str, *options: str) -> str:
    """What openssl says of a certificate."""
    return openssl("x509", "-noout", *(options or ("-text",)), input=pem.encode())


def verified_request(pem: str) -> str:
    """The text of a request whose signature openssl has verified."""
    assert openssl("req", "-verify", "-noout", input=pem.encode()) == ""
    return openssl("req", "-noout", "-text", input=pem.encode())


def base64_of(pem: str) -> str:
    """What is between the lines of a PEM."""
    return re.sub(r"-----[^-]*-----", "", pem).strip()


def bag(folder: Path, *pems: str) -> str:
    """A PKCS #7 with these certificates, as PEM."""
    files = []
    for number, pem in enumerate(pems):
        (file := folder / f"bag{number}").write_text(pem)
        files += ["-certfile", file]
    return openssl("crl2pkcs7", "-nocrl", *files)


def verify(folder: Path, chain: Sequence[str], certificate: str, at: datetime | None = None) -> None:
    """Have openssl verify a certificate under a chain, the root's certificate first."""
    root, *intermediates = chain
    (folder / "anchor.pem").write_text(root)
    (folder / "intermediates.pem").write_text("".join(intermediates) or root)
    (folder / "certificate.pem").write_text(certificate)
    when = () if at is None else ("-attime", int(at.timestamp()))
    files = ("-CAfile", folder / "anchor.pem", "-untrusted", folder / "intermediates.pem", folder / "certificate.pem")
    openssl("verify", "-x509_strict", *when, *files)
