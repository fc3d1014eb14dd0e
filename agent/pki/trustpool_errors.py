"""How a bundle of CA certificates is refused. Nothing of the trustpool has changed when one of these is raised."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from agent.pki import import_errors as imports
from agent.pki.errors import PkiError

#: What can be wrong with the text or bytes -> a sentence, with attributes of the exception.
_DEFECTS: Final[Mapping[type[imports.PastedCertificatesError], str]] = MappingProxyType(
    {
        imports.NothingPastedError: "There is no certificate in it",
        imports.PasteTooLargeError: "It has more than {limit}",
        imports.PrivateKeyPastedError: "There is a private key in it, which is disclosed now",
        imports.OtherPemBlockError: "There is a PEM block of the kind {label} in it",
        imports.TruncatedPemBlockError: "PEM block {block} is cut off",
        imports.BrokenBase64Error: "It is neither PKCS #7 nor PEM, or damaged",
        imports.SeveralCertificatesError: "It is several certificates without PEM lines or PKCS #7 around them",
        imports.NotACertificateError: "{what} is no certificate: {reason}",
    }
)


class TrustpoolError(PkiError):
    """Base of all refusals of the trustpool."""


class BundleUrlMissingError(TrustpoolError):
    """Nobody says where the bundle is."""

    def __init__(self) -> None:
        super().__init__("There is no URL of a bundle: give one, or configure cabundle-url in the policy.")


class ImportUnderWayError(TrustpoolError):
    """A bundle is being imported."""

    def __init__(self) -> None:
        super().__init__("A bundle is being imported: wait until import-under-way is false.")


class BundleNotThereError(TrustpoolError):
    """The server does not give the bundle. `status`: of HTTP."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"The server at {url} has no bundle there: it answered with the HTTP status {status}.")
        self.url = url
        self.status = status


class InvalidBundleError(TrustpoolError):
    """What the server sent is no bundle of CA certificates, or too large. `defect`: a sentence."""

    def __init__(self, defect: str) -> None:
        super().__init__(
            f"The bundle can't be used. {defect}. A bundle is CA certificates in PKCS #7, or one after another in PEM."
        )
        self.defect = defect

    @classmethod
    def of(cls, error: imports.PastedCertificatesError) -> InvalidBundleError:
        """What the reader of certificate texts has found."""
        return cls(_DEFECTS[type(error)].format_map(vars(error)))


class NotACaInBundleError(TrustpoolError):
    """A certificate of the bundle is none of a certification authority. `number`: which one, from 1."""

    def __init__(self, number: int, subject: str) -> None:
        super().__init__(
            f"Certificate {number} of the bundle, of {subject}, is none of a certification authority: nothing of the"
            " bundle was taken. Remove it there."
        )
        self.number = number
        self.subject = subject


class AllExpiredError(TrustpoolError):
    """All certificates of the bundle have expired. `expired`: how many there are."""

    def __init__(self, expired: int) -> None:
        super().__init__(
            f"All {expired} certificates of the bundle have expired by this device's clock: get a newer bundle, or set"
            " the clock."
        )
        self.expired = expired
