"""What an enrolment comes to, whatever the protocol: a certificate, patience, or a refusal; and whether the certificate
is the one asked for.

A certificate for another key or from another issuer is an error. A CA may change the names and usages that were asked
for (many do); that is a Difference, for a person to see.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from cryptography import x509

from agent.pki.certificate_parts import key_info
from agent.pki.certificates import key_usage_names
from agent.pki.chain_errors import ChainError, SignatureNotAllowedError
from agent.pki.chains import extension, issuer_of, printable, readable_name, subject_of, verify_issued
from agent.pki.enrolment_errors import (
    AlgorithmNotAllowedError,
    MalformedMessageError,
    WrongIssuerError,
    WrongKeyError,
)
from agent.pki.weaknesses import Weakness

_USE: Final = "certificate signature"
_EXTENSIONS: Final[dict[str, type[x509.ExtensionType]]] = {
    "subject alternative name": x509.SubjectAlternativeName,
    "key usage": x509.KeyUsage,
    "extended key usage": x509.ExtendedKeyUsage,
}


@dataclass(frozen=True, slots=True)
class Difference:
    """The CA changed something.

    Attributes:
        field: "subject", "subject alternative name", "key usage" or "extended key usage".
        requested, received: for a person; empty when there is none.
    """

    field: str
    requested: str
    received: str


@dataclass(frozen=True, slots=True)
class Granted:
    """The CA issued the certificate.

    Attributes:
        certificate: for the key of the request, issued by the CA. Its validity is the caller's to judge.
        others: other certificates of the answer, which nobody vouches for.
        differences: from what was asked for.
        weaknesses: what the policy had to allow.
    """

    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...] = ()
    differences: tuple[Difference, ...] = ()
    weaknesses: tuple[Weakness, ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """Somebody at the CA has to decide; ask again.

    Attributes:
        retry_after: seconds until then, if the CA says when.
    """

    weaknesses: tuple[Weakness, ...] = ()
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The CA refuses; this request is over.

    Attributes:
        text: what the CA says why, in printable characters; empty if nothing.
        reason: for a person.
    """

    text: str
    reason: str
    weaknesses: tuple[Weakness, ...] = ()


Outcome: TypeAlias = Granted | Pending | Rejected


def check_grant(
    certificates: Collection[x509.Certificate], request: bytes, issuer: x509.Certificate, *, allow_sha1: bool = False
) -> Granted:
    """The certificate among those of an answer that the request (PKCS #10 in DER) asked `issuer` for.

    Raises WrongKeyError, WrongIssuerError, AlgorithmNotAllowedError, MalformedMessageError.
    """
    try:
        return _check_grant(certificates, x509.load_der_x509_csr(request), issuer, allow_sha1=allow_sha1)
    except SignatureNotAllowedError as error:
        raise AlgorithmNotAllowedError(_USE, error.algorithm) from error
    except ChainError as error:
        raise MalformedMessageError(error.message.rstrip(".")) from error


def _check_grant(
    certificates: Collection[x509.Certificate],
    request: x509.CertificateSigningRequest,
    issuer: x509.Certificate,
    *,
    allow_sha1: bool,
) -> Granted:
    wanted = key_info(request)
    ours = [certificate for certificate in certificates if key_info(certificate) == wanted]
    if not wanted or not ours:
        raise WrongKeyError(tuple(map(subject_of, certificates)))
    certificate = ours[0]
    try:
        sha1 = verify_issued(certificate, issuer, allow_sha1=allow_sha1)
    except SignatureNotAllowedError:
        raise
    except ChainError as error:
        raise WrongIssuerError(issuer_of(certificate), error) from error
    others = tuple(other for other in certificates if other is not certificate)
    weaknesses = (Weakness(_USE, "sha1"),) if sha1 else ()
    return Granted(certificate, others, tuple(_differences(request, certificate)), weaknesses)


def _differences(request: x509.CertificateSigningRequest, certificate: x509.Certificate) -> Iterable[Difference]:
    if request.subject != certificate.subject:
        yield Difference("subject", readable_name(request.subject), subject_of(certificate))
    for name, kind in _EXTENSIONS.items():
        try:
            requested: x509.ExtensionType | None = request.extensions.get_extension_for_class(kind).value
        except x509.ExtensionNotFound:
            requested = None
        received = extension(certificate, kind)
        if requested is not None and _content(requested) != (None if received is None else _content(received)):
            yield Difference(name, _describe(requested), "" if received is None else _describe(received))


def _content(value: x509.ExtensionType) -> object:
    """For comparison: order means nothing in the lists."""
    if isinstance(value, x509.SubjectAlternativeName | x509.ExtendedKeyUsage):
        return frozenset(value)
    return value


def _describe(value: x509.ExtensionType) -> str:
    if isinstance(value, x509.KeyUsage):
        return ", ".join(key_usage_names(value))
    if isinstance(value, x509.ExtendedKeyUsage):
        return ", ".join(oid.dotted_string for oid in value)
    if isinstance(value, x509.SubjectAlternativeName):
        return printable(", ".join(_general_name(name) for name in value))
    raise AssertionError(value)


_GENERAL_NAMES: Final[dict[type[x509.GeneralName], tuple[str, Callable[..., str]]]] = {
    x509.DNSName: ("DNS", lambda name: name.value),
    x509.RFC822Name: ("email", lambda name: name.value),
    x509.UniformResourceIdentifier: ("URI", lambda name: name.value),
    x509.IPAddress: ("IP", lambda name: str(name.value)),
    x509.DirectoryName: ("directory name", lambda name: readable_name(name.value)),
    x509.RegisteredID: ("registered ID", lambda name: name.value.dotted_string),
    x509.OtherName: ("other name", lambda name: name.type_id.dotted_string),
}


def _general_name(name: x509.GeneralName) -> str:
    label, text = _GENERAL_NAMES[type(name)]
    return f"{label}:{text(name)}"
