"""How this room refuses: one exception a kind of refusal, with the facts. Messages say what to do and name no secret;
the northbound side maps each class to an error of its protocol."""

from __future__ import annotations

from collections.abc import Sequence


class PkiError(Exception):
    """Base of all refusals; `message` is for a person. Nothing has changed when one is raised."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidLabelError(PkiError):
    """A key label breaks the rules of keys.check_label."""


class ReservedLabelError(PkiError):
    """The label is one of the predefined ones, which configuration can't use."""


class InvalidKeySizeError(PkiError):
    """There is no key of this type and size."""


class KeyGenerationNotSupportedError(PkiError):
    """The key is one of the model, and the cryptographic library can't make it."""


class NotFipsCompliantError(PkiError):
    """The key is not one of FIPS mode. `field`: "type" or "size", whichever is at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class KeysNotFipsCompliantError(PkiError):
    """FIPS mode can't be switched on while there are such keys. `keys`: each one in words."""

    #: Keys that the message names.
    NAMED = 10

    def __init__(self, keys: Sequence[str]) -> None:
        named = ", ".join(keys[: self.NAMED])
        more = f" and {len(keys) - self.NAMED} more" if len(keys) > self.NAMED else ""
        super().__init__(
            f"FIPS mode does not allow keys that are there: {named}{more}. Zeroize those made by commands and rpcs, and"
            " change or remove those of the configuration in the same commit."
        )
        self.keys = tuple(keys)


class NotHeldByTpmError(KeyGenerationNotSupportedError):
    """A TPM does not hold keys of this type, size or usage."""

    field = "held_by"


class NoTpmError(PkiError):
    """This device has no TPM, or its agent is told to use none."""


class TpmFailedError(PkiError):
    """The TPM can't be used, or refuses. Trying again may help."""


class TpmKeyLostError(PkiError):
    """The TPM does not know a key pair that it is said to hold."""


class TooManyKeysError(PkiError):
    """The store is full."""


class KeyNotFoundError(PkiError):
    """There is no key pair of this type and label."""

    def __init__(self, key_type: str, label: str, message: str | None = None) -> None:
        super().__init__(message or f"There is no {key_type} key pair {label}; generate it first.")
        self.key_type = key_type
        self.label = label


class KeyOwnedByConfigurationError(PkiError):
    """The key pair was made by the configuration: only the configuration can replace or delete it.

    The message is the guide's, "Public Key-Pair Generation in XR Config Mode", two lines.
    """

    NOT_PERMITTED = "Cannot execute the command : Operation not permitted"
    REASON = "Key is added as part of config mode, key deletion is not allowed , delete key from config mode"

    def __init__(self, key_type: str, label: str) -> None:
        super().__init__(f"{self.NOT_PERMITTED}\n{self.REASON}")
        self.key_type = key_type
        self.label = label


class InvalidSubjectNameError(PkiError):
    """A subject name can't be understood."""


class InvalidAlternativeNamesError(PkiError):
    """Subject alternative names can't be understood."""


class InvalidFingerprintError(PkiError):
    """A fingerprint can't be understood. `reason`: what is wrong with it."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"This is no fingerprint: {reason}. Paste the SHA-256 (64 hexadecimal digits), SHA-1 (40) or MD5 (32)"
            " fingerprint of the certificate; spaces and colons between the digits don't matter."
        )
        self.reason = reason


class MalformedBerError(PkiError):
    """Bytes are not what they should be. `reason`: a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The data is damaged: {reason}.")
        self.reason = reason


class InvalidTrustpointError(PkiError):
    """A trustpoint can't be as it is configured. `field`: the attribute of TrustpointConfig at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class DigestNotSupportedError(InvalidTrustpointError):
    """Certificates are not signed with this digest."""


class KeyTooSmallError(PkiError):
    """The key has not enough bits to sign with the digest that is asked for."""


class NotAuthenticatedError(PkiError):
    """The trustpoint has no CA certificate yet."""

    def __init__(self, trustpoint: str) -> None:
        super().__init__(f"Trustpoint {trustpoint} has no CA certificate; authenticate it first.")
        self.trustpoint = trustpoint


class NotEnrolledError(PkiError):
    """The trustpoint has no certificate of its own yet."""

    def __init__(self, trustpoint: str) -> None:
        super().__init__(f"Trustpoint {trustpoint} has no certificate; authenticate and enroll it first.")
        self.trustpoint = trustpoint


class KeyChangedError(PkiError):
    """A key pair was replaced after its certificate was made. `role`: "ca" or "router"."""

    def __init__(self, trustpoint: str, role: str) -> None:
        what, remedy = ("root", "Authenticate and enroll") if role == "ca" else ("router", "Enroll")
        super().__init__(
            f"The {what} certificate of trustpoint {trustpoint} belongs to another key pair than the one in use now."
            f" {remedy} the trustpoint again."
        )
        self.trustpoint = trustpoint
        self.role = role


class RootNotValidError(PkiError):
    """The root certificate has expired, or is not valid yet."""

    def __init__(self, trustpoint: str) -> None:
        super().__init__(f"The root certificate of trustpoint {trustpoint} is not valid now; authenticate it again.")
        self.trustpoint = trustpoint
