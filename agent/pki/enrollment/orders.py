"""What is asked of a certification authority: the requests of a trustpoint, one for each of its keys.

Making them reads private keys and may make a temporary one: not for an event loop.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.pki.enrollment.records import CertificateRequest
from agent.pki.fingerprints import md5_groups, sha256_text
from agent.pki.keys import KeyPurpose, PrivateKey
from agent.pki.requests import RequestedCertificate, build_request
from agent.pki.scep.messages import MessageSigner
from agent.pki.trustpoint import EnrollmentMethod, TrustpointConfig
from agent.pki.trustpoint_store import ROLES


@dataclass(frozen=True, slots=True)
class Holder:
    """The certificate in service and its key, by which a renewal proves who asks."""

    key: PrivateKey = field(repr=False)
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True)
class Order:
    """One request as it is sent.

    Attributes:
        record: what is remembered of it.
        message: the PKCS #10 in DER, with the challenge password; without it when the server is asked again.
        holder: of a renewal.
        signer: of SCEP messages.
    """

    record: CertificateRequest
    message: bytes = field(repr=False)
    holder: Holder | None = None
    signer: MessageSigner | None = None


def place_orders(
    config: TrustpointConfig,
    keys: Sequence[tuple[KeyPurpose, PrivateKey]],
    challenge: str,
    holder: Holder | None,
    now: datetime,
) -> Iterator[Order]:
    """The orders for the keys of a trustpoint.

    Raises InvalidRequestError, DigestNotSupportedError, KeyTooSmallError, UnsupportedKeyError.
    """
    for purpose, key in keys:
        wanted = RequestedCertificate(
            config.subject,
            config.alternative_names,
            config.usages_of(purpose),
            config.extended_key_usage,
            challenge,
        )
        message = build_request(wanted, key, config.message_digest)
        kept = message
        if challenge:
            kept = build_request(replace(wanted, challenge_password=""), key, config.message_digest)
        signer = _signer(config, key, holder, now)
        record = CertificateRequest(
            role=ROLES[purpose],
            purpose=purpose,
            transaction_id=secrets.token_hex(20).upper(),
            request=kept,
            md5=md5_groups(message),
            sha256=sha256_text(message),
            signer=None if signer is None else signer.certificate.public_bytes(Encoding.DER),
            signer_key=signer.temporary_key() if signer is not None and signer.temporary else None,
        )
        yield Order(record, message, holder, signer)


def _signer(config: TrustpointConfig, key: PrivateKey, holder: Holder | None, now: datetime) -> MessageSigner | None:
    if config.method is not EnrollmentMethod.SCEP:
        return None
    if holder is not None:
        return MessageSigner.holder(holder.key, holder.certificate.public_bytes(Encoding.DER))
    return MessageSigner.for_key(key, config.subject, now)
