"""One file as a line of a snapshot: JSON in one form only, so that a digest over it can be computed by anybody.

A line is what `json.dumps(record, sort_keys=True, separators=(",", ":"))` gives, in ASCII, with a line feed. It is put
together by hand here, because a first snapshot has a million of them; `canonical` is the same for everything else.
"""

from __future__ import annotations

import json
import os
from binascii import b2a_base64
from collections.abc import Mapping
from enum import StrEnum
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, Final

from agent.integrity.filesystem.paths import shown_path


class ChangeKind(StrEnum):
    """What has become of a file since the last snapshot, in Cisco's words."""

    CREATED = "change-kind-created"
    CONTENTS = "change-kind-contents-modified"
    DELETED = "change-kind-deleted"
    METADATA = "change-kind-meta-data-modified"


class Classification(StrEnum):
    """What a file is for, in Cisco's words (and spelling)."""

    UNCLASSIFIED = "unclassified"
    EXECUTABLE = "executable"
    DIRECTORY = "direct-ory"
    CONFIG = "config"
    VOLATILE = "volatile"
    LIBRARY = "library"


class PackageKind(StrEnum):
    """Who has a file in the list of a package. Cisco's model knows rpm only; `package-dpkg` is ours."""

    RPM = "package-rpm"
    DPKG = "package-dpkg"
    ANONYMOUS = "package-anonymous"


DIGEST_ALGORITHM: Final = "sha256"
#: What stands for a digest of a file that could not be read, or is larger than it may be.
DIGEST_INVALID: Final = "digest-invalid"


def canonical(record: Mapping[str, Any]) -> bytes:
    """A JSON object in the one form that digests are over, with its line feed."""
    return _CANONICAL.encode(record).encode("ascii") + b"\n"


#: `json.dumps` would make one for each record.
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def owner_members(kind: PackageKind, name: str, version: str) -> str:
    """The last members of a line, which are the same for all files of a package."""
    if kind is PackageKind.ANONYMOUS:
        return f'"package-kind":"{kind}"}}\n'
    return f'"package-kind":"{kind}","package-name":{quoted(name)},"package-version":{quoted(version)}}}\n'


ANONYMOUS: Final = owner_members(PackageKind.ANONYMOUS, "", "")


def present_line(
    path: bytes,
    status: os.stat_result,
    classification: Classification,
    owner: str,
    *,
    digest: bytes | None,
    has_content: bool,
    capabilities: str,
    change: ChangeKind | None,
) -> bytes:
    """The line of a file that is there.

    `owner` is from `owner_members`. `has_content`: it is a regular file or a link, so that the absence of a digest is
    told. `change` is None for a file that has not changed, in a full snapshot.
    """
    if digest is not None:
        value = b2a_base64(digest, newline=False).decode("ascii")
        content = f'"digest":{{"algorithm":"{DIGEST_ALGORITHM}","digest-value":"{value}"}},'
    else:
        content = f'"digest":{{"algorithm":"{DIGEST_INVALID}","digest-value":""}},' if has_content else ""
    extra = f'"capabilities":{quoted(capabilities)},' if capabilities else ""
    kind = f'"change-kind":"{change}",' if change is not None else ""
    # As a tuple, a status has whole seconds.
    mode, inode, device, _, user, group, size, atime, mtime, ctime = status
    return (
        f'{{{extra}{kind}"classification":"{classification}",{content}"meta":{{'
        f'"atime":{atime},"blocks":{status.st_blocks},"ctime":{ctime},"devid":{device},"gid":{group},"inode":{inode},'
        f'"mode":{mode},"mtime":{mtime},"size":{size},"uid":{user}}},"name":{quoted(shown_path(path))},{owner}'
    ).encode("ascii")


def deleted_line(path: bytes, classification: Classification, owner: str) -> bytes:
    """The line of a file that is gone: nothing is known of what it was but its name, its owner and what it was for."""
    return (
        f'{{"change-kind":"{ChangeKind.DELETED}","classification":"{classification}",'
        f'"name":{quoted(shown_path(path))},{owner}'
    ).encode("ascii")
