"""Chains of CA certificates: their order found again, and every link checked (the guide: "Multi-Tier Certificate
Authority"; RFC 5280 section 6.1 as far as it concerns CAs that a person is about to trust).

Certificates of a chain arrive in any order: a PKCS #7 keeps them as a set, and people paste as they like. The order is
found by names and key identifiers, and by the signature itself where these leave a choice; `verify_links` then checks
each link. Nothing here decides whom to trust: the caller compares a fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from agent.pki.chain_errors import (
    BranchedChainError,
    BrokenChainError,
    CertificateNotValidError,
    ChainLoopError,
    ChainTooLongError,
    DuplicateCertificateError,
    EmptyChainError,
    NotACaError,
    PathLengthError,
    SignatureNotAllowedError,
    UnreadableCertificateError,
    WrongSignatureError,
)
from agent.pki.names import format_name
from agent.pki.signatures import WeakSignatureError, check_digest, is_signed_by

#: One root and seven subordinate CAs.
MAX_TIERS: Final = 8
#: Characters of a name that are shown; strangers write names.
_TEXT_SHOWN: Final = 256

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
_Read = TypeVar("_Read")


def order_chain(
    certificates: Collection[x509.Certificate], *, limit: int = MAX_TIERS, partial: bool = False
) -> tuple[x509.Certificate, ...]:
    """The certificates as one line, the top first and the issuing CA last. Signatures are left to verify_links.

    The top is self-issued; with `partial`, it may also be a CA whose issuer is not there.

    Raises EmptyChainError, ChainTooLongError, DuplicateCertificateError, ChainLoopError, BrokenChainError,
    BranchedChainError, UnreadableCertificateError.
    """
    if not certificates:
        raise EmptyChainError
    if len(certificates) > limit:
        raise ChainTooLongError(len(certificates), limit)
    _refuse_duplicates(certificates)
    parents = {certificate: _parent(certificate, certificates) for certificate in certificates}
    tops = [c for c, parent in parents.items() if parent is c or (parent is None and partial)]
    missing = [c for c, parent in parents.items() if parent is None]
    if missing and not partial:
        raise BrokenChainError(subject_of(missing[0]), issuer_of(missing[0]))
    if not tops:
        raise ChainLoopError(tuple(subject_of(c) for c in _loop(parents)))
    if len(tops) > 1:
        raise BranchedChainError(tuple(map(subject_of, tops)))
    chain = tops
    while followers := [c for c, parent in parents.items() if parent is chain[-1] and c is not chain[-1]]:
        if len(followers) > 1:
            raise BranchedChainError(tuple(map(subject_of, followers)))
        chain.append(followers[0])
    if len(chain) < len(parents):
        raise ChainLoopError(tuple(subject_of(c) for c in _loop({c: p for c, p in parents.items() if c not in chain})))
    return tuple(chain)


def path_to_top(
    certificate: x509.Certificate, others: Collection[x509.Certificate], *, limit: int = MAX_TIERS
) -> tuple[x509.Certificate, ...]:
    """The certificate, the one of `others` that issued it, and so on, as far as they are there; at most `limit` CAs.

    Raises UnreadableCertificateError.
    """
    path = [certificate]
    while len(path) <= limit:
        parent = _parent(path[-1], others)
        if parent is None or parent in path:
            break
        path.append(parent)
    return tuple(path)


def verify_links(chain: Sequence[x509.Certificate], at: datetime, *, allow_sha1: bool = False) -> bool:
    """Check a chain as order_chain returns it, at a moment: each one a CA, valid, and signed by the one before it.

    Returns whether a signature of the chain uses SHA-1. The signature of a self-signed root proves nothing and is
    checked all the same, except for its digest: who trusts a root trusts its fingerprint.

    Raises EmptyChainError, NotACaError, PathLengthError, CertificateNotValidError, WrongSignatureError,
    SignatureNotAllowedError, UnreadableCertificateError.
    """
    if not chain:
        raise EmptyChainError
    sha1 = False
    for tier, certificate in enumerate(chain):
        _check_ca(certificate, len(chain) - tier - 1)
        check_validity(certificate, at)
        if tier:
            sha1 |= verify_issued(certificate, chain[tier - 1], allow_sha1=allow_sha1)
    if is_self_issued(chain[0]):
        sha1 |= verify_issued(chain[0], chain[0], allow_sha1=True)
    return sha1


def verify_issued(certificate: x509.Certificate, issuer: x509.Certificate, *, allow_sha1: bool = False) -> bool:
    """Check name and signature of a certificate against those of its issuer. Returns whether the signature uses SHA-1.

    Raises BrokenChainError for another issuer's name, WrongSignatureError, SignatureNotAllowedError,
    UnreadableCertificateError.
    """
    if _issuer(certificate) != _subject(issuer):
        raise BrokenChainError(subject_of(certificate), issuer_of(certificate))
    subject = subject_of(certificate)
    try:
        digest = certificate.signature_hash_algorithm
        check_digest(digest, allow_sha1=allow_sha1)
    except WeakSignatureError as error:
        raise SignatureNotAllowedError(subject, error.algorithm) from error
    except (UnsupportedAlgorithm, ValueError) as error:
        raise SignatureNotAllowedError(subject, "an unknown algorithm") from error
    if not _signature_fits(certificate, issuer):
        raise WrongSignatureError(subject, subject_of(issuer))
    return digest is not None and digest.name == "sha1"


def check_validity(certificate: x509.Certificate, at: datetime) -> None:
    """Raises CertificateNotValidError outside of the certificate's validity, both ends included."""
    start, end = _read("its dates", lambda: (certificate.not_valid_before_utc, certificate.not_valid_after_utc))
    if not start <= at <= end:
        raise CertificateNotValidError(subject_of(certificate), start, end, at)


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether its extensions say that it may issue certificates. Raises UnreadableCertificateError."""
    constraints = extension(certificate, x509.BasicConstraints)
    usage = extension(certificate, x509.KeyUsage)
    return constraints is not None and constraints.ca and (usage is None or usage.key_cert_sign)


def is_self_issued(certificate: x509.Certificate) -> bool:
    """Whether it names itself as its issuer."""
    return _issuer(certificate) == _subject(certificate) and _identifiers_fit(certificate, certificate)


def extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """The value of an extension, None without it. Raises UnreadableCertificateError."""
    try:
        return _read("its extensions", lambda: certificate.extensions).get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def subject_of(certificate: x509.Certificate) -> str:
    """The subject for a person to read, in printable characters only. Raises UnreadableCertificateError."""
    return readable_name(_subject(certificate))


def issuer_of(certificate: x509.Certificate) -> str:
    """The issuer for a person to read, in printable characters only. Raises UnreadableCertificateError."""
    return readable_name(_issuer(certificate))


def readable_name(name: x509.Name) -> str:
    """A name from a stranger for a person to read: printable characters only, and not too many."""
    return printable(_read("its names", lambda: format_name(name)))


def printable(text: str) -> str:
    """Text from a stranger: printable characters only, and not too many."""
    return "".join(c if c.isprintable() else "?" for c in text[:_TEXT_SHOWN])


def _check_ca(certificate: x509.Certificate, below: int) -> None:
    if not is_ca(certificate):
        raise NotACaError(subject_of(certificate))
    constraints = extension(certificate, x509.BasicConstraints)
    # The issuing CA's own constraint limits the CAs below it, and there are none in this chain.
    if constraints is not None and constraints.path_length is not None and below > constraints.path_length:
        raise PathLengthError(subject_of(certificate), constraints.path_length, below)


def _refuse_duplicates(certificates: Collection[x509.Certificate]) -> None:
    seen: set[x509.Certificate] = set()
    for certificate in certificates:
        if certificate in seen:
            raise DuplicateCertificateError(subject_of(certificate))
        seen.add(certificate)


def _parent(certificate: x509.Certificate, others: Collection[x509.Certificate]) -> x509.Certificate | None:
    """Which one issued it; itself for a root."""
    if is_self_issued(certificate) and _signature_fits(certificate, certificate):
        return certificate
    candidates = [o for o in others if _subject(o) == _issuer(certificate) and _identifiers_fit(certificate, o)]
    if len(candidates) > 1:
        candidates = [o for o in candidates if _signature_fits(certificate, o)] or candidates[:1]
    return candidates[0] if candidates else None


def _identifiers_fit(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the key identifiers, where both have one, agree (RFC 5280 section 4.2.1.1)."""
    wanted = extension(certificate, x509.AuthorityKeyIdentifier)
    found = extension(issuer, x509.SubjectKeyIdentifier)
    if wanted is None or found is None or wanted.key_identifier is None:
        return True
    return wanted.key_identifier == found.digest


def _signature_fits(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        return is_signed_by(
            issuer.public_key(),
            certificate.signature,
            certificate.tbs_certificate_bytes,
            certificate.signature_hash_algorithm,
            certificate.signature_algorithm_parameters,
        )
    except (UnsupportedAlgorithm, ValueError, TypeError):
        return False


def _loop(parents: dict[x509.Certificate, x509.Certificate | None]) -> list[x509.Certificate]:
    """The circle that every walk upward ends in, when nothing in `parents` is a top."""
    walk: list[x509.Certificate] = []
    at = next(iter(parents), None)
    while at is not None and at not in walk:
        walk.append(at)
        at = parents.get(at)
    return walk[walk.index(at) :] if at is not None else walk


def _subject(certificate: x509.Certificate) -> x509.Name:
    return _read("its subject", lambda: certificate.subject)


def _issuer(certificate: x509.Certificate) -> x509.Name:
    return _read("its issuer", lambda: certificate.issuer)


def _read(part: str, read: Callable[[], _Read]) -> _Read:
    """What the library reads only when asked; then it may find it wrong."""
    try:
        return read()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as e:
        raise UnreadableCertificateError(part) from e
