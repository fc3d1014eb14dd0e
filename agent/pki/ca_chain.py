"""The chain of a certification authority, as its server sent it: put in order and checked link by link.

The chain has no proof in itself. What makes it trustworthy is the fingerprint that a person compares with that of one
of its certificates.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from agent.pki.chain_errors import ChainError, SignatureNotAllowedError
from agent.pki.chains import is_ca, is_self_issued, order_chain, verify_links
from agent.pki.enrolment_errors import AlgorithmNotAllowedError, CaCertificatesError
from agent.pki.weaknesses import Weakness

#: What the certificates are to a policy: see Weakness.
CA_CERTIFICATE: Final = "CA certificate"


@dataclass(frozen=True, slots=True)
class CaChain:
    """The certificates of one CA.

    Attributes:
        chain: the top first, the issuing CA last.
        weaknesses: what the policy had to allow.
    """

    chain: tuple[x509.Certificate, ...]
    weaknesses: tuple[Weakness, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the chain begins with a root."""
        return is_self_issued(self.chain[0])

    @property
    def issuer(self) -> x509.Certificate:
        """The issuing CA."""
        return self.chain[-1]


def arrange_chain(certificates: Collection[x509.Certificate], at: datetime, *, allow_sha1: bool = False) -> CaChain:
    """The CAs among certificates in any order, checked as of `at`. Certificates of others are left out.

    Raises CaCertificatesError, AlgorithmNotAllowedError.
    """
    try:
        cas = [certificate for certificate in certificates if is_ca(certificate)]
        # Without any CA, the check of the links says what is wrong.
        chain = order_chain(cas or certificates, partial=True)
        sha1 = verify_links(chain, at, allow_sha1=allow_sha1)
    except SignatureNotAllowedError as error:
        raise AlgorithmNotAllowedError(CA_CERTIFICATE, error.algorithm) from error
    except ChainError as error:
        raise CaCertificatesError(error) from error
    return CaChain(chain, (Weakness(CA_CERTIFICATE, "sha1"),) if sha1 else ())
