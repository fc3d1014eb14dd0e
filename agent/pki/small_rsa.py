"""RSA keys of 512 to 1023 bits, which the guide has and the cryptography library does not make.

Such keys can be broken; they exist for old peers. Here only the primes are chosen, by the rules of FIPS 186-5 appendix
A.1.3 (random probable primes), which has them for larger keys; the key itself is then made, checked and used by the
library as any other. Primality: Miller-Rabin with random bases, wrong with a probability below 2^-128 for any number,
not only for random ones.
"""

from __future__ import annotations

import math
import secrets
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from agent.pki.errors import InvalidKeySizeError

MINIMUM_BITS: Final = 512
PUBLIC_EXPONENT: Final = 65537

_ROUNDS: Final = 64
_SMALL_PRIMES: Final = tuple(n for n in range(3, 2000, 2) if all(n % d for d in range(3, math.isqrt(n) + 1, 2)))


def generate_small_rsa_key(bits: int) -> rsa.RSAPrivateKey:
    """A key whose modulus has exactly `bits` bits. Raises InvalidKeySizeError below 512."""
    if bits < MINIMUM_BITS:
        raise InvalidKeySizeError(f"An RSA key has at least {MINIMUM_BITS} bits.")
    while True:
        p = _random_prime((bits + 1) // 2)
        q = _random_prime(bits // 2)
        if abs(p - q) <= 1 << (bits // 2 - 100) or (p * q).bit_length() != bits:
            continue
        d = pow(PUBLIC_EXPONENT, -1, math.lcm(p - 1, q - 1))
        if d.bit_length() <= bits // 2:
            continue
        public = rsa.RSAPublicNumbers(PUBLIC_EXPONENT, p * q)
        return rsa.RSAPrivateNumbers(
            p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
        ).private_key()


def is_probable_prime(number: int) -> bool:
    """Miller-Rabin (FIPS 186-5 appendix B.3.1)."""
    if number < 3 or number % 2 == 0:
        return number == 2
    for prime in _SMALL_PRIMES:
        if number % prime == 0:
            return number == prime
    exponent = number - 1
    twos = (exponent & -exponent).bit_length() - 1
    odd = exponent >> twos
    return all(_passes(number, odd, twos, 2 + secrets.randbelow(number - 3)) for _ in range(_ROUNDS))


def _passes(number: int, odd: int, twos: int, base: int) -> bool:
    power = pow(base, odd, number)
    if power in (1, number - 1):
        return True
    for _ in range(twos - 1):
        power = power * power % number
        if power == number - 1:
            return True
    return False


def _random_prime(bits: int) -> int:
    """A prime p of exactly `bits` bits with gcd(p - 1, e) = 1, its two highest bits as they fall."""
    while True:
        candidate = secrets.randbits(bits) | 1 << (bits - 1) | 1
        if (candidate - 1) % PUBLIC_EXPONENT and is_probable_prime(candidate):
            return candidate
