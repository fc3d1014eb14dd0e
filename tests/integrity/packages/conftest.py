"""Workshops that make real packages, once for a module."""

import os

import pytest

from tests.integrity.packages.apt_workshop import AptRoot, Debs
from tests.integrity.packages.rpm_workshop import RpmRoot, SigningKey, build, run


@pytest.fixture(scope="session")
def signing_key():
    key = SigningKey()
    yield key
    key.close()


@pytest.fixture(scope="session")
def signed_package(signing_key, tmp_path_factory):
    """The file of the package "tool", signed."""
    package = build(tmp_path_factory.mktemp("rpmbuild"))
    signing_key.sign(package)
    return package


@pytest.fixture(scope="session")
def pristine(signed_package, signing_key, tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("only root may install packages into a folder")
    folder = tmp_path_factory.mktemp("installed")
    root = RpmRoot(folder / "root")
    root.trust(signing_key, folder)
    root.install(signed_package)
    return root


@pytest.fixture
def installed(pristine, tmp_path):
    """A root with "tool" in it of the test's own."""
    return copied(pristine, tmp_path / "root")


def copied(pristine, folder):
    # cp keeps owners, capabilities, hard links and device files.
    run("cp", "-a", pristine.root, folder)
    copy = RpmRoot.__new__(RpmRoot)
    copy.root = folder
    copy.options = (*pristine.options[:3], str(copy.root), *pristine.options[4:])
    return copy


@pytest.fixture(scope="session")
def debs(tmp_path_factory):
    """The Debian packages "tool" and "other" and a repository with them."""
    made = Debs(tmp_path_factory.mktemp("debs"))
    yield made
    made.key.close()


@pytest.fixture(scope="session")
def apt_pristine(debs, tmp_path_factory):
    """Where apt has installed both."""
    if os.geteuid() != 0:
        pytest.skip("only root may install packages into a folder")
    root = AptRoot(tmp_path_factory.mktemp("apt") / "root", debs.repository)
    (root.root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\ndaemon:x:1:1::/:/bin/sh\n")
    (root.root / "etc/group").write_text("root:x:0:\ndaemon:x:1:\n")
    root.get("install", "tool", "other")
    return root
