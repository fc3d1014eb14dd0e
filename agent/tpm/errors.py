"""How a TPM refuses, or is not there. Every error's `message` is for a person and says what to do."""

from __future__ import annotations

from typing import Final


class TpmError(Exception):
    """Base of all; `message` quotes nothing that came from outside."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class TpmAbsentError(TpmError):
    """There is no TPM 2.0 here, or none that the agent is to use."""


class TpmDeniedError(TpmError):
    """The agent's user may not use the TPM."""


class TpmUnusableError(TpmError):
    """The TPM can't be spoken to, or answers what is not TPM 2.0."""


class TpmTimeLimitError(TpmError):
    """The TPM did not answer in time, or others keep it busy."""


class TpmRefusedError(TpmError):
    """The TPM answered with an error. `command`: the one that it refuses; `code`: its response code."""

    def __init__(self, command: str, code: int) -> None:
        super().__init__(f"The TPM refuses {command} (response code 0x{code:03x}): {_meaning(code)}.")
        self.command = command
        self.code = code

    @property
    def base(self) -> int:
        """The response code without the number of the parameter, handle or session at fault (part 2, section 6.6)."""
        return base_code(self.code)


class TpmKeyLostError(TpmError):
    """A wrapped key is not one of this TPM."""


#: Bits of a response code: format one has its base in the lower bits, and says which parameter is at fault above.
_FORMAT_ONE: Final = 0x80
_FORMAT_ONE_BASE: Final = 0xBF
RC_SIZE: Final = 0x95
RC_INTEGRITY: Final = 0x9F
RC_TAG: Final = 0x01E

_MEANINGS: Final = {
    0x101: "it reports a failure of its own; if that stays, restart the machine",
    0x100: "it was not started up by the firmware",
    0x120: "it is disabled",
    0x143: "it does not have this command",
    0x902: "it has no room for another key; restart what else uses it",
    0x903: "it has no room for another session; restart what else uses it",
    0x921: "it is locked out after wrong authorizations; wait, or reset the lockout",
    0x922: "it is busy; try again",
    0x83: "it does not have this hash",
    0x84: "it does not have this value or algorithm",
    0x85: "the hierarchy is disabled in the firmware",
    0x87: "it does not have this key size",
    0x8E: "the hierarchy has an authorization value, which the agent does not know",
    0x92: "it does not have this scheme of signatures",
    0x9F: "the data are not its own",
    0xA2: "the hierarchy has an authorization value, which the agent does not know",
    0xA6: "it does not have this curve",
}


def base_code(code: int) -> int:
    return code & _FORMAT_ONE_BASE if code & _FORMAT_ONE else code


def _meaning(code: int) -> str:
    return _MEANINGS.get(base_code(code), "part 2, section 6.6 of the TPM 2.0 specification tells what it means")
