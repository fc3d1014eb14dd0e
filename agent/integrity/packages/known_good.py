"""Known good values (KGV): what packages must have as their install-time values, signed by whoever built them.

A KGV is a signed envelope (docs/envelope.md) without nonce and certificate, with JSON in it (docs/fingerprint.md). It
is believed if one of the pinned public keys has signed it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from agent.integrity.compression import CompressionError
from agent.integrity.content import BytesContent, SpoolError, joined
from agent.integrity.envelope import Signer, payload_signed_by, sign_envelope
from agent.integrity.packages.dpkg_files import Basis
from agent.integrity.packages.fingerprint import ALGORITHM, NONE
from agent.integrity.packages.package_files import PackageFile
from agent.integrity.packages.package_set import PackageId, PackageReport
from agent.integrity.signatures import UnsupportedKeyError, algorithm_for
from agent.integrity.signed_text import EnvelopeFormatError
from agent.pki.keys import PrivateKey
from agent.pki.signer import CertificateSigner

FORMAT = "trustconf-kgv"
VERSION = 1
#: Of a KGV's text.
MAX_CHARACTERS = 64 * 1024 * 1024
MAX_PACKAGES = 500_000

_ID_MEMBERS = ("manager", "name", "epoch", "version", "release", "architecture")


class KnownGoodError(ValueError):
    """The KGV can't be used; `message` is for a person. `is_untrusted`: it may be one, but of nobody who is trusted."""

    def __init__(self, message: str, *, is_untrusted: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.is_untrusted = is_untrusted


class KnownGoodKeyError(ValueError):
    """The file is not an unencrypted private key that envelopes are signed with."""


def load_signing_key(pem: bytes) -> Signer:
    """A signer with the key in a PEM file, without certificates; raises KnownGoodKeyError."""
    try:
        key = serialization.load_pem_private_key(pem, None)
        return CertificateSigner(algorithm_for(key.public_key()), (), cast(PrivateKey, key))
    except (ValueError, TypeError, UnsupportedAlgorithm, UnsupportedKeyError):
        raise KnownGoodKeyError("not an unencrypted private key (RSA, DSA, ECDSA, Ed25519) in PEM") from None


def build(files: Iterable[PackageFile], signer: Signer) -> str:
    """The text of the KGV of these packages."""
    packages = [
        {
            **{name: getattr(file.id, name) for name in _ID_MEMBERS},
            "fingerprint-basis": file.basis.value,
            "fingerprint": file.value,
            **({"gpg-key-id": file.key_id} if file.key_id else {}),
        }
        for file in sorted(files, key=lambda file: (file.id.manager, file.id.text))
    ]
    document = {"format": FORMAT, "version": VERSION, "algorithm": ALGORITHM, "packages": packages}
    payload = json.dumps(document, indent=1).encode("ascii")
    signed = sign_envelope(BytesContent(payload), nonce=None, signer=signer, include_certificate=False)
    return b"".join(signed.chunks()).decode("ascii")


#: Package and basis -> install-time value.
KnownGood = Mapping[tuple[PackageId, str], str]


def read(text: str, trusted_keys: Sequence[object]) -> KnownGood:
    """The values of a KGV that one of the public keys has signed; raises KnownGoodError."""
    if len(text) > MAX_CHARACTERS:
        raise KnownGoodError(f"The KGV is larger than {MAX_CHARACTERS} characters.")
    try:
        # What is not ASCII is no envelope either.
        source = io.BytesIO(text.encode("ascii", "replace"))
        payload = payload_signed_by(source, trusted_keys, limit=MAX_CHARACTERS)
    except (EnvelopeFormatError, CompressionError, SpoolError):
        raise KnownGoodError(
            "The KGV is not a signed envelope; send the file of 'trustconf kgv build' as it is."
        ) from None
    if payload is None:
        raise KnownGoodError(
            "None of the pinned keys has signed this KGV. Put the public key of whoever built it, as a PEM file, into"
            " the folder 'package-keys' of the agent's state folder.",
            is_untrusted=True,
        )
    try:
        return _values(json.loads(joined(payload)))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise KnownGoodError("The envelope does not hold a KGV of this version.") from None


def _values(document: Any) -> KnownGood:
    found = (document["format"], document["version"], document["algorithm"])
    if found != (FORMAT, VERSION, ALGORITHM) or len(document["packages"]) > MAX_PACKAGES:
        raise ValueError("not a KGV of this version")
    return {
        (PackageId(*(str(entry[name]) for name in _ID_MEMBERS)), str(entry["fingerprint-basis"])): str(
            entry["fingerprint"]
        )
        for entry in document["packages"]
    }


class Verdict(StrEnum):
    """What a KGV says of an installed package."""

    MATCH = "match"
    MISMATCH = "mismatch"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One package: whether its two values are the known good one. `known_good` is "" if there is none."""

    report: PackageReport
    known_good: str
    install_time: Verdict
    run_time: Verdict


def compare(known_good: KnownGood, packages: Iterable[PackageReport]) -> list[Comparison]:
    """Each package beside the KGV."""
    return [
        Comparison(
            report,
            *compare_values(
                known_good, report.id, report.basis.value, report.install_time, report.run_time, report.md5sums
            ),
        )
        for report in packages
    ]


def compare_values(
    known_good: KnownGood, package: PackageId, basis: str, install_time: str, run_time: str, md5sums: str
) -> tuple[str, Verdict, Verdict]:
    """The known good value ("" if there is none), and whether the two values of a package are that one.

    Nobody but the device can know a value of the basis first-sight. It rests on the digests of dpkg, whose fingerprint
    is `md5sums` ("" if it is not told), and which can be known: what is still as it was at first sight is what these
    are of.
    """
    if basis == Basis.FIRST_SIGHT:
        basis = Basis.MD5SUMS
        run_time = (md5sums or NONE) if run_time == install_time else run_time
        install_time = md5sums or NONE
    value = known_good.get((package, basis), "")
    # A value that there is none of is no proof that something has changed.
    install, run = (Verdict.UNKNOWN if found == NONE else _verdict(value, found) for found in (install_time, run_time))
    return value, install, run


def _verdict(known_good: str, value: str) -> Verdict:
    if not known_good:
        return Verdict.UNKNOWN
    return Verdict.MATCH if known_good == value else Verdict.MISMATCH
