"""The commands that the agent gives a TPM (part 3), and nothing else of it.

Keys and hierarchies are used with empty authorization values: the agent keeps no secret that would open them. Whoever
may open the device may use it as well; what the agent's keys are worth follows from who that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from agent.clock import Clock
from agent.tpm.errors import TpmError, TpmRefusedError, TpmUnusableError
from agent.tpm.structures import (
    Algorithm,
    Selection,
    Signature,
    read_selection_list,
    read_signature,
    selection_list,
)
from agent.tpm.transport import HEADER, Transport
from agent.tpm.wire import Reader, sized, u16, u32

#: Seconds that a command may take. Making an RSA key takes a TPM half a minute, sometimes more.
COMMAND_SECONDS: Final = 15.0
MAKING_SECONDS: Final = 90.0

OWNER: Final = 0x40000001
ENDORSEMENT: Final = 0x4000000B
_NULL_HIERARCHY: Final = 0x40000007

_NO_SESSIONS: Final = 0x8001
_SESSIONS: Final = 0x8002
_HASH_CHECK: Final = 0x8024
#: One session, TPM_RS_PW, with an empty password.
_EMPTY_PASSWORD: Final = u32(0x40000009) + sized(b"") + b"\x01" + sized(b"")

_MAX_AREA: Final = 2048
_MAX_DIGEST: Final = 64
#: Digests in one response to PCR_Read.
_MAX_DIGESTS: Final = 8

_CREATE_PRIMARY: Final = 0x131
_CREATE: Final = 0x153
_LOAD: Final = 0x157
_QUOTE: Final = 0x158
_SIGN: Final = 0x15D
_RSA_DECRYPT: Final = 0x159
_FLUSH_CONTEXT: Final = 0x165
_GET_CAPABILITY: Final = 0x17A
_PCR_READ: Final = 0x17E

_CAP_PCRS: Final = 5
_CAP_TPM_PROPERTIES: Final = 6
_PT_MANUFACTURER: Final = 0x105
_PT_FIRMWARE: Final = 0x10B

_NAMES: Final = {
    _CREATE_PRIMARY: "CreatePrimary",
    _CREATE: "Create",
    _LOAD: "Load",
    _QUOTE: "Quote",
    _SIGN: "Sign",
    _RSA_DECRYPT: "RSA_Decrypt",
    _FLUSH_CONTEXT: "FlushContext",
    _GET_CAPABILITY: "GetCapability",
    _PCR_READ: "PCR_Read",
}


class Commands:
    """Commands on one connection. Every method raises TpmError, or WireError when the answer is none."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        #: The transport has given up: nothing more can be said on this connection.
        self._is_over = False

    def banks(self) -> dict[str, tuple[int, ...]]:
        """The banks of registers that are in use, and their registers."""
        return read_selection_list(self._capability(_CAP_PCRS, 0))

    def identity(self) -> tuple[str, str]:
        """The manufacturer's letters, and the firmware's version, "8217.4131.22.13878"."""
        manufacturer = self._property(_PT_MANUFACTURER)
        letters = "".join(chr(byte) for byte in manufacturer.to_bytes(4, "big") if 0x21 <= byte <= 0x7E)
        versions = [self._property(_PT_FIRMWARE + number) for number in range(2)]
        return letters, ".".join(str(half) for version in versions for half in (version >> 16, version & 0xFFFF))

    def registers(self, bank: str, numbers: Sequence[int]) -> dict[int, bytes]:
        """The values of registers of one bank; those that the bank does not have are left out. A TPM that does not
        have the bank at all refuses."""
        values: dict[int, bytes] = {}
        wanted = sorted(set(numbers))
        while wanted:
            # A response has eight values at most, and says of which registers.
            reader = self._ask(_PCR_READ, parameters=selection_list({bank: wanted}))
            reader.u32()
            found = read_selection_list(reader).get(bank, ())
            digests = [reader.sized(_MAX_DIGEST) for _ in range(min(reader.u32(), _MAX_DIGESTS))]
            if not found or len(found) != len(digests) or not set(found) <= set(wanted):
                break
            values.update(zip(found, digests, strict=True))
            wanted = [number for number in wanted if number not in found]
        return values

    @contextmanager
    def primary(self, hierarchy: int, public: bytes) -> Iterator[tuple[int, bytes]]:
        """The key that the hierarchy's seed and `public` give, always the same: handle and public area; gone at the
        end of the block."""
        handle, reader = self._make(_CREATE_PRIMARY, hierarchy, public)
        with self._flushed(handle):
            yield handle, reader.sized(_MAX_AREA)

    def create(self, parent: int, public: bytes) -> tuple[bytes, bytes]:
        """A new key under `parent`: its private area, wrapped, and its public area."""
        _, reader = self._make(_CREATE, parent, public)
        return reader.sized(_MAX_AREA), reader.sized(_MAX_AREA)

    @contextmanager
    def loaded(self, parent: int, private: bytes, public: bytes) -> Iterator[int]:
        """The handle of a key that `create` has made; gone at the end of the block."""
        reader = self._ask(_LOAD, handle=parent, parameters=sized(private) + sized(public), returns_handle=True)
        handle = reader.u32()
        with self._flushed(handle):
            yield handle

    def sign(self, key: int, digest: bytes, scheme: Algorithm, hash_algorithm: Algorithm) -> Signature:
        """The signature of an unrestricted key over a digest."""
        ticket = u16(_HASH_CHECK) + u32(_NULL_HIERARCHY) + sized(b"")
        parameters = sized(digest) + u16(scheme) + u16(hash_algorithm) + ticket
        return read_signature(self._ask(_SIGN, handle=key, parameters=parameters))

    def decrypt(self, key: int, encrypted: bytes) -> bytes:
        """What was encrypted for an RSA key with PKCS #1 v1.5. A TPM refuses what was not."""
        parameters = sized(encrypted) + u16(Algorithm.RSAES) + sized(b"")
        return self._ask(_RSA_DECRYPT, handle=key, parameters=parameters).sized(_MAX_AREA)

    def quote(self, key: int, extra_data: bytes, selection: Selection) -> tuple[bytes, bytes]:
        """TPMS_ATTEST over the selected registers and `extra_data` (at most 64 bytes), and its TPMT_SIGNATURE."""
        parameters = sized(extra_data) + u16(Algorithm.NULL) + selection_list(selection)
        reader = self._ask(_QUOTE, handle=key, parameters=parameters)
        return reader.sized(_MAX_AREA), reader.rest()

    def _make(self, code: int, parent: int, public: bytes) -> tuple[int, Reader]:
        """CreatePrimary and Create: the new key's handle, if it has one yet, and the parameters."""
        parameters = sized(sized(b"") * 2) + sized(public) + sized(b"") + u32(0)
        is_primary = code == _CREATE_PRIMARY
        # A primary key here is one on a curve, which is derived at once.
        seconds = COMMAND_SECONDS if is_primary else MAKING_SECONDS
        reader = self._ask(code, handle=parent, parameters=parameters, returns_handle=is_primary, seconds=seconds)
        return (reader.u32() if is_primary else 0), reader

    @contextmanager
    def _flushed(self, handle: int) -> Iterator[None]:
        try:
            yield
        finally:
            if not self._is_over:
                self._ask(_FLUSH_CONTEXT, parameters=u32(handle))

    def _property(self, number: int) -> int:
        reader = self._capability(_CAP_TPM_PROPERTIES, number)
        # A list of number and value; of one that the TPM does not have, the next one.
        return reader.u32() if reader.u32() and reader.u32() == number else 0

    def _capability(self, capability: int, number: int) -> Reader:
        reader = self._ask(_GET_CAPABILITY, parameters=u32(capability) + u32(number) + u32(1))
        reader.u8()
        if reader.u32() != capability:
            raise TpmUnusableError("The TPM has answered something else than it was asked.")
        return reader

    def _ask(
        self,
        code: int,
        *,
        handle: int | None = None,
        parameters: bytes = b"",
        returns_handle: bool = False,
        seconds: float = COMMAND_SECONDS,
    ) -> Reader:
        """Give one command. The response from its handle, if it has one, to the end of its parameters.

        `handle`: what the command is about; here that always needs an authorization.
        """
        authorized = handle is not None
        content = u32(code)
        if handle is not None:
            content += u32(handle) + u32(len(_EMPTY_PASSWORD)) + _EMPTY_PASSWORD
        content += parameters
        command = u16(_SESSIONS if authorized else _NO_SESSIONS) + u32(HEADER - 4 + len(content)) + content
        try:
            response = self._transport.exchange(command, self._clock.monotonic() + seconds)
        except TpmError:
            self._is_over = True
            raise
        reader = Reader(response)
        reader.u16()
        size, status = reader.u32(), reader.u32()
        if size != len(response):
            raise TpmUnusableError("The TPM's answer is not as long as it says.")
        if status:
            raise TpmRefusedError(_NAMES[code], status)
        if not authorized:
            return reader
        prefix = reader.take(4) if returns_handle else b""
        return Reader(prefix + reader.take(reader.u32()))
