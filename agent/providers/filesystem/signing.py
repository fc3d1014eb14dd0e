"""Snapshots are signed by the system trustpoint, when it can."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.integrity.filesystem.inventory import Signature
from agent.pki.errors import PkiError
from agent.pki.trustpoint import SYSTEM_TRUSTPOINT
from agent.pki.trustpoint_store import TrustpointStore
from agent.storage.errors import StorageError
from agent.tpm.errors import TpmError

log = logging.getLogger(__name__)


def system_signing(store: TrustpointStore) -> Callable[[bytes], Signature | None]:
    """A function that signs; it gives None when the system trustpoint can't."""

    def sign(data: bytes) -> Signature | None:
        try:
            signer = store.signer(SYSTEM_TRUSTPOINT)
            return Signature(signer.algorithm, signer.sign(data), signer.chain)
        except (PkiError, StorageError, TpmError) as error:
            log.info("the snapshot of the file system is not signed: %s", type(error).__name__)
            return None

    return sign
