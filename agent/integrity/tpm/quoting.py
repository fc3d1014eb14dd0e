"""Quotes by the machine's TPM.

They are signed by an attestation key: a restricted key on P-256 in the endorsement hierarchy, which signs nothing that
was made outside of the TPM. The TPM derives it from its seed whenever it is needed, always the same one, so that
nothing is stored; it survives that the owner is cleared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from agent.integrity.tpm.attestation import AttestationError, read_attestation
from agent.integrity.tpm.quote import Quote, has_values
from agent.tpm.commands import ENDORSEMENT
from agent.tpm.device import Tpm
from agent.tpm.errors import TpmUnusableError
from agent.tpm.structures import REGISTERS, Selection, attestation_key, public_key_der

#: The registers that can be quoted.
ALL_REGISTERS: Final = range(REGISTERS)
#: What is quoted if nothing else is asked for: firmware, its settings and boot loader (0 to 9), IMA (10), keys of the
#: owner's own boot loader (14).
DEFAULT_REGISTERS: Final = (*range(11), 14)
#: The banks of which the first that the TPM has is quoted.
_PREFERRED_BANKS: Final = ("sha256", "sha384", "sha512", "sha1")
#: Tells our key from others that are derived alike.
_UNIQUE: Final = hashlib.sha256(b"trustconf attestation key").digest()
#: The hash of the attestation key's signatures.
_DIGEST: Final = "sha256"
#: Registers go on while they are quoted: values and quote are taken again until they agree.
_ATTEMPTS: Final = 8


@dataclass(frozen=True, slots=True)
class TpmDescription:
    """What a TPM is: nothing of this changes while the machine runs.

    Attributes:
        manufacturer: its letters, "IFX", "NTC", "IBM" (swtpm).
        firmware: its firmware's version, "7.85.4555.0".
        banks: the banks of registers that are in use, and their registers.
        attestation_key: SubjectPublicKeyInfo (DER) of the key that signs quotes.
    """

    manufacturer: str
    firmware: str
    banks: Mapping[str, tuple[int, ...]]
    attestation_key: bytes


class Quoter(Protocol):
    """Quotes the registers of a TPM. All methods raise TpmError."""

    def require(self) -> None:
        """Nothing, if there is a TPM that can be asked: to refuse early what would fail at its end."""

    def quote(
        self, extra_data: bytes, selection: Selection | None = None, *, registers: Sequence[int] = DEFAULT_REGISTERS
    ) -> Quote:
        """A quote over `extra_data` (at most 64 bytes) and registers: those of `selection`, or `registers` of the usual
        bank, ascending."""


class TpmQuoter:
    """The machine's TPM. Safe to use from any number of threads."""

    def __init__(self, tpm: Tpm) -> None:
        self._tpm = tpm

    def require(self) -> None:
        with self._tpm.session() as commands:
            commands.banks()

    def quote(
        self, extra_data: bytes, selection: Selection | None = None, *, registers: Sequence[int] = DEFAULT_REGISTERS
    ) -> Quote:
        with self._tpm.session() as commands:
            wanted = selection or {usual_bank(commands.banks()): registers}
            with commands.primary(ENDORSEMENT, attestation_key(_UNIQUE)) as (key, public):
                for _ in range(_ATTEMPTS):
                    values = {bank: commands.registers(bank, numbers) for bank, numbers in wanted.items()}
                    attest, signature = commands.quote(key, extra_data, wanted)
                    if _agree(attest, values):
                        return Quote(public_key_der(public), attest, signature, values)
        raise TpmUnusableError("The registers of the TPM change faster than they are quoted; try again.")

    def describe(self) -> TpmDescription:
        """What it is. Raises TpmError."""
        with self._tpm.session() as commands:
            manufacturer, firmware = commands.identity()
            banks = commands.banks()
            with commands.primary(ENDORSEMENT, attestation_key(_UNIQUE)) as (_, public):
                return TpmDescription(manufacturer, firmware, banks, public_key_der(public))

    def registers(self) -> dict[str, dict[int, bytes]]:
        """The values of all registers of the usual bank, unsigned. Raises TpmError."""
        with self._tpm.session() as commands:
            banks = commands.banks()
            bank = usual_bank(banks)
            return {bank: commands.registers(bank, banks[bank])}


def usual_bank(banks: dict[str, tuple[int, ...]]) -> str:
    """The bank to quote. Raises TpmUnusableError."""
    bank = next((bank for bank in _PREFERRED_BANKS if bank in banks), None)
    if bank is None:
        raise TpmUnusableError("The TPM has no bank of registers with SHA-2 or SHA-1; switch one on in the firmware.")
    return bank


def _agree(attest: bytes, values: dict[str, dict[int, bytes]]) -> bool:
    try:
        return has_values(read_attestation(attest), values, _DIGEST)
    except AttestationError as error:
        raise TpmUnusableError("The TPM has answered what is no quote.") from error
