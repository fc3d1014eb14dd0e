"""The structures that the agent's commands need: public areas, signatures, selections of registers (part 2).

Reading is strict, because what is read may come from somebody's text and not from a TPM: sizes are limited, unknown
algorithms refused, and nothing may follow. An error is always a WireError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.tpm.wire import Reader, WireError, sized, u8, u16, u32

#: Registers that a PC has (PC Client Platform TPM Profile); a selection has a bit for each.
REGISTERS: Final = 24
_SELECT_BYTES: Final = REGISTERS // 8
#: Most that is read in one structure: far more than any TPM has.
_MAX_BANKS: Final = 16
_MAX_SELECT_BYTES: Final = 32
_MAX_DIGEST: Final = 64
_MAX_NUMBER: Final = 512

_RSA_EXPONENT: Final = 65537


class Algorithm(IntEnum):
    """TPM_ALG_ID, as far as the agent uses them."""

    RSA = 0x0001
    SHA1 = 0x0004
    AES = 0x0006
    SHA256 = 0x000B
    SHA384 = 0x000C
    SHA512 = 0x000D
    NULL = 0x0010
    SM3_256 = 0x0012
    RSASSA = 0x0014
    RSAES = 0x0015
    RSAPSS = 0x0016
    ECDSA = 0x0018
    ECC = 0x0023
    SHA3_256 = 0x0027
    SHA3_384 = 0x0028
    SHA3_512 = 0x0029
    CFB = 0x0043


#: The hashes that a bank of registers, or a signature, may have: algorithm -> the name that hashlib and people have.
HASH_NAMES: Final = MappingProxyType(
    {
        Algorithm.SHA1: "sha1",
        Algorithm.SHA256: "sha256",
        Algorithm.SHA384: "sha384",
        Algorithm.SHA512: "sha512",
        Algorithm.SM3_256: "sm3",
        Algorithm.SHA3_256: "sha3_256",
        Algorithm.SHA3_384: "sha3_384",
        Algorithm.SHA3_512: "sha3_512",
    }
)
HASHES: Final = MappingProxyType({name: algorithm for algorithm, name in HASH_NAMES.items()})

_NIST_P256: Final = 0x0003

#: TPMA_OBJECT.
_FIXED_TPM: Final = 1 << 1
_FIXED_PARENT: Final = 1 << 4
_SENSITIVE_DATA_ORIGIN: Final = 1 << 5
_USER_WITH_AUTH: Final = 1 << 6
_NO_DA: Final = 1 << 10
_RESTRICTED: Final = 1 << 16
_DECRYPT: Final = 1 << 17
_SIGN: Final = 1 << 18
_OF_THIS_TPM: Final = _FIXED_TPM | _FIXED_PARENT | _SENSITIVE_DATA_ORIGIN | _USER_WITH_AUTH | _NO_DA

#: Bank (as HASHES names it) -> the registers that are selected in it, ascending.
Selection: TypeAlias = Mapping[str, Sequence[int]]

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_NONE: Final = u16(Algorithm.NULL)


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature as others take it: PKCS #1 for RSA, DER for ECDSA.

    Attributes:
        scheme: RSASSA, RSAPSS or ECDSA.
        digest: hashlib's name of the hash.
        value: the bytes.
    """

    scheme: Algorithm
    digest: str
    value: bytes


def storage_parent() -> bytes:
    """The public area from which the TPM derives, always alike, the key that wraps our keys: ECC P-256, AES-128-CFB."""
    symmetric = u16(Algorithm.AES) + u16(128) + u16(Algorithm.CFB)
    parameters = symmetric + _NONE + u16(_NIST_P256) + _NONE
    return _public(Algorithm.ECC, _OF_THIS_TPM | _RESTRICTED | _DECRYPT, parameters, sized(b"") * 2)


def attestation_key(unique: bytes) -> bytes:
    """The public area from which the TPM derives the key that signs quotes, and nothing that was made outside of it
    ("restricted"): ECC P-256, ECDSA with SHA-256. `unique`: 32 bytes that tell it from other keys of the kind."""
    parameters = _NONE + u16(Algorithm.ECDSA) + u16(Algorithm.SHA256) + u16(_NIST_P256) + _NONE
    return _public(Algorithm.ECC, _OF_THIS_TPM | _RESTRICTED | _SIGN, parameters, sized(unique) + sized(b""))


def ecc_signing_key() -> bytes:
    """The public area of a new P-256 key that signs what it is given."""
    parameters = _NONE + _NONE + u16(_NIST_P256) + _NONE
    return _public(Algorithm.ECC, _OF_THIS_TPM | _SIGN, parameters, sized(b"") * 2)


def rsa_key(bits: int) -> bytes:
    """The public area of a new RSA key that signs and decrypts what it is given; the exponent is 65537."""
    parameters = _NONE + _NONE + u16(bits) + u32(0)
    return _public(Algorithm.RSA, _OF_THIS_TPM | _SIGN | _DECRYPT, parameters, sized(b""))


def _public(kind: Algorithm, attributes: int, parameters: bytes, unique: bytes) -> bytes:
    return u16(kind) + u16(Algorithm.SHA256) + u32(attributes) + sized(b"") + parameters + unique


def public_key(area: bytes) -> PublicKey:
    """The public key in a public area (TPMT_PUBLIC): RSA, or on P-256."""
    reader = Reader(area)
    kind = reader.u16()
    reader.u16()
    reader.u32()
    reader.sized(_MAX_DIGEST)
    read = _KEYS.get(_algorithm(kind))
    if read is None:
        raise WireError("a key is neither RSA nor ECC")
    try:
        key = read(reader)
    except ValueError as error:
        raise WireError("a public key is none") from error
    reader.end()
    return key


def public_key_der(area: bytes) -> bytes:
    """The same as a SubjectPublicKeyInfo."""
    return public_key(area).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _read_ecc(reader: Reader) -> ec.EllipticCurvePublicKey:
    _skip_scheme(reader, symmetric=True)
    _skip_scheme(reader)
    if reader.u16() != _NIST_P256:
        raise WireError("a key is on another curve than P-256")
    _skip_scheme(reader)
    x, y = (int.from_bytes(reader.sized(_MAX_DIGEST), "big") for _ in range(2))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def _read_rsa(reader: Reader) -> rsa.RSAPublicKey:
    _skip_scheme(reader, symmetric=True)
    _skip_scheme(reader)
    reader.u16()
    exponent = reader.u32() or _RSA_EXPONENT
    modulus = int.from_bytes(reader.sized(_MAX_NUMBER), "big")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


_KEYS: Final[dict[Algorithm, Callable[[Reader], PublicKey]]] = {Algorithm.ECC: _read_ecc, Algorithm.RSA: _read_rsa}


def _skip_scheme(reader: Reader, *, symmetric: bool = False) -> None:
    """TPMT_SYM_DEF_OBJECT or a scheme with a hash."""
    if reader.u16() != Algorithm.NULL:
        reader.take(4 if symmetric else 2)


def read_signature(reader: Reader) -> Signature:
    """A TPMT_SIGNATURE."""
    scheme = _algorithm(reader.u16())
    digest = hash_name(reader.u16())
    if scheme in (Algorithm.RSASSA, Algorithm.RSAPSS):
        return Signature(scheme, digest, reader.sized(_MAX_NUMBER))
    if scheme is Algorithm.ECDSA:
        r, s = (int.from_bytes(reader.sized(_MAX_DIGEST + 2), "big") for _ in range(2))
        return Signature(scheme, digest, encode_dss_signature(r, s))
    raise WireError("a signature is of an unknown scheme")


def hash_name(number: int) -> str:
    """hashlib's name of a hash."""
    name = HASH_NAMES.get(_algorithm(number))
    if name is None:
        raise WireError("a hash is unknown")
    return name


def _algorithm(number: int) -> Algorithm:
    try:
        return Algorithm(number)
    except ValueError:
        raise WireError("an algorithm is unknown") from None


def selection_list(selection: Selection) -> bytes:
    """A TPML_PCR_SELECTION; the banks in the order of `selection`."""
    return u32(len(selection)) + b"".join(
        u16(HASHES[bank]) + u8(_SELECT_BYTES) + _bits(registers) for bank, registers in selection.items()
    )


def _bits(registers: Iterable[int]) -> bytes:
    return sum({1 << register for register in registers}).to_bytes(_SELECT_BYTES, "little")


def read_selection_list(reader: Reader) -> dict[str, tuple[int, ...]]:
    """A TPML_PCR_SELECTION, without the banks in which nothing is selected, and those with a hash that is not known
    and in which nothing is selected. A bank that is there twice is refused."""
    count = reader.u32()
    if count > _MAX_BANKS:
        raise WireError(f"more than {_MAX_BANKS} banks are selected")
    selection: dict[str, tuple[int, ...]] = {}
    for _ in range(count):
        number, size = reader.u16(), reader.u8()
        if size > _MAX_SELECT_BYTES:
            raise WireError("a selection is too large")
        bits = int.from_bytes(reader.take(size), "little")
        if not bits:
            continue
        bank = hash_name(number)
        if bank in selection:
            raise WireError("a bank is selected twice")
        selection[bank] = tuple(register for register in range(size * 8) if bits >> register & 1)
    return selection
