"""How what people paste or upload is refused: certificates (certificate_texts.py) and PKCS #12 files (pkcs12.py).

No message has anything of what was pasted in it: it may be a private key, or belong into no log.
"""

from __future__ import annotations

from agent.pki.errors import PkiError


class PastedCertificatesError(PkiError):
    """Base of all refusals of what was pasted as certificates."""


class NothingPastedError(PastedCertificatesError):
    """There is no certificate in it at all."""

    def __init__(self) -> None:
        super().__init__(
            "There is no certificate in this; paste it in PEM, with its BEGIN and END lines, or in base64."
        )


class PasteTooLargeError(PastedCertificatesError):
    """It has more bytes, or more certificates, than are taken. `limit`: such as "64 certificates"."""

    def __init__(self, limit: str) -> None:
        super().__init__(f"This is more than {limit}; paste only the certificates of one chain.")
        self.limit = limit


class PrivateKeyPastedError(PastedCertificatesError):
    """It has a private key in it."""

    def __init__(self) -> None:
        super().__init__(
            "There is a private key in this, and nothing of it was taken. Never paste a private key: treat this one as"
            " disclosed and replace it. Paste the certificate alone; a key comes with its certificate in a PKCS #12"
            " file."
        )


class OtherPemBlockError(PastedCertificatesError):
    """A PEM block is no certificate. `label`: what it says it is."""

    def __init__(self, label: str) -> None:
        super().__init__(f"There is a PEM block of the kind {label} in this; paste CERTIFICATE and PKCS7 blocks only.")
        self.label = label


class TruncatedPemBlockError(PastedCertificatesError):
    """A PEM block has no BEGIN or no END line of its own. `block`: which one, from 1."""

    def __init__(self, block: int) -> None:
        super().__init__(f"PEM block {block} is cut off: its BEGIN or END line is missing. Paste the whole block.")
        self.block = block


class BrokenBase64Error(PastedCertificatesError):
    """What should be base64 is not. `block`: the PEM block, from 1; None without PEM lines."""

    def __init__(self, block: int | None) -> None:
        super().__init__(
            "This is neither PEM nor base64; paste the certificate with its BEGIN and END lines."
            if block is None
            else f"PEM block {block} is not base64: characters were changed or lost. Copy it again."
        )
        self.block = block


class SeveralCertificatesError(PastedCertificatesError):
    """Several certificates, one after the other, without PEM lines."""

    def __init__(self) -> None:
        super().__init__("There is more than one certificate in this; paste several ones in PEM or PKCS #7 only.")


class NotACertificateError(PastedCertificatesError):
    """It could be read, and is no certificate. `what` says which part of it, `reason` why."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what} is no certificate: {reason}. Copy the certificate again.")
        self.what = what
        self.reason = reason


class Pkcs12Error(PkiError):
    """Base of all refusals of a PKCS #12 file, or to make one."""


class Pkcs12TooLargeError(Pkcs12Error):
    """It has more bytes or certificates than are taken. `limit`: such as "1 MiB"."""

    def __init__(self, limit: str) -> None:
        super().__init__(f"The PKCS #12 file has more than {limit}; make one of a single key and its certificates.")
        self.limit = limit


class Pkcs12DamagedError(Pkcs12Error):
    """It is no PKCS #12 file, or damaged where no password is needed to see it."""

    def __init__(self) -> None:
        super().__init__("This is no PKCS #12 file, or it is damaged; transfer it again, in binary or base64.")


class Pkcs12UnsupportedError(Pkcs12Error):
    """It is protected in a way that is not supported. `algorithm`: its name or object identifier."""

    def __init__(self, algorithm: str) -> None:
        super().__init__(
            f"The PKCS #12 file is protected by {algorithm}, which is not supported; make one with AES-256 and SHA-256."
        )
        self.algorithm = algorithm


class Pkcs12IterationsError(Pkcs12Error):
    """To open it would take too long. `iterations`: of all key derivations together; `limit`: most."""

    def __init__(self, iterations: int, limit: int) -> None:
        super().__init__(
            f"To open the PKCS #12 file takes more than {limit} iterations of key derivation; make one with fewer."
        )
        self.iterations = iterations
        self.limit = limit


class Pkcs12PasswordError(Pkcs12Error):
    """The password doesn't open it. A wrong password and damage under the encryption look the same."""

    def __init__(self) -> None:
        super().__init__("The password does not open the PKCS #12 file: it is another one, or the file is damaged.")


class Pkcs12NoKeyError(Pkcs12Error):
    """It has no private key."""

    def __init__(self) -> None:
        super().__init__("The PKCS #12 file has no private key; export the certificate together with its key.")


class Pkcs12SeveralKeysError(Pkcs12Error):
    """It has more than one private key."""

    def __init__(self) -> None:
        super().__init__("The PKCS #12 file has several private keys; make one for each key.")


class Pkcs12NoCertificateError(Pkcs12Error):
    """It has no certificate."""

    def __init__(self) -> None:
        super().__init__("The PKCS #12 file has no certificate; export the key together with its certificate.")


class Pkcs12CertificateDamagedError(Pkcs12Error):
    """A certificate in it can't be read. `reason`: why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"A certificate in the PKCS #12 file can't be used: {reason}.")
        self.reason = reason


class Pkcs12KeyNotSupportedError(Pkcs12Error):
    """The key is none of keys.py. `reason`: why."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The private key in the PKCS #12 file can't be used. {reason}")
        self.reason = reason


class KeyNotOfCertificateError(Pkcs12Error):
    """The private key is another one than that of the certificate."""

    def __init__(self) -> None:
        super().__init__("The private key does not belong to the certificate; export the two that belong together.")


class WeakExportPasswordError(Pkcs12Error):
    """The password for a file to be made is too short or can't be typed everywhere. `minimum`: of its length."""

    def __init__(self, minimum: int, maximum: int) -> None:
        super().__init__(
            f"The password for a PKCS #12 file has {minimum} to {maximum} printable ASCII characters; choose another"
            " one."
        )
        self.minimum = minimum
