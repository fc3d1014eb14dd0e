"""Real rpm packages: built by rpmbuild, signed by a key of GnuPG's, installed by rpm into a folder."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

DATABASE = "/var/lib/rpm"
SPEC = """\
Name: tool
Version: 2.0
Release: 3.el9
Epoch: 1
Summary: a tool
License: none
%description
A tool.
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/lib/tool %{buildroot}/etc %{buildroot}/var/lib/tool
echo program > %{buildroot}/usr/bin/tool
echo raw > %{buildroot}/usr/bin/raw
echo data > %{buildroot}/usr/lib/tool/data
echo plain > "%{buildroot}/usr/lib/tool/with space"
echo loose > %{buildroot}/usr/lib/tool/loose
ln -s data %{buildroot}/usr/lib/tool/link
ln %{buildroot}/usr/lib/tool/data %{buildroot}/usr/lib/tool/hard
echo setting > %{buildroot}/etc/tool.conf
echo state > %{buildroot}/var/lib/tool/state
%files
%attr(4755,root,root) /usr/bin/tool
%attr(0755,root,root) %caps(cap_net_raw,cap_net_admin=ep) /usr/bin/raw
%dir /usr/lib/tool
%attr(0640,root,daemon) /usr/lib/tool/data
%attr(0640,root,daemon) /usr/lib/tool/hard
"/usr/lib/tool/with space"
%verify(not mode user) /usr/lib/tool/loose
/usr/lib/tool/link
%config(noreplace) /etc/tool.conf
%ghost /var/lib/tool/state
%dev(c,1,3) %attr(0600,root,root) /usr/lib/tool/null
"""
SMALL_SPEC = """\
Name: {name}
Version: 1
Release: 1
Summary: small
License: none
%description
Small.
%install
mkdir -p %{{buildroot}}/usr/share
echo {name} > %{{buildroot}}/usr/share/{name}
%files
/usr/share/{name}
"""


def run(*command, check=True, **options):
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=120, check=check, stdin=subprocess.DEVNULL,
        **options,
    )  # fmt: skip


class SigningKey:
    """A key pair of GnuPG's. Its folder has a short name, because there is a socket in it."""

    def __init__(self, algorithm="rsa2048"):
        self.home = Path(tempfile.mkdtemp(prefix="gpg"))
        self.gpg("--quick-gen-key", "--passphrase", "", "Packager <packager@example.com>", algorithm, "sign", "never")
        self.public = self.gpg("--armor", "--export")
        listed = self.gpg("--list-keys", "--with-colons").splitlines()
        self.key_id = next(line.split(":")[4].lower() for line in listed if line.startswith("pub:"))

    def gpg(self, *arguments):
        return run("gpg", "--homedir", self.home, "--batch", "--pinentry-mode", "loopback", *arguments).stdout

    def sign(self, package):
        define = ("--define", "_gpg_name packager@example.com", "--define", f"_gpg_path {self.home}")
        define += ("--define", "_gpg_digest_algo sha256", "--define", f"__gpg {shutil.which('gpg')}")
        run("rpmsign", *define, "--addsign", package)

    def close(self):
        run("gpgconf", "--homedir", self.home, "--kill", "gpg-agent", check=False)
        shutil.rmtree(self.home, ignore_errors=True)


def build(folder, spec=SPEC):
    """The package file of a spec."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.spec").write_text(spec)
    defines = [f"_topdir {folder}", "__os_install_post %{nil}", "_dbpath /none", "debug_package %{nil}"]
    options = [word for define in defines for word in ("--define", define)]
    run("rpmbuild", "-bb", *options, folder / "a.spec")
    (package,) = folder.glob("RPMS/*/*.rpm")
    return package


class RpmRoot:
    """A folder that rpm has installed packages into."""

    def __init__(self, root, backend="sqlite"):
        self.root = root
        self.options = ("--define", f"_db_backend {backend}", "--root", str(root), "--dbpath", DATABASE)
        (root / "etc").mkdir(parents=True)
        (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\ndaemon:x:1:1::/:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\ndaemon:x:1:\n")
        run("rpm", *self.options, "--initdb")

    def install(self, *packages):
        run("rpm", *self.options, "-i", "--nodeps", "--noscripts", "--ignoreos", "--nosignature", *packages)

    def trust(self, key, folder):
        file = folder / "key.asc"
        file.write_text(key.public)
        run("rpmkeys", *self.options, "--import", file)

    def verify(self, *packages):
        """What `rpm -V` says: path -> its letters or "missing", without those for size and time of change."""
        shown = run("rpm", *self.options, "-V", "--nodeps", *packages, check=False).stdout
        found = {}
        for line in shown.splitlines():
            words = line.split(None, 1)
            path = words[1][words[1].index("/") :].split(" (")[0]
            letters = words[0] if words[0] == "missing" else "".join(sorted(set(words[0]) - set(".ST?")))
            found[path] = letters
        return {path: letters for path, letters in found.items() if letters}

    @property
    def database(self):
        return self.root / DATABASE.lstrip("/") / "rpmdb.sqlite"

    @contextlib.contextmanager
    def header(self, name):
        """The header of a package in a list of one, which the block may change."""
        connection = sqlite3.connect(self.database)
        for number, blob in connection.execute("SELECT hnum, blob FROM Packages").fetchall():
            if b"\0" + name.encode() + b"\0" in blob:
                held = [blob]
                yield held
                connection.execute("UPDATE Packages SET blob = ? WHERE hnum = ?", (held[0], number))
        connection.commit()
        connection.close()
