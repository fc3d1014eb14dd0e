"""What happens to key pairs, in the guide's log messages ("System Logs and Error Messages").

The names of the loggers and the texts are the guide's, so that whoever looks for them in a log finds them. All are
informational there, and so they are here.
"""

from __future__ import annotations

import logging
from typing import Final

from agent.pki.errors import KeyOwnedByConfigurationError

#: The process that keeps keys, and the one that runs commands.
_CEPKI: Final = logging.getLogger("cepki")
_CE_CMD: Final = logging.getLogger("ce_cmd")


def log_key_info(text: str) -> None:
    """A key pair was generated or zeroized."""
    _CEPKI.info("%%SECURITY-CEPKI-6-KEY_INFO : %s", text)


def log_zeroizing_refused() -> None:
    """Nobody but the configuration may delete a key pair of the configuration."""
    _CE_CMD.info("%%SECURITY-CEPKI-6-ERR_2 : %s", KeyOwnedByConfigurationError.NOT_PERMITTED)


def log_overwriting_refused() -> None:
    """Nobody but the configuration may replace a key pair of the configuration."""
    log_zeroizing_refused()
    _CE_CMD.info("%%SECURITY-CEPKI-6-ERR : %s", KeyOwnedByConfigurationError.REASON)
