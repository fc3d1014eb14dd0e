"""Which YANG modules the agent implements, and with which features. Data only.

Modules that these import for their types alone are found by the compiler and reported as import-only.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: Module -> enabled features. Every feature that is not named here is off.
FEATURES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ietf-netconf": ("writable-running", "candidate", "rollback-on-error", "validate", "xpath"),
        "ietf-netconf-monitoring": (),
        "ietf-yang-library": (),
        "ietf-datastores": (),
        "notifications": (),
        "nc-notifications": (),
        "iana-crypt-hash": ("crypt-hash-sha-256", "crypt-hash-sha-512"),
        "ietf-system": ("authentication", "local-users"),
        "ietf-crypto-types": (
            "p10-csr-format",
            "csr-generation",
            "certificate-expiration-notification",
            "hidden-private-keys",
        ),
        "ietf-keystore": ("central-keystore-supported", "asymmetric-keys"),
        "ietf-tpm-remote-attestation": ("bios", "ima"),
        # Without it there are no names for the digests of logs.
        "ietf-tcg-algs": ("tpm20",),
        "trustconf-system": (),
        "trustconf-keys": (),
        "trustconf-trustpoints": (),
        "trustconf-trustpool": (),
        "trustconf-integrity": (),
        "trustconf-deviations": (),
        "Cisco-IOS-XR-um-crypto-cfg": (),
        "Cisco-IOS-XR-crypto-act": (),
        "Cisco-IOS-XR-crypto-cepki-oper": (),
        "Cisco-IOS-XR-crypto-cepki-new-oper": (),
        "Cisco-IOS-XR-linux-os-reboot-history-oper": (),
        "Cisco-IOS-XR-spirit-install-instmgr-oper": (),
        "Cisco-IOS-XR-install-oper": (),
        "Cisco-IOS-XR-filesysinv-show-oper": (),
        "Cisco-IOS-XR-filesysinv-cfg": (),
        "Cisco-IOS-XR-remote-attestation-act": (),
        "Cisco-IOS-XR-attestation-agent-ima-oper": (),
        "Cisco-IOS-XR-attestation-agent-cfg": (),
    }
)

#: All of them, in the order in which they are loaded.
IMPLEMENTED_MODULES: Final[tuple[str, ...]] = tuple(FEATURES)
