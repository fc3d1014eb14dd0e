"""A trustpoint's configuration record as the PKI library's TrustpointConfig, and its words for parts of it."""

from __future__ import annotations

from ipaddress import ip_address
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.host.contract import Host
from agent.northbound.contract import ConfigView, Record
from agent.northbound.errors import ProviderError
from agent.pki.alternative_names import parse_alternative_names
from agent.pki.enrollment.context import Outline
from agent.pki.enrollment.servers import check_server
from agent.pki.trustpoint import (
    SYSTEM_TRUSTPOINT,
    CertificateUsage,
    EnrollmentMethod,
    EnrollmentServer,
    KeyReference,
    MessageDigest,
    RenewalMessage,
    TrustpointConfig,
)
from agent.providers.keys.vocabulary import KEY_TYPES
from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import refusing
from agent.providers.secrets import open_secret
from agent.providers.system.device import fqdn, serial_number
from agent.storage.sealing import Sealer

_WITH_SERVER: Final = frozenset({EnrollmentMethod.SCEP, EnrollmentMethod.EST})

#: ip-address when there is none.
_NO_ADDRESS: Final = "none"

#: Identity -> digest; each identity is called as the digest is.
_DIGESTS: Final = {f"trustconf-trustpoints:{digest.value}": digest for digest in MessageDigest}
_PURPOSES: Final = {
    f"trustconf-trustpoints:{name}": oid
    for name, oid in {
        "server-auth": ExtendedKeyUsageOID.SERVER_AUTH,
        "client-auth": ExtendedKeyUsageOID.CLIENT_AUTH,
        "code-signing": ExtendedKeyUsageOID.CODE_SIGNING,
        "email-protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
        "time-stamping": ExtendedKeyUsageOID.TIME_STAMPING,
        "ocsp-signing": ExtendedKeyUsageOID.OCSP_SIGNING,
        "ipsec-ike": ExtendedKeyUsageOID.IPSEC_IKE,
    }.items()
}

#: Attribute of TrustpointConfig, or what the library calls a part of it -> leaf of the list entry.
LEAVES: Final = MappingProxyType(
    {
        "name": "name",
        "keypair": "keypair",
        "label": "keypair/label",
        "ca_keypair": "ca-keypair",
        "subject_name": "subject-name",
        "ca_subject_name": "subject-name-ca-certificate",
        "key_usage": "key-usage/certificate",
        "ca_key_usage": "key-usage/ca-certificate",
        "lifetime": "lifetime/certificate",
        "ca_lifetime": "lifetime/ca-certificate",
        "message_digest": "message-digest",
        "device_serial": "serial-number",
        "ip_address": "ip-address",
        "alternative_names": "subject-alternative-name",
        "url": "enrollment/url",
        "username": "enrollment/credential/username",
        "vrf": "vrf",
    }
)


def enrollment_url(record: Record) -> str | None:
    """Where the trustpoint enrolls. The system trustpoint enrolls with itself when it does not say otherwise."""
    url = record.get("enrollment", {}).get("url")
    if url is None and record["name"] == SYSTEM_TRUSTPOINT:
        return EnrollmentMethod.SELF.value
    return None if url is None else str(url)


def is_complete(record: Record) -> bool:
    """Whether everything is there that the trustpoint's way to enroll needs."""
    url = enrollment_url(record)
    return url is not None and (url != EnrollmentMethod.SELF or "ca-keypair" in record)


def outline(record: Record) -> Outline:
    """What the state of the trustpoint of a complete record follows from."""
    url = enrollment_url(record)
    assert url is not None, "it is complete"
    method = EnrollmentMethod.of_url(url)
    keys = [record["keypair"]]
    if method is EnrollmentMethod.SELF:
        keys.append(record["ca-keypair"])
    retry_count = record["enrollment"]["retry"]["count"] if method in _WITH_SERVER else None
    return Outline(method, tuple(map(key_reference, keys)), retry_count)


def trustpoint_config(
    record: Record, config: ConfigView, host: Host, sealer: Sealer, leaves_below: str | None
) -> TrustpointConfig:
    """What `record`, a complete entry of the list with its defaults, means on this device.

    `leaves_below` is the entry's instance path when its leaves are at fault in the request, None when the request has
    no such leaves. Raises ProviderError.
    """
    if enrollment_url(record) is None:
        raise ProviderError(
            "operation-failed",
            f"Trustpoint {record['name']} has no enrollment: set enrollment/url.",
            app_tag="enrollment-missing",
        )
    if not is_complete(record):
        raise ProviderError(
            "operation-failed",
            f"Trustpoint {record['name']} has no key pair for its root: set ca-keypair.",
            app_tag="ca-keypair-missing",
        )
    leaves = {} if leaves_below is None else {field: f"{leaves_below}/{leaf}" for field, leaf in LEAVES.items()}
    with refusing(PKI_REFUSALS, leaves):
        made = _build(record, config, host, sealer)
        check_server(made)
    return made


def _build(record: Record, config: ConfigView, host: Host, sealer: Sealer) -> TrustpointConfig:
    usages = record.get("key-usage", {})
    address = record["ip-address"]
    url = enrollment_url(record)
    assert url is not None
    method = EnrollmentMethod.of_url(url)
    return TrustpointConfig(
        name=record["name"],
        method=method,
        server=_server(url, record, sealer) if method in _WITH_SERVER else None,
        keypair=key_reference(record["keypair"]),
        ca_keypair=key_reference(record["ca-keypair"]) if method is EnrollmentMethod.SELF else None,
        fqdn=fqdn(config, host),
        device_serial=serial_number(host) if record["serial-number"] else "",
        subject_name=record.get("subject-name"),
        ca_subject_name=record.get("subject-name-ca-certificate"),
        key_usage=_usages(usages.get("certificate", ())),
        ca_key_usage=_usages(usages.get("ca-certificate", ())),
        lifetime=record["lifetime"]["certificate"],
        ca_lifetime=record["lifetime"]["ca-certificate"],
        message_digest=_DIGESTS[record["message-digest"]],
        serial_number=record["serial-number"],
        ip_address=None if address == _NO_ADDRESS else ip_address(address),
        alternative_names=_alternative_names(record.get("subject-alternative-name")),
        extended_key_usage=tuple(_PURPOSES[purpose] for purpose in record.get("extended-key-usage", ())),
    )


def _server(url: str, record: Record, sealer: Sealer) -> EnrollmentServer:
    enrollment = record.get("enrollment", {})
    credential = enrollment.get("credential", {})
    password = credential.get("password")
    return EnrollmentServer(
        url=url,
        ca_identifier=enrollment.get("ca-identifier"),
        allow_weak=enrollment["allow-weak-algorithms"],
        non_rsa_keys=enrollment["non-rsa-keys"],
        skip_challenge=record["skip-challenge-password"],
        username=credential.get("username"),
        password=None if password is None else open_secret(password, sealer),
        vrf=record.get("vrf"),
        retry_count=enrollment["retry"]["count"],
        retry_period=enrollment["retry"]["period"],
        timeout=enrollment["timeout"],
        renewal_message=RenewalMessage(record["renewal-message-type"]),
    )


def key_reference(record: Record) -> KeyReference:
    """A key pair that a record names by type and label."""
    return KeyReference(KEY_TYPES[record["type"]], record["label"])


def _alternative_names(text: str | None) -> tuple[x509.GeneralName, ...]:
    return () if text is None else parse_alternative_names(text)


def _usages(names: tuple[str, ...]) -> frozenset[CertificateUsage]:
    return frozenset(CertificateUsage(name) for name in names)
