"""Passwords in the configuration that the device must be able to use: sealed as they enter a datastore (typedef
secret), and opened only where they are used. A sealed one that is set again, as clients do that send back what they
have read, stays as it is.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Final

from agent.northbound.errors import ProviderError
from agent.storage.errors import StorageError
from agent.storage.sealing import Sealer

_SEALED: Final = "$sealed$"
#: Where these secrets belong (sealing.py); which leaf it is, they can't know.
_CONTEXT: Final = b"configuration secret"


def sealing_rewriter(sealer: Sealer) -> Callable[[str], str]:
    """Makes what a client sets into what is stored."""

    def rewrite(text: str) -> str:
        if not text.startswith(_SEALED):
            return _SEALED + base64.b64encode(sealer.seal(text.encode(), _CONTEXT)).decode()
        try:
            open_secret(text, sealer)
        except (StorageError, ValueError):
            raise ProviderError(
                "invalid-value",
                "This password was sealed by another device, or is damaged: set it in clear text.",
                app_tag="invalid-secret",
            ) from None
        return text

    return rewrite


def open_secret(text: str, sealer: Sealer) -> str:
    """The password again. Raises SealingError, MasterKeyError, ValueError."""
    try:
        sealed = base64.b64decode(text.removeprefix(_SEALED), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    return sealer.open(sealed, _CONTEXT).decode()
