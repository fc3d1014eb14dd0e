"""Ciphers and digests of SCEP messages: which ones there are, which one is chosen, and which are allowed.

Weak ones (SHA-1, DES, triple DES) are used only where the policy of the trustpoint allows them, and each use is
reported as a Weakness, for a log. MD5 is never used. What a CA announces says nothing about its answers: an answer is
judged by what it uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.padding import PKCS7

from agent.pki.scep.capabilities import Capabilities
from agent.pki.scep.errors import AlgorithmNotAllowedError, DecryptionError, UnsupportedAlgorithmError
from agent.pki.weaknesses import Weakness as Weakness

Digest: TypeAlias = hashes.SHA1 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512


@dataclass(frozen=True, slots=True)
class ScepPolicy:
    """What a trustpoint allows.

    Attributes:
        allow_sha1: requests and answers, and certificates of the CA, signed with SHA-1.
        allow_des: requests in triple DES, answers in triple and in single DES.
        prefer_aes256: AES-256 also for a CA that says just AES, which is AES-128 in the standard.
    """

    allow_sha1: bool = False
    allow_des: bool = False
    prefer_aes256: bool = False


@dataclass(frozen=True, slots=True)
class ContentCipher:
    """A block cipher in CBC mode with the padding of CMS (RFC 5652 section 6.3).

    Attributes:
        name: as in Weakness.
        oid: of the algorithm.
        key_bytes, block_bytes: its sizes.
    """

    name: str
    oid: str
    key_bytes: int
    block_bytes: int
    weak: bool = False

    def encrypt(self, key: bytes, iv: bytes, content: bytes) -> bytes:
        padder = PKCS7(self.block_bytes * 8).padder()
        encryptor = Cipher(self._algorithm(key), modes.CBC(iv)).encryptor()
        return encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()

    def decrypt(self, key: bytes, iv: bytes, content: bytes) -> bytes:
        """Raises DecryptionError."""
        if len(key) != self.key_bytes or len(iv) != self.block_bytes:
            raise DecryptionError
        try:
            decryptor = Cipher(self._algorithm(key), modes.CBC(iv)).decryptor()
            unpadder = PKCS7(self.block_bytes * 8).unpadder()
            padded = decryptor.update(content) + decryptor.finalize()
            return unpadder.update(padded) + unpadder.finalize()
        except ValueError as error:
            raise DecryptionError from error

    def _algorithm(self, key: bytes) -> BlockCipherAlgorithm:
        if self.block_bytes == 16:
            return AES(key)
        # Triple DES with three equal keys is single DES.
        return TripleDES(key * 3 if self.key_bytes == 8 else key)


AES_128: Final = ContentCipher("aes128-cbc", "2.16.840.1.101.3.4.1.2", 16, 16)
AES_192: Final = ContentCipher("aes192-cbc", "2.16.840.1.101.3.4.1.22", 24, 16)
AES_256: Final = ContentCipher("aes256-cbc", "2.16.840.1.101.3.4.1.42", 32, 16)
TRIPLE_DES: Final = ContentCipher("3des-cbc", "1.2.840.113549.3.7", 24, 8, weak=True)
DES: Final = ContentCipher("des-cbc", "1.3.14.3.2.7", 8, 8, weak=True)
_CIPHERS: Final = {cipher.oid: cipher for cipher in (AES_128, AES_192, AES_256, TRIPLE_DES, DES)}

_DIGESTS: Final[dict[str, Digest]] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - gated by the policy
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
#: In the order of preference; every CA that follows RFC 8894 has the first.
_REQUEST_DIGESTS: Final = ("sha256", "sha512")


def choose_digest(capabilities: Capabilities, policy: ScepPolicy) -> Digest:
    """What to sign a request with. Raises AlgorithmNotAllowedError when the CA has but SHA-1."""
    for name in _REQUEST_DIGESTS:
        if name in capabilities.digests:
            return _DIGESTS[name]
    return find_digest("sha1", "request signature", policy)


def choose_cipher(capabilities: Capabilities, policy: ScepPolicy) -> ContentCipher:
    """What to encrypt a request with. Raises AlgorithmNotAllowedError when the CA has but triple DES."""
    if capabilities.aes:
        return AES_256 if capabilities.aes256 or policy.prefer_aes256 else AES_128
    return find_cipher(TRIPLE_DES.oid, "request encryption", policy)


def find_digest(name: str, use: str, policy: ScepPolicy) -> Digest:
    """By its name in asn1crypto. Raises AlgorithmNotAllowedError, UnsupportedAlgorithmError."""
    if name == "md5" or (name == "sha1" and not policy.allow_sha1):
        raise AlgorithmNotAllowedError(use, name)
    if name not in _DIGESTS:
        raise UnsupportedAlgorithmError(use, name)
    return _DIGESTS[name]


def find_cipher(oid: str, use: str, policy: ScepPolicy) -> ContentCipher:
    """By its OID. Raises AlgorithmNotAllowedError, UnsupportedAlgorithmError."""
    cipher = _CIPHERS.get(oid)
    if cipher is None:
        raise UnsupportedAlgorithmError(use, oid)
    if cipher.weak and not policy.allow_des:
        raise AlgorithmNotAllowedError(use, cipher.name)
    return cipher


def digest_weakness(digest: Digest, use: str) -> tuple[Weakness, ...]:
    """The weakness of using a digest, if it is one."""
    return (Weakness(use, digest.name),) if digest.name == "sha1" else ()


def cipher_weakness(cipher: ContentCipher, use: str) -> tuple[Weakness, ...]:
    """The weakness of using a cipher, if it is one."""
    return (Weakness(use, cipher.name),) if cipher.weak else ()
