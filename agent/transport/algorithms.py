"""The SSH algorithms that we offer: an allow-list, so that a library update can't bring an old one back.

Left out on purpose: CBC and 3DES ciphers, MD5 and SHA-1 in MACs, key exchange and signatures, DSA. Strict key exchange
(the answer to the Terrapin attack) is paramiko's default and is asked for by ssh_server.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import paramiko

#: What is offered, best first, by the names that paramiko uses for the kinds.
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "kex": (
        "mlkem768x25519-sha256",
        "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group14-sha256",
    ),
    "ciphers": (
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        "aes128-ctr",
        "aes192-ctr",
        "aes256-ctr",
    ),
    "macs": (
        "hmac-sha2-256-etm@openssh.com",
        "hmac-sha2-512-etm@openssh.com",
        "hmac-sha2-256",
        "hmac-sha2-512",
    ),
    "keys": ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"),
    "pubkeys": (
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ),
    "compression": ("none",),
}


def available(kind: str) -> tuple[str, ...]:
    """The allowed algorithms of `kind` that this paramiko has (mlkem needs a recent `cryptography`)."""
    known: Sequence[str] = getattr(paramiko.Transport, f"_preferred_{kind}")
    return tuple(name for name in ALLOWED[kind] if name in known)


def restrict(transport: paramiko.Transport) -> None:
    """Offer only what is allowed. Call it before the transport starts.

    paramiko's `disabled_algorithms` is a deny-list and its SecurityOptions lack user keys, hence the attributes.
    """
    for kind in ALLOWED:
        setattr(transport, f"_preferred_{kind}", available(kind))
