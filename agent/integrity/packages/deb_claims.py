"""What a Debian package claims of its files, in full: contents, modes, owners, links and capabilities.

Folders are not claimed: dpkg leaves a folder that is there already as it is, so what is packaged says nothing of it.
"""

from __future__ import annotations

import stat

from agent.integrity.packages.deb_file import Deb
from agent.integrity.packages.fingerprint import FileClaim, FileClass, FileFacts

DIGEST = "sha256"


def deb_claims(deb: Deb) -> tuple[FileClaim, ...]:
    """The claims of a package that was read with the SHA-256 of its files."""
    return tuple(
        FileClaim(
            entry.path,
            FileFacts(entry.mode, entry.user, entry.group, entry.digests.get(DIGEST, entry.value), entry.capabilities),
            FileClass.CONFIGURATION if entry.path in deb.conffiles else FileClass.SOFTWARE,
            DIGEST,
        )
        for entry in deb.entries
        if not stat.S_ISDIR(entry.mode)
    )
