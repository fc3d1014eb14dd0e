"""Known good values: made from package files, signed, and compared with what is installed."""

import base64
import contextlib
import json
import os
import subprocess
from hashlib import sha512

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import cli
from agent.host.rooted import RootedHost
from agent.integrity.content import BytesContent, joined
from agent.integrity.envelope import sign_envelope
from agent.integrity.packages import known_good
from agent.integrity.packages.known_good import KnownGoodError, Verdict
from agent.integrity.packages.measuring import DigestCache
from agent.integrity.packages.openpgp import Keyring
from agent.integrity.packages.package_files import PackageFileError, read_package_file
from agent.integrity.packages.package_set import collect
from tests.integrity.packages.deb_workshop import DpkgRoot
from tests.integrity.packages.deb_workshop import build as build_deb
from tests.integrity.packages.rpm_workshop import SMALL_SPEC, SPEC
from tests.integrity.packages.rpm_workshop import build as build_rpm


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """Files of a private and of its public key, made by openssl."""
    folder = tmp_path_factory.mktemp("keys")
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", folder / "key"], check=True, timeout=60)
    subprocess.run(
        ["openssl", "pkey", "-in", folder / "key", "-pubout", "-out", folder / "pem"], check=True, timeout=60
    )
    return folder / "key", folder / "pem"


@pytest.fixture(scope="module")
def deb(tmp_path_factory):
    files = {"/usr/share/a": "a\n", "/usr/share/b": "b\n", "/etc/a.conf": "c\n"}
    return build_deb(tmp_path_factory.mktemp("deb"), "tool-deb", files, conffiles=("/etc/a.conf",))


def kgv(key, folder, *packages):
    """What `trustconf kgv build` writes."""
    target = folder / "KGV.json"
    arguments = ["kgv", "build", *packages, "--sign-key", key[0], "-o", target]
    assert cli.main([str(argument) for argument in arguments]) == 0
    return target.read_text()


def trusted(key):
    return [serialization.load_pem_public_key(key[1].read_bytes())]


def packages(root):
    return collect(RootedHost(root.root), Keyring(), DigestCache()).packages


def test_the_value_of_an_rpm_is_that_of_the_installed_package(installed, signed_package, signing_key, key, tmp_path):
    values = known_good.read(kgv(key, tmp_path, signed_package), trusted(key))
    (report,) = packages(installed)
    assert values == {(report.id, "rpm-header"): report.install_time}
    (comparison,) = known_good.compare(values, [report])
    assert (comparison.install_time, comparison.run_time) == (Verdict.MATCH, Verdict.MATCH)
    (installed.root / "usr/bin/tool").chmod(0o755)
    (comparison,) = known_good.compare(values, packages(installed))
    assert (comparison.install_time, comparison.run_time) == (Verdict.MATCH, Verdict.MISMATCH)


def test_a_package_that_was_built_by_somebody_else(installed, signed_package, key, tmp_path):
    """The same name and version, other contents."""
    other = build_rpm(tmp_path / "other", SPEC.replace("echo program", "echo backdoor"))
    values = known_good.read(kgv(key, tmp_path, other), trusted(key))
    (comparison,) = known_good.compare(values, packages(installed))
    assert (comparison.install_time, comparison.run_time) == (Verdict.MISMATCH, Verdict.MISMATCH)


def test_a_package_that_the_values_don_t_know(installed, key, tmp_path):
    other = build_rpm(tmp_path / "other", SMALL_SPEC.format(name="small"))
    values = known_good.read(kgv(key, tmp_path, other), trusted(key))
    (comparison,) = known_good.compare(values, packages(installed))
    assert (comparison.install_time, comparison.run_time, comparison.known_good) == (
        Verdict.UNKNOWN,
        Verdict.UNKNOWN,
        "",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may install packages into a folder")
def test_the_value_of_a_deb_is_that_of_the_installed_package(deb, key, tmp_path):
    root = DpkgRoot(tmp_path / "root")
    root.install(deb)
    values = known_good.read(kgv(key, tmp_path, deb), trusted(key))
    (comparison,) = known_good.compare(values, packages(root))
    assert (comparison.install_time, comparison.run_time) == (Verdict.MATCH, Verdict.MATCH)
    # Somebody changes a file and the digest that dpkg has of it.
    (root.root / "usr/share/a").write_text("x\n")
    sums = root.root / "var/lib/dpkg/info/tool-deb.md5sums"
    digest = subprocess.run(["md5sum"], input=b"x\n", capture_output=True, check=True, timeout=60).stdout[:32].decode()
    sums.write_text(digest + sums.read_text()[32:])
    (comparison,) = known_good.compare(values, packages(root))
    assert comparison.report.install_time == comparison.report.run_time
    assert (comparison.install_time, comparison.run_time) == (Verdict.MISMATCH, Verdict.MISMATCH)


def test_only_who_is_trusted_says_what_is_good(deb, key, tmp_path):
    text = kgv(key, tmp_path, deb)
    stranger = ed25519.Ed25519PrivateKey.generate().public_key()
    for keys in ([], [stranger]):
        with pytest.raises(KnownGoodError, match="None of the pinned keys") as caught:
            known_good.read(text, keys)
        assert caught.value.is_untrusted
    assert known_good.read(text, [stranger, *trusted(key)])


def test_openssl_verifies_the_signature(deb, key, tmp_path):
    """docs/envelope.md: the version behind an empty nonce, the digests of the payload and of the lines before it."""
    text = kgv(key, tmp_path, deb)
    envelope = json.loads(text)
    payload = base64.b64decode(envelope["payload"])
    assert json.loads(payload)["packages"][0]["name"] == "tool-deb"
    head = text[2 : text.index('"payload"')].encode()
    (tmp_path / "data").write_bytes(b"\0\0\0\x02" + sha512(payload).digest() + sha512(head).digest())
    (tmp_path / "signature").write_bytes(base64.b64decode(envelope["signature"]))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key[1], "-rawin", "-in", tmp_path / "data"]
    done = subprocess.run([*command, "-sigfile", tmp_path / "signature"], capture_output=True, timeout=60, check=False)
    assert b"Verified Successfully" in done.stdout


@pytest.mark.parametrize("text", ["", "{}", "{\n}\n", "[" * 100_000])
def test_other_texts_are_no_known_good_values(text):
    with pytest.raises(KnownGoodError, match="not a signed envelope"):
        known_good.read(text, [])


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{}", b"[" * 100_000, b'{"format":"trustconf-kgv","version":2,"algorithm":"fp1","packages":[]}']
    + [b'{"format":"trustconf-kgv","version":1,"algorithm":"fp1","packages":[%b]}' % each for each in (b"1", b"{}")],
)
def test_other_contents_under_a_good_signature(payload, key):
    signer = known_good.load_signing_key(key[0].read_bytes())
    signed = sign_envelope(BytesContent(payload), nonce=None, signer=signer, include_certificate=False)
    text = joined(signed).decode()
    with pytest.raises(KnownGoodError, match="does not hold a KGV"):
        known_good.read(text, trusted(key))


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_changed_header_of_a_package_file(signed_package, tmp_path):
    content = signed_package.read_bytes()
    assert content.count(b"/usr/lib/tool/") >= 1
    (tmp_path / "a.rpm").write_bytes(content.replace(b"/usr/lib/tool/", b"/usr/lib/t00l/", 1))
    with pytest.raises(PackageFileError, match="digest"):
        read_package_file(tmp_path / "a.rpm")


def test_a_debian_package_that_lies_about_its_digests(deb, tmp_path):
    """The value is of what is in it."""
    good = read_package_file(deb)
    tree = tmp_path / "tree"
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True, timeout=60)
    (tree / "usr/share/a").write_text("backdoor\n")
    subprocess.run(["dpkg-deb", "-b", tree, tmp_path / "a.deb"], check=True, timeout=60, capture_output=True)
    bad = read_package_file(tmp_path / "a.deb")
    assert [each.basis.value for each in bad] == ["deb", "md5sums"]
    assert all(one.value != other.value for one, other in zip(bad, good, strict=True))
    (tree / "DEBIAN/md5sums").write_text("0" * 32 + "  usr/share/nothing\n")
    subprocess.run(["dpkg-deb", "-b", tree, tmp_path / "b.deb"], check=True, timeout=60, capture_output=True)
    with pytest.raises(PackageFileError, match="does not have"):
        read_package_file(tmp_path / "b.deb")


@pytest.mark.parametrize("compression", ["gzip", "xz", "zstd", "none"])
def test_debian_packages_of_every_compression(deb, tmp_path, compression):
    tree = tmp_path / "tree"
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True, timeout=60)
    command = ["dpkg-deb", f"-Z{compression}", "-b", tree, tmp_path / "a.deb"]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert read_package_file(tmp_path / "a.deb") == read_package_file(deb)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_package_file_is_read_or_refused(deb, signed_package, tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from([deb, signed_package])).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.getbasetemp() / f"any-{os.getpid()}"
    file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(PackageFileError):
        assert {len(each.value) for each in read_package_file(file)} == {64}


# --- the command -----------------------------------------------------------------------------------------------------


def command(*arguments, capsys):
    status = cli.main(["kgv", "build", *map(str, arguments)])
    return status, capsys.readouterr()


def test_what_a_person_may_get_wrong(deb, key, tmp_path, capsys):
    (tmp_path / "text").write_text("text\n")
    for arguments, message in (
        ((tmp_path / "text", "--sign-key", key[0]), "neither an rpm nor a Debian package"),
        ((deb, "--sign-key", key[1]), "not an unencrypted private key"),
        ((tmp_path / "nothing", "--sign-key", key[0]), "No such file"),
    ):
        status, printed = command(*arguments, capsys=capsys)
        assert status == 1
        assert printed.out == ""
        assert printed.err.startswith("trustconf: ")
        assert message in printed.err
        assert printed.err.count("\n") == 1


def test_without_a_file_the_values_are_printed(deb, key, capsys):
    status, printed = command(deb, "--sign-key", key[0], capsys=capsys)
    assert status == 0
    assert known_good.read(printed.out, trusted(key))
