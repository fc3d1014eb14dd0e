"""What a TPM has signed: TPMS_ATTEST with a quote in it (TPM 2.0 part 2, section 10.12).

Read strictly, for it may come from anybody: sizes are limited, and nothing may follow.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.tpm.structures import read_selection_list
from agent.tpm.wire import Reader, WireError

#: TPM_GENERATED_VALUE: nothing that a TPM signs for others begins so, unless the TPM itself has made it.
_GENERATED = 0xFF544347
_QUOTE = 0x8018

_MAX_NAME = 68
_MAX_EXTRA_DATA = 66
_MAX_DIGEST = 64


class AttestationError(ValueError):
    """The bytes are no quote of a TPM. The text says in what, without quoting them."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """A quote's statement.

    Attributes:
        qualified_signer: the qualified name of the key that signed it.
        extra_data: what the asker wanted in it.
        clock: milliseconds that the TPM has been on, over all its life.
        reset_count: how often it was powered up since its owner was cleared; a new number is a new boot.
        restart_count: how often it was resumed since then.
        is_clock_safe: `clock` was never higher.
        firmware: version of the TPM's firmware, a number of 64 bits.
        selection: bank -> the registers that are quoted, in the order in which they are digested.
        pcr_digest: the digest of their values, one after the other, by the hash of the signature.
    """

    qualified_signer: bytes
    extra_data: bytes
    clock: int
    reset_count: int
    restart_count: int
    is_clock_safe: bool
    firmware: int
    selection: dict[str, tuple[int, ...]]
    pcr_digest: bytes

    @property
    def firmware_version(self) -> str:
        """As people write it: "8217.4131.22.13878"."""
        return ".".join(str(self.firmware >> shift & 0xFFFF) for shift in (48, 32, 16, 0))


def read_attestation(data: bytes) -> Attestation:
    """Raises AttestationError."""
    reader = Reader(data)
    try:
        if reader.u32() != _GENERATED:
            raise AttestationError("it was not made by a TPM")
        if reader.u16() != _QUOTE:
            raise AttestationError("it is no quote, but something else that a TPM has signed")
        found = Attestation(
            qualified_signer=reader.sized(_MAX_NAME),
            extra_data=reader.sized(_MAX_EXTRA_DATA),
            clock=reader.u64(),
            reset_count=reader.u32(),
            restart_count=reader.u32(),
            is_clock_safe=reader.u8() == 1,
            firmware=reader.u64(),
            selection=read_selection_list(reader),
            pcr_digest=reader.sized(_MAX_DIGEST),
        )
        reader.end()
    except WireError as error:
        raise AttestationError(str(error)) from None
    return found
