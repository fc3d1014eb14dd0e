"""What fingerprints of packages cost beside `rpm -Va` and `dpkg -V`: CPU of each over the same files, which are in the
page cache. Needs root, because packages are installed into folders."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.host.real import RealHost
from agent.integrity.packages.baselines import Baselines
from agent.integrity.packages.measuring import DigestCache
from agent.integrity.packages.openpgp import Keyring
from agent.integrity.packages.package_set import collect
from agent.storage.database import Database
from agent.storage.package_evidence import PackageEvidence
from scripts.bench_table import Table
from tests.integrity.packages.deb_workshop import DpkgRoot
from tests.integrity.packages.deb_workshop import build as build_deb
from tests.integrity.packages.rpm_workshop import RpmRoot
from tests.integrity.packages.rpm_workshop import build as build_rpm

PACKAGES, FILES, FILE_BYTES = 4, 1_000, 20_000
SPEC = """\
Name: bench{number}
Version: 1
Release: 1
Summary: many files
License: none
%description
Many files.
%install
mkdir -p %{{buildroot}}/usr/share
cp -r {tree} %{{buildroot}}/usr/share/bench{number}
%files
/usr/share/bench{number}
"""


class PrefixedHost(RealHost):
    """This machine below a folder. RootedHost would walk each path link by link, which the agent never does."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = str(root)

    def read_file(self, path: str, *rest: Any) -> bytes:
        return super().read_file(self._root + path, *rest)

    def list_dir(self, path: str, *rest: Any) -> tuple[str, ...]:
        return super().list_dir(self._root + path, *rest)

    def stat(self, path: str, **rest: Any) -> Any:
        return super().stat(self._root + path, **rest)

    def read_link(self, path: str) -> str:
        return super().read_link(self._root + path)

    def digests(self, path: str, *rest: Any) -> tuple[bytes, ...]:
        return super().digests(self._root + path, *rest)

    def attribute(self, path: str, *rest: Any) -> bytes | None:
        return super().attribute(self._root + path, *rest)


def cpu_of_command(*command: object) -> float:
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    subprocess.run([str(word) for word in command], capture_output=True, check=True, timeout=600)
    return spent() - before


def cpu(action: Callable[[], object]) -> float:
    before = time.process_time()
    action()
    return time.process_time() - before


def beside_package_managers(table: Table, folder: Path) -> None:
    if os.geteuid() != 0:
        print("fingerprints of packages: only root may install packages into a folder")
        return
    trees = [folder / f"tree{number}" for number in range(PACKAGES)]
    for tree in trees:
        tree.mkdir()
        for number in range(FILES):
            (tree / f"file{number}").write_bytes(os.urandom(FILE_BYTES))
    table.value(f"packaged files of {FILE_BYTES // 1000} kB in {PACKAGES} packages", PACKAGES * FILES, "count")
    _rpm(table, folder, trees)
    _dpkg(table, folder, trees)


def _rpm(table: Table, folder: Path, trees: list[Path]) -> None:
    root = RpmRoot(folder / "rpm")
    specs = [SPEC.format(number=number, tree=tree) for number, tree in enumerate(trees)]
    root.install(*(build_rpm(folder / f"build{number}", spec) for number, spec in enumerate(specs)))
    _ours(table, "rpm", root.root, None)
    table.value("rpm -Va, CPU", cpu_of_command("rpm", *root.options, "-Va", "--nodeps") * 1000, "ms")


def _dpkg(table: Table, folder: Path, trees: list[Path]) -> None:
    root = DpkgRoot(folder / "dpkg")
    for number, tree in enumerate(trees):
        packed = folder / f"deb{number}"

        def filled(packed: Path, tree: Path = tree, number: int = number) -> None:
            (packed / "usr/share").mkdir(parents=True)
            subprocess.run(["cp", "-r", tree, packed / f"usr/share/bench{number}"], check=True, timeout=60)
            files = [f"usr/share/bench{number}/{file.name}" for file in tree.iterdir()]
            sums = subprocess.run(["md5sum", *files], cwd=packed, capture_output=True, check=True, timeout=60).stdout
            (packed / "DEBIAN/md5sums").write_bytes(sums)

        root.install(build_deb(packed, f"bench{number}", {}, prepare=filled, compression="none"))
    with_storage = Baselines(PackageEvidence(Database.open(folder / "database")))
    _ours(table, "dpkg, md5sums", root.root, None)
    _ours(table, "dpkg, first sight", root.root, with_storage)
    table.value("dpkg -V, CPU", cpu_of_command("dpkg", "--root", root.root, "-V") * 1000, "ms")


def _ours(table: Table, name: str, root: Path, baselines: Baselines | None) -> None:
    digests = DigestCache()

    def look() -> None:
        found = collect(PrefixedHost(root), Keyring(), digests, baselines=baselines)
        if len(found.packages) != PACKAGES or any(report.drift for report in found.packages):
            raise RuntimeError("the packages are not what they should be")

    table.value(f"fingerprints of {name}: first generation, CPU", cpu(look) * 1000, "ms")
    digests.forget()
    table.value(f"fingerprints of {name}: every file read again, CPU", cpu(look) * 1000, "ms")
    table.value(f"fingerprints of {name}: nothing has changed, CPU", cpu(look) * 1000, "ms")
