"""The certificates of a CA: the answers to GetCACert and GetNextCACert (RFC 8894 sections 4.2 and 4.7).

An answer is a set without order and without proof. What makes it trustworthy is the fingerprint that a person compares
with that of a certificate of `chain`; everything else hangs on that certificate by signatures, the RAs too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from agent.pki.ca_chain import CA_CERTIFICATE, CaChain, arrange_chain
from agent.pki.certificate_bags import is_certificate_bag
from agent.pki.chain_errors import ChainError, SignatureNotAllowedError
from agent.pki.chains import check_validity, extension, subject_of, verify_issued
from agent.pki.scep.algorithms import ScepPolicy
from agent.pki.scep.cms import read_certificate, read_certificates
from agent.pki.scep.errors import AlgorithmNotAllowedError, RaCertificateError
from agent.pki.weaknesses import Weakness


@dataclass(frozen=True, slots=True)
class CaCertificates(CaChain):
    """The certificates of one CA, checked link by link.

    Attributes:
        authorities: certificates of registration authorities, all issued by CAs of the chain; the newest first.
    """

    authorities: tuple[x509.Certificate, ...] = ()

    @classmethod
    def arrange(cls, certificates: Collection[x509.Certificate], at: datetime, policy: ScepPolicy) -> CaCertificates:
        """From certificates in any order, checked as of `at`.

        Raises CaCertificatesError, RaCertificateError, AlgorithmNotAllowedError.
        """
        ca = arrange_chain(certificates, at, allow_sha1=policy.allow_sha1)
        others = {certificate for certificate in certificates if certificate not in ca.chain}
        sha1 = bool(ca.weaknesses)
        for certificate in others:
            sha1 |= _check_authority(certificate, ca.chain, at, policy)
        newest_first = sorted(others, key=lambda c: (c.not_valid_before_utc, c.serial_number), reverse=True)
        return cls(ca.chain, (Weakness(CA_CERTIFICATE, "sha1"),) if sha1 else (), tuple(newest_first))

    @property
    def recipient(self) -> x509.Certificate:
        """Whom requests are encrypted for: the newest RA that is for that, or the issuing CA."""
        return next((c for c in self.authorities if _may_encrypt(c)), self.issuer)

    @property
    def signers(self) -> tuple[x509.Certificate, ...]:
        """Who may sign answers: the RAs that are for that, and the issuing CA."""
        return (*(c for c in self.authorities if _may_sign(c)), self.issuer)


def read_ca_certificates(body: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of an answer to GetCACert: one in DER, or a PKCS #7 of several. In no order, without any check.

    What it is follows from the bytes: servers are not to be relied on for the content type. Raises
    MalformedMessageError.
    """
    return read_certificates(body) if is_certificate_bag(body) else (read_certificate(body),)


def _check_authority(
    certificate: x509.Certificate, chain: Iterable[x509.Certificate], at: datetime, policy: ScepPolicy
) -> bool:
    """Whether a certificate that is not a CA's is an RA's: a CA of the chain must have issued it."""
    try:
        issuer = next((ca for ca in chain if ca.subject == certificate.issuer), None)
        if issuer is None:
            raise RaCertificateError(f"{subject_of(certificate)} is no RA of this CA, which did not issue it.")
        check_validity(certificate, at)
        # What recipient and signers look at must be readable.
        extension(certificate, x509.KeyUsage)
        return verify_issued(certificate, issuer, allow_sha1=policy.allow_sha1)
    except SignatureNotAllowedError as error:
        raise AlgorithmNotAllowedError(CA_CERTIFICATE, error.algorithm) from error
    except ChainError as error:
        raise RaCertificateError(f"The certificate of the RA can't be used. {error.message}") from error


def _may_encrypt(certificate: x509.Certificate) -> bool:
    usage = extension(certificate, x509.KeyUsage)
    return usage is None or usage.key_encipherment


def _may_sign(certificate: x509.Certificate) -> bool:
    usage = extension(certificate, x509.KeyUsage)
    return usage is None or usage.digital_signature
