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
