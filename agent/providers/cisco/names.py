"""Which of our names can be said in the models of Cisco: their type Cisco-ios-xr-string has fewer characters."""

from __future__ import annotations

import re
from typing import Final

_CISCO_NAME: Final = re.compile(r"[A-Za-z0-9_.:,@#%$+=|;-]+")


def is_cisco_name(name: str) -> bool:
    """True if `name` is a Cisco-ios-xr-string. Entries with other names are left out of Cisco-named lists."""
    return _CISCO_NAME.fullmatch(name) is not None
