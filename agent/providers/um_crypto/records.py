"""Trustpoints of Cisco-IOS-XR-um-crypto-cfg as the records that trustconf-trustpoints has for its own: whoever works on
trustpoints needs to know one shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from agent.northbound.contract import ConfigView, Record
from agent.pki.trustpoint import SYSTEM_TRUSTPOINT as SYSTEM_NAME

_TRUSTPOINT: Final = "/Cisco-IOS-XR-um-crypto-cfg:crypto/ca/trustpoint"
SYSTEM_TRUSTPOINT: Final = f"{_TRUSTPOINT}/system-trustpoint"
TRUSTPOINTS: Final = f"{_TRUSTPOINT}/trustpoints/trustpoint"
#: The leaves that hold a password (Proprietary-password).
PASSWORDS: Final = tuple(f"{path}/sftp-password/password" for path in (SYSTEM_TRUSTPOINT, TRUSTPOINTS))

_NAME_LEAF: Final = "trustpoint-name"
#: What a name can be; it can stand in an instance path as it is.
_NAME: Final = re.compile(r"[A-Za-z0-9_.:,@#%$+=|;-]{1,128}")

_KEY_TYPES: Final = MappingProxyType(
    {
        "rsa": "rsa",
        "ecdsanistp256": "ecdsa-nistp256",
        "ecdsanistp384": "ecdsa-nistp384",
        "ecdsanistp521": "ecdsa-nistp521",
        "dsa": "dsa",
        "ed25519": "ed25519",
    }
)
_DEFAULT_KEYPAIR: Final = "the_default"

#: In the order of the bits, which is that of their values.
_USAGES: Final = ("digitalsignature", "nonrepudiation", "keyencipherment", "dataencipherment", "keyagreement")
_CA_USAGES: Final = ("digitalsignature", "nonrepudiation", "keycertsign", "crlsign")

#: What the trustpoints of the list can't say, and what everybody has who does not say it.
_LIFETIME: Final = MappingProxyType({"certificate": 200, "ca-certificate": 365})
_NO_ADDRESS: Final = "none"
_ENROLLMENT: Final = MappingProxyType({"timeout": 30, "allow-weak-algorithms": False, "non-rsa-keys": False})

#: Leaves that have the same name and values in both models.
_SAME: Final = ("description", "subject-name", "subject-alternative-name", "subject-name-ca-certificate", "vrf")

#: Leaf of a trustpoint in our model -> in Cisco's, where they differ.
_LEAVES: Final = MappingProxyType(
    {
        "name": _NAME_LEAF,
        "query-url": "query/url",
        "ip-address": "ip-address/ipv4-address",
        "sftp/username": "sftp-username",
        "sftp/password": "sftp-password/password",
    }
)


def um_trustpoints(view: ConfigView) -> Iterator[Record]:
    """All trustpoints of the model, each as an entry of /trustconf-trustpoints:trustpoints/trustpoint with its
    defaults."""
    system = view.get(SYSTEM_TRUSTPOINT)
    if system is not None:
        yield normalised(system)
    for record in view.get(TRUSTPOINTS) or ():
        yield normalised(record)


def um_trustpoint(view: ConfigView, name: str) -> Record | None:
    """The one called `name`, which may be anything, or None."""
    if not _NAME.fullmatch(name):
        return None
    record: Record | None = view.get(um_path(name))
    return None if record is None else normalised(record)


def um_path(name: str) -> str:
    """The instance path of the trustpoint with this name, which is a possible one."""
    return SYSTEM_TRUSTPOINT if name == SYSTEM_NAME else f"{TRUSTPOINTS}[{_NAME_LEAF}='{name}']"


def um_leaf(leaf: str, record: Record) -> str:
    """What is called `leaf` in our model, in the trustpoint whose record of Cisco's model is `record`."""
    if leaf.partition("/")[0] == "keypair":
        return "keypair" if "keypair" in record else "rsakeypair"
    if leaf == "enrollment/url":
        return next((f"enrollment/{way}" for way in ("terminal", "self") if way in record.get("enrollment", {})), leaf)
    return _LEAVES.get(leaf, leaf)


def normalised(record: Record) -> Record:
    """A record of Cisco's model, with its defaults, as one of ours. The one without a name is the system
    trustpoint's."""
    usages = _key_usages(record.get("key-usage", {}))
    sftp = {"username": record.get("sftp-username"), "password": record.get("sftp-password", {}).get("password")}
    optional = {
        **{leaf: record.get(leaf) for leaf in _SAME},
        "query-url": record.get("query", {}).get("url"),
        "auto-enroll": record.get("auto-enroll"),
        "ca-keypair": _keypair(record.get("ca-keypair", {})),
        "key-usage": usages or None,
        "sftp": {leaf: value for leaf, value in sftp.items() if value is not None} or None,
    }
    return {
        "name": record.get(_NAME_LEAF, SYSTEM_NAME),
        "enrollment": _enrollment(record["enrollment"]),
        "keypair": _keypair(record.get("keypair", {}))
        or _key_reference("rsa", record.get("rsakeypair", _DEFAULT_KEYPAIR)),
        "lifetime": dict(record.get("lifetime", _LIFETIME)),
        "message-digest": f"trustconf-trustpoints:{record['message-digest']}",
        "serial-number": "none" not in record.get("serial-number", {}),
        "ip-address": record.get("ip-address", {}).get("ipv4-address", _NO_ADDRESS),
        "crl": {"optional": "optional" in record.get("crl", {})},
        "skip-challenge-password": "skip-challenge-password" in record,
        "renewal-message-type": "renewalreq" if "renewalreq" in record.get("renewal-message-type", {}) else "pkcsreq",
        **{leaf: value for leaf, value in optional.items() if value is not None},
    }


def _enrollment(record: Record) -> Record:
    way = next((way for way in ("terminal", "self") if way in record), record.get("url"))
    enrollment = {"retry": dict(record["retry"]), **_ENROLLMENT}
    return enrollment if way is None else {"url": way, **enrollment}


def _keypair(record: Record) -> Record | None:
    return next((_key_reference(leaf, label) for leaf, label in record.items()), None)


def _key_reference(leaf: str, label: str) -> Record:
    return {"type": f"trustconf-keys:{_KEY_TYPES[leaf]}", "label": label}


def _key_usages(record: Record) -> Record:
    usages = {}
    if "certificate" in record:
        usages["certificate"] = tuple(usage for usage in _USAGES if usage in record["certificate"])
    if "ca-certificate" in record:
        usages["ca-certificate"] = tuple(usage for usage in _CA_USAGES if record["ca-certificate"].get(usage))
    return usages
