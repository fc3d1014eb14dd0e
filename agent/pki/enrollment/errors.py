"""How enrolling refuses: one exception a kind of refusal. What goes wrong between us and a server is in
enrolment_errors.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.pki.errors import PkiError

#: Trustpoints that a message names.
_NAMED: Final = 3


class EnrollmentUnderWayError(PkiError):
    """Another enrollment of the trustpoint has not ended."""

    def __init__(self, trustpoint: str) -> None:
        super().__init__(
            f"An enrollment of trustpoint {trustpoint} is under way: wait for its end, or cancel it with"
            " cancel-enrollment."
        )


class WrongMethodError(PkiError):
    """The operation does not go with the trustpoint's enrollment url. `field`: the part of it that does not."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class CertificateTextMissingError(PkiError):
    """Cut and paste: nothing was pasted."""

    def __init__(self, trustpoint: str) -> None:
        super().__init__(
            f"Trustpoint {trustpoint} is authenticated by cut and paste: give the certificates, from the root to the"
            " issuing certification authority, as certificate."
        )


class FingerprintMismatchError(PkiError):
    """No certificate of the chain has the fingerprint."""

    def __init__(self, trustpoint: str) -> None:
        super().__init__(
            f"No certificate of the certification authority of trustpoint {trustpoint} has this fingerprint: nothing is"
            " trusted. Ask its administrator for the fingerprint."
        )


class ConfigurationChangedError(PkiError):
    """The trustpoint is configured in another way than when the operation began."""

    def __init__(self, trustpoint: str) -> None:
        super().__init__(
            f"The configuration of trustpoint {trustpoint} was changed meanwhile, and nothing was kept: do it again."
        )


class NothingOfferedError(PkiError):
    """There are no certificates that wait to be accepted."""

    def __init__(self, trustpoint: str) -> None:
        super().__init__(
            f"Trustpoint {trustpoint} has no certificates that wait to be accepted: authenticate it first."
        )


class ChallengeMissingError(PkiError):
    """The request needs a challenge password."""

    def __init__(self, trustpoint: str) -> None:
        super().__init__(
            f"The request of trustpoint {trustpoint} needs a challenge password: give challenge-password to the rpc"
            " enroll, or set skip-challenge-password to true if the certification authority wants none."
        )


class KeyPairSharedError(PkiError):
    """A key pair can't be made anew for one trustpoint, because others have certificates for it."""

    def __init__(self, trustpoint: str, others: Sequence[str]) -> None:
        named = ", ".join(others[:_NAMED]) + (" and others" if len(others) > _NAMED else "")
        super().__init__(
            f"The key pair of trustpoint {trustpoint} serves the certificates of {named} too, which would be of no use"
            " without it: give the trustpoint a key pair of its own."
        )


class EnrollmentRejectedError(PkiError):
    """The certification authority refuses, or the enrollment could not be completed."""


class NothingRequestedError(PkiError):
    """A certificate is imported, and none was asked for."""

    def __init__(self, trustpoint: str) -> None:
        super().__init__(f"No request of trustpoint {trustpoint} waits for a certificate: make one with enroll first.")


class CertificateMismatchError(PkiError):
    """An imported certificate is for none of the keys that were asked for, or not usable."""


class NothingToRestoreError(PkiError):
    """There are no previous certificates, or they are of no use any more."""


class ExportNotAllowedError(PkiError):
    """The private key must not leave the device."""


class UsageKeysNotExportedError(PkiError):
    """Usage keys are two, and there is one key in a PKCS #12."""

    def __init__(self, trustpoint: str) -> None:
        super().__init__(
            f"Trustpoint {trustpoint} has a key pair for signatures and one for encryption, and a PKCS #12 has one key."
            " Only general-purpose key pairs are exported."
        )


class WrongKeyTypeError(PkiError):
    """An imported key is of another type than the trustpoint names."""
