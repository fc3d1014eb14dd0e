"""What the files of a Debian package were when they were seen first: contents, modes, owners, links, capabilities.

dpkg keeps MD5 digests and nothing else. A regular file is believed at first sight only if its MD5 is that of dpkg; one
that is not keeps the digest of dpkg as its claim. Links, and folders that no other package has, are taken as they are.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable

from agent.host.contract import FileStatus
from agent.host.errors import AbsentError, HostError
from agent.integrity.packages.capabilities import CapabilityError
from agent.integrity.packages.fingerprint import FileClaim, FileClass, FileFacts
from agent.integrity.packages.measuring import Measurer

_DIGEST = "sha256"
_NOTHING = FileFacts(None, None, None, None, None)


def is_as_seen(claim: FileClaim) -> bool:
    """Whether a claim that was just made says what is on the disk, and not what should be there."""
    return claim.digest == _DIGEST and claim.override is None


def first_sight(
    measurer: Measurer,
    claims: Iterable[FileClaim],
    others: Iterable[FileClaim],
    is_shared: Callable[[str], bool],
    is_stopped: Callable[[], bool] = lambda: False,
) -> tuple[FileClaim, ...] | None:
    """The claims of a package at first sight; None while some of its software can't be read.

    Args:
        claims: of the regular files that dpkg has MD5 digests of.
        others: everything else that belongs to the package; what they claim is not looked at.
        is_shared: whether a path belongs to other packages too.
        is_stopped: whether nobody wants it any more: it is None then, too.
    """
    seen: list[FileClaim] = []
    for claim in claims:
        try:
            seen.append(_regular(measurer, claim))
        except AbsentError:
            seen.append(claim)
        except (HostError, CapabilityError):
            if claim.file_class is not FileClass.CONFIGURATION:
                return None
            seen.append(claim)
        if is_stopped():
            return None
    for claim in others:
        try:
            status = measurer.host.stat(claim.where, follow=False)
            if not stat.S_ISREG(status.file_type) and not (stat.S_ISDIR(status.file_type) and is_shared(claim.path)):
                seen.append(_claim(measurer, claim, status, measurer.small_value(claim.where, status)))
        except (HostError, CapabilityError):
            continue
    return tuple(seen)


def _regular(measurer: Measurer, claim: FileClaim) -> FileClaim:
    """The claim with all facts of its file if that is what dpkg has a digest of, else the claim as it is."""
    where = claim.where
    status = measurer.host.stat(where, follow=False)
    if not stat.S_ISREG(status.file_type):
        return claim
    md5, digest = measurer.host.digests(where, ("md5", _DIGEST))
    if md5.hex() != claim.facts.value:
        return claim
    measurer.digests.remember(status, _DIGEST, digest)
    return _claim(measurer, claim, status, digest.hex())


def _claim(measurer: Measurer, claim: FileClaim, status: FileStatus, value: str) -> FileClaim:
    """What is there, with owner and permissions as an override has them if there is one."""
    facts = measurer.everything(claim.where, status, value)
    override = claim.override
    if override is not None:
        mode = status.file_type | override.permissions
        owners = measurer.owner("user", override.user), measurer.owner("group", override.group)
        facts = FileFacts(mode, *owners, value, facts.capabilities)
    return FileClaim(claim.path, facts, claim.file_class, _DIGEST, claim.place, override=override)


def list_claim(path: str) -> FileClaim:
    """Of a path that dpkg lists without a digest."""
    return FileClaim(path, _NOTHING)
