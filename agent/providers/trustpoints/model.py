"""A trustpoint's configuration record as the PKI library's TrustpointConfig, and its words for parts of it."""

from __future__ import annotations

import re
from ipaddress import ip_address
from types import MappingProxyType
from typing import Final

from agent.host.contract import Host
from agent.northbound.contract import ConfigView, Record
from agent.northbound.errors import ProviderError
from agent.pki.trustpoint import CertificateUsage, KeyReference, MessageDigest, TrustpointConfig
from agent.providers.keys.vocabulary import KEY_TYPES
from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import refusing
from agent.providers.system.device import fqdn, serial_number

TRUSTPOINTS: Final = "/trustconf-trustpoints:trustpoints/trustpoint"

#: The trustpoint that signs dossiers. It enrolls with itself when it does not say otherwise.
SYSTEM_TRUSTPOINT: Final = "system-trustpoint"

SELF: Final = "self"
#: What a name can be (typedef trustpoint-name); it can stand in an instance path as it is.
_NAME: Final = re.compile(r"[A-Za-z0-9_.:,@#%$+=|;-]{1,128}")
#: ip-address when there is none.
_NO_ADDRESS: Final = "none"

#: Identity -> digest; each identity is called as the digest is.
_DIGESTS: Final = {f"trustconf-trustpoints:{digest.value}": digest for digest in MessageDigest}

#: Attribute of TrustpointConfig -> leaf of the list entry.
LEAVES: Final = MappingProxyType(
    {
        "name": "name",
        "keypair": "keypair",
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
    }
)


def configured_trustpoint(config: ConfigView, name: str) -> Record | None:
    """The entry of the list with its defaults, or None. `name` may be anything."""
    if not _NAME.fullmatch(name):
        return None
    record: Record | None = config.get(f"{TRUSTPOINTS}[name='{name}']")
    return record


def enrollment_url(record: Record) -> str | None:
    """Where the trustpoint enrolls, the default of the system trustpoint filled in."""
    url = record.get("enrollment", {}).get("url")
    if url is None and record["name"] == SYSTEM_TRUSTPOINT:
        return SELF
    return None if url is None else str(url)


def is_complete(record: Record) -> bool:
    """Whether everything is there that `enrollment self` needs."""
    return enrollment_url(record) == SELF and "ca-keypair" in record


def trustpoint_config(record: Record, config: ConfigView, host: Host, leaves_below: str | None) -> TrustpointConfig:
    """What `record`, a complete entry of the list with its defaults, means on this device.

    `leaves_below` is the entry's instance path when its leaves are at fault in the request, None when the request has
    no such leaves. Raises ProviderError.
    """
    if enrollment_url(record) is None:
        raise ProviderError(
            "operation-failed",
            f"Trustpoint {record['name']} has no enrollment: set enrollment/url to self.",
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
        return _build(record, config, host)


def _build(record: Record, config: ConfigView, host: Host) -> TrustpointConfig:
    usages = record.get("key-usage", {})
    address = record["ip-address"]
    return TrustpointConfig(
        name=record["name"],
        keypair=_key(record["keypair"]),
        ca_keypair=_key(record["ca-keypair"]),
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
    )


def _key(record: Record) -> KeyReference:
    return KeyReference(KEY_TYPES[record["type"]], record["label"])


def _usages(names: tuple[str, ...]) -> frozenset[CertificateUsage]:
    return frozenset(CertificateUsage(name) for name in names)
