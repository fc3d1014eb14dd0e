"""Debian packages that apt has downloaded, and which of them a pinned key vouches for.

The chain: a pinned key has signed a Release file, that has the SHA-256 of an index, that has the SHA-256 of the package
file. All of it lies where apt keeps it; nothing is asked for over the network. Which package a file is, is said by the
file itself, never by its name.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import lz4.frame
import zstandard

from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.packages.deb_file import MAX_WINDOW_BYTES
from agent.integrity.packages.measuring import DigestCache
from agent.integrity.packages.openpgp import Keyring

#: Where package files may be: apt's own archive, and the folder of the hook in docs/fingerprint.md.
ARCHIVES = ("/var/cache/apt/archives", "/var/cache/trustconf/packages")
LISTS = "/var/lib/apt/lists"
MAX_ENTRIES = 100_000
MAX_RELEASE_BYTES = 16 * 1024 * 1024
#: Of an index, unpacked. Debian's largest has 50 MiB.
MAX_INDEX_BYTES = 256 * 1024 * 1024
MAX_DEB_BYTES = 4 * 1024 * 1024 * 1024

_DIGEST = "sha256"
_RELEASE_LINE = re.compile(rb"^ ([0-9a-f]{64}) +[0-9]+ (\S+)$", re.MULTILINE)
_INDEX_LINE = re.compile(rb"^SHA256: ([0-9a-f]{64})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ArchivedDeb:
    """A package file that a pinned key vouches for."""

    path: str
    digest: str
    signer: str


def archived(host: Host) -> dict[str, list[str]]:
    """The package files on this host: name of the file -> paths."""
    found: dict[str, list[str]] = {}
    for folder in ARCHIVES:
        try:
            names = host.list_dir(folder, MAX_ENTRIES)
        except HostError:
            continue
        for name in names:
            if name.endswith(".deb"):
                found.setdefault(name, []).append(f"{folder}/{name}")
    return found


def file_name(name: str, version: str, architecture: str) -> str:
    """What apt calls the file of a package."""
    return f"{name}_{version.replace('%', '%25').replace(':', '%3a')}_{architecture}.deb"


def lists_stamp(host: Host) -> int:
    """Another one when apt has fetched indexes since."""
    try:
        return host.stat(LISTS).modified_ns
    except HostError:
        return 0


def vouched_for(host: Host, keyring: Keyring, digests: DigestCache, paths: Iterable[str]) -> list[ArchivedDeb]:
    """Those of the package files that are in a signed index."""
    wanted: dict[str, str] = {}
    for path in paths:
        try:
            wanted[path] = _file_digest(host, digests, path)
        except HostError:
            continue
    if not wanted:
        return []
    signers = _signers(host, keyring, frozenset(wanted.values()))
    return [ArchivedDeb(path, digest, signers[digest]) for path, digest in wanted.items() if digest in signers]


def _file_digest(host: Host, digests: DigestCache, path: str) -> str:
    status = host.stat(path, follow=False)
    return digests.digest(status, _DIGEST, lambda: host.digest_file(path, _DIGEST))


def _signers(host: Host, keyring: Keyring, wanted: frozenset[str]) -> dict[str, str]:
    """Digest of a package file -> the key that vouches for it."""
    try:
        names = host.list_dir(LISTS, MAX_ENTRIES)
    except HostError:
        return {}
    indexes: dict[str, str] = {}
    for name in names:
        signer, release = _release(host, keyring, name)
        if signer:
            for digest, listed in _RELEASE_LINE.findall(release):
                if listed.rpartition(b"/")[2] == b"Packages":
                    indexes.setdefault(digest.decode(), signer)
    signers: dict[str, str] = {}
    if not indexes:
        return signers
    for name in names:
        content = _index(host, name)
        signer = "" if content is None else indexes.get(hashlib.sha256(content).hexdigest(), "")
        if signer and content is not None:
            found = {digest.decode() for digest in _INDEX_LINE.findall(content)}
            signers |= dict.fromkeys(found & wanted, signer)
    return signers


def _release(host: Host, keyring: Keyring, name: str) -> tuple[str, bytes]:
    """The key that has signed a Release file, and what it has signed; "" if this is none, or not signed by one."""
    try:
        if name.endswith("_InRelease"):
            return keyring.signer_of_text(host.read_file(f"{LISTS}/{name}", MAX_RELEASE_BYTES))
        if name.endswith("_Release"):
            content = host.read_file(f"{LISTS}/{name}", MAX_RELEASE_BYTES)
            signatures = host.read_file(f"{LISTS}/{name}.gpg", MAX_RELEASE_BYTES)
            return keyring.signer_of_file(signatures, content), content
    except HostError:
        pass
    return "", b""


def _index(host: Host, name: str) -> bytes | None:
    """The unpacked content of a list of packages; None if this is none, or can't be read."""
    stem, packages, suffix = name.rpartition("_Packages")
    unpack = _UNPACKERS.get(suffix) if stem and packages else None
    if unpack is None:
        return None
    try:
        content = unpack(host.read_file(f"{LISTS}/{name}", MAX_INDEX_BYTES))
    except (HostError, OSError, EOFError, ValueError, RuntimeError, zlib.error, lzma.LZMAError, zstandard.ZstdError):
        return None
    return content if len(content) <= MAX_INDEX_BYTES else None


def _zstandard(content: bytes) -> bytes:
    with zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES).stream_reader(content) as reader:
        return reader.read(_ONE_TOO_MANY)


_ONE_TOO_MANY = MAX_INDEX_BYTES + 1
_UNPACKERS: Mapping[str, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    ".gz": lambda content: zlib.decompressobj(wbits=31).decompress(content, _ONE_TOO_MANY),
    ".xz": lambda content: lzma.LZMADecompressor().decompress(content, _ONE_TOO_MANY),
    ".bz2": lambda content: bz2.BZ2Decompressor().decompress(content, _ONE_TOO_MANY),
    ".lz4": lambda content: lz4.frame.LZ4FrameDecompressor().decompress(content, _ONE_TOO_MANY),
    ".zst": _zstandard,
}
