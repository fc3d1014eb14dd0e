"""Users' keys as people make them: by ssh-keygen, in every form that ssh-keygen and openssl write public keys in."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

from agent.pki.keys import KeyType

#: Key type -> how ssh-keygen makes one. (RSA of 1024 bits is the quickest that OpenSSH still uses.)
MAKING = {
    KeyType.RSA: ("-t", "rsa", "-b", "1024"),
    KeyType.ECDSA_NISTP256: ("-t", "ecdsa", "-b", "256"),
    KeyType.ECDSA_NISTP384: ("-t", "ecdsa", "-b", "384"),
    KeyType.ECDSA_NISTP521: ("-t", "ecdsa", "-b", "521"),
    KeyType.ED25519: ("-t", "ed25519"),
}
SIZES = {
    KeyType.RSA: 1024,
    KeyType.ECDSA_NISTP256: 256,
    KeyType.ECDSA_NISTP384: 384,
    KeyType.ECDSA_NISTP521: 521,
    KeyType.ED25519: 256,
}
FORMS = ("openssh", "rfc4716", "spki", "blob", "der")
#: PKCS #1 is RSA's alone.
RSA_FORMS = ("pkcs1", "pkcs1-der")
#: Each key type with each form that it has.
TYPES_AND_FORMS = [
    (key_type, form) for key_type in MAKING for form in (*FORMS, *(RSA_FORMS if key_type is KeyType.RSA else ()))
]


def run(*command: object, given: bytes = b"") -> bytes:
    done = subprocess.run(list(map(str, command)), input=given, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def make_key(path: Path, key_type: KeyType, comment: str = "jane@laptop") -> Path:
    """A private key of OpenSSH at `path`, with its public key beside it."""
    run("ssh-keygen", "-q", "-N", "", "-C", comment, "-f", path, *MAKING[key_type])
    return path


def line_of(key: Path) -> bytes:
    return Path(f"{key}.pub").read_bytes()


def blob_of(key: Path) -> bytes:
    return base64.b64decode(line_of(key).split()[1])


def fingerprint_of(key: Path) -> str:
    """By ssh-keygen."""
    return run("ssh-keygen", "-l", "-f", f"{key}.pub").decode().split()[1]


def spki_of(key: Path) -> bytes:
    """SubjectPublicKeyInfo in PEM, by ssh-keygen; for Ed25519, which it can't write, by RFC 8410 and openssl."""
    if b"ssh-ed25519" not in line_of(key):
        return run("ssh-keygen", "-e", "-m", "PKCS8", "-f", f"{key}.pub")
    der = bytes.fromhex("302a300506032b6570032100") + blob_of(key)[-32:]
    return run("openssl", "pkey", "-pubin", "-inform", "DER", "-pubout", given=der)


def public_key(key: Path, form: str) -> bytes:
    """The public key of `key` in one of the forms."""
    match form:
        case "openssh":
            return line_of(key)
        case "rfc4716":
            return run("ssh-keygen", "-e", "-m", "RFC4716", "-f", f"{key}.pub")
        case "spki":
            return spki_of(key)
        case "pkcs1":
            return run("ssh-keygen", "-e", "-m", "PEM", "-f", f"{key}.pub")
        case "blob":
            return blob_of(key)
        case "der":
            return run("openssl", "pkey", "-pubin", "-pubout", "-outform", "DER", given=spki_of(key))
        case "pkcs1-der":
            return run("openssl", "rsa", "-pubin", "-RSAPublicKey_out", "-outform", "DER", given=spki_of(key))
    raise ValueError(form)
