"""Real Debian packages: built by dpkg-deb, installed by dpkg into a folder."""

from __future__ import annotations

from tests.integrity.packages.rpm_workshop import run

CONTROL = """\
Package: {name}
Version: {version}
Architecture: all
Maintainer: a <a@example.com>
Description: a package
"""


def build(folder, name, files, *, version="2:1.0-3", conffiles=(), prepare=None, compression="xz"):
    """The package file. `files`: path -> text, or a link's target after "->". `prepare` gets the folder that is packed
    as it is, owners too."""
    tree = folder / name
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(CONTROL.format(name=name, version=version))
    sums = []
    for path, content in files.items():
        place = tree / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("->"):
            place.symlink_to(content.removeprefix("->"))
            continue
        place.write_text(content)
        if path not in conffiles:
            sums.append(run("md5sum", path.lstrip("/"), cwd=tree).stdout)
    (tree / "DEBIAN/md5sums").write_text("".join(sums))
    if conffiles:
        (tree / "DEBIAN/conffiles").write_text("\n".join(conffiles) + "\n")
    if prepare is not None:
        prepare(tree)
    owners = () if prepare is not None else ("--root-owner-group",)
    file = folder / f"{name}_{version.replace(':', '%3a')}_all.deb"
    run("dpkg-deb", *owners, f"-Z{compression}", "-b", tree, file)
    return file


class DpkgRoot:
    """A folder that dpkg has installed packages into."""

    def __init__(self, root):
        self.root = root
        for name in ("info", "updates", "triggers"):
            (root / "var/lib/dpkg" / name).mkdir(parents=True)
        (root / "var/lib/dpkg/status").touch()
        (root / "usr/bin").mkdir(parents=True)
        (root / "bin").symlink_to("usr/bin")

    def install(self, *packages):
        run("dpkg", "--root", self.root, "--log", "/dev/null", "--force-not-root", "-i", *packages)

    def divert(self, path, to, package):
        options = ("--root", self.root, "--quiet", "--add", "--rename")
        run("dpkg-divert", *options, "--package", package, "--divert", to, path)

    def verify(self):
        """What `dpkg -V` says: path -> "5" or "missing"."""
        found = {}
        for line in run("dpkg", "--root", self.root, "-V", check=False).stdout.splitlines():
            words = line.split()
            found[line[line.index(" /") + 1 :].split(" (")[0]] = "missing" if words[0] == "missing" else "5"
        return found
