"""Real apt: a signed repository in a folder, and packages that apt-get has fetched and installed from it."""

from __future__ import annotations

import hashlib
import os

from tests.integrity.packages.deb_workshop import DpkgRoot, build
from tests.integrity.packages.rpm_workshop import SigningKey, run

FILES = {
    "/bin/old-place": "in a folder that is a link\n",
    "/usr/bin/tool": "program\n",
    "/usr/bin/raw": "raw\n",
    "/usr/share/tool/data": "data\n",
    "/usr/share/tool/with space": "more\n",
    "/usr/share/tool/link": "->data",
    "/etc/tool.conf": "setting\n",
}
OTHER = {"/usr/share/other/data": "other\n", "/usr/bin/other": "other\n"}
RELEASE = """\
Suite: stable
Codename: stable
Components: main
Architectures: amd64 all
Date: Thu, 26 Nov 2026 10:00:00 UTC
SHA256:
 {digest} {size} main/binary-amd64/Packages
"""


class Repository:
    """A repository at `folder`, whose Release file `key` has signed."""

    def __init__(self, folder, key, packages):
        self.folder = folder
        self.keyring = folder / "key.asc"
        (folder / "pool").mkdir(parents=True)
        self.keyring.write_text(key.public)
        index = b"".join(map(self._added, packages))
        suite = folder / "dists/stable"
        (suite / "main/binary-amd64").mkdir(parents=True)
        (suite / "main/binary-amd64/Packages").write_bytes(index)
        release = RELEASE.format(digest=hashlib.sha256(index).hexdigest(), size=len(index))
        (suite / "Release").write_text(release)
        key.gpg("--clearsign", "-o", suite / "InRelease", suite / "Release")

    def _added(self, package):
        target = self.folder / "pool" / package.name
        target.write_bytes(package.read_bytes())
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        control = run("dpkg-deb", "-f", package).stdout
        return (f"{control}Filename: pool/{target.name}\nSize: {target.stat().st_size}\nSHA256: {digest}\n\n").encode()


class AptRoot(DpkgRoot):
    """A folder that apt-get has installed packages of a repository into."""

    def __init__(self, root, repository):
        super().__init__(root)
        for name in (
            "etc/apt/preferences.d",
            "etc/apt/apt.conf.d",
            "etc/apt/trusted.gpg.d",
            "etc/apt/sources.list.d",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/log/apt",
        ):
            (root / name).mkdir(parents=True)
        source = f"deb [signed-by={repository.keyring}] copy:{repository.folder} stable main\n"
        (root / "etc/apt/sources.list").write_text(source)
        self.get("update")

    def get(self, *arguments):
        options = (
            f"Dir={self.root}",
            f"Dir::State::status={self.root}/var/lib/dpkg/status",
            "Dir::Bin::dpkg=/usr/bin/dpkg",
            "Dir::Bin::Methods=/usr/lib/apt/methods",
            "APT::Sandbox::User=root",
            "APT::Architecture=amd64",
            "Acquire::Languages=none",
            f"DPkg::Options::=--root={self.root}",
            "DPkg::Options::=--force-not-root",
            "DPkg::Options::=--log=/dev/null",
        )
        words = [word for option in options for word in ("-o", option)]
        run("apt-get", *words, "-y", *arguments)

    @property
    def lists(self):
        return self.root / "var/lib/apt/lists"

    def index(self):
        """The list of packages as apt keeps it."""
        (found,) = self.lists.glob("*_Packages*")
        return found

    def archived(self, name):
        """The file that apt has fetched of a package."""
        (found,) = (self.root / "var/cache/apt/archives").glob(f"{name}_*.deb")
        return found


def prepared(tree):
    """Owners and modes that are worth to be told."""
    (tree / "usr/bin/tool").chmod(0o4755)
    os.chown(tree / "usr/share/tool/data", 0, 1)
    (tree / "usr/share/tool/data").chmod(0o640)
    os.link(tree / "usr/share/tool/data", tree / "usr/share/tool/zhard")


class Debs:
    """The packages "tool" and "other", a repository with them, and its key."""

    def __init__(self, folder):
        self.key = SigningKey("ed25519")
        self.tool = build(folder, "tool", FILES, conffiles=("/etc/tool.conf",), prepare=prepared)
        self.other = build(folder, "other", OTHER, version="1")
        self.repository = Repository(folder / "repository", self.key, [self.tool, self.other])
