"""Proprietary-password: "!" and the password itself, or its type 7 text; either is sealed before it is stored.

Type 7 hides a password from somebody who looks over a shoulder and from nobody else: the key is public. Text of this
device (agent/providers/secrets.py) stays as it is, so that a saved configuration can be loaded again.
"""

from __future__ import annotations

import re
from itertools import cycle, islice
from typing import Final

from agent.northbound.contract import LeafRewriter
from agent.northbound.errors import ProviderError

_CLEAR_TEXT: Final = "!"
_SEALED: Final = "$sealed$"
#: Characters of a password, as in our own modules (typedef secret).
_MAX_LENGTH: Final = 1024
_TYPE_7: Final = re.compile(r"([0-9]{2})((?:[0-9A-Fa-f]{2})+)")
_TYPE_7_KEY: Final = b"dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87"


def proprietary_password_rewriter(seal: LeafRewriter) -> LeafRewriter:
    """What a client sets -> what is stored. `seal` is given a password, or text that it made itself."""

    def rewrite(text: str) -> str:
        if text.startswith(_SEALED):
            return seal(text)
        password = text.removeprefix(_CLEAR_TEXT) if text.startswith(_CLEAR_TEXT) else _decoded(text)
        if password is None or password.startswith(_SEALED):
            raise ProviderError(
                "invalid-value",
                "This is no type 7 text: give ! and the password itself, or the type 7 text of the password.",
                app_tag="invalid-password",
            )
        if len(password) > _MAX_LENGTH:
            raise ProviderError(
                "invalid-value",
                f"A password has at most {_MAX_LENGTH} characters: give a shorter one.",
                app_tag="invalid-password",
            )
        return seal(password)

    return rewrite


def _decoded(text: str) -> str | None:
    """The password of a type 7 text; None if it is none."""
    match = _TYPE_7.fullmatch(text)
    if match is None:
        return None
    start = int(match[1]) % len(_TYPE_7_KEY)
    key = islice(cycle(_TYPE_7_KEY), start, None)
    try:
        return bytes(hidden ^ of_key for hidden, of_key in zip(bytes.fromhex(match[2]), key, strict=False)).decode()
    except UnicodeDecodeError:
        return None
