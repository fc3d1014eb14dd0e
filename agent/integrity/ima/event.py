"""One measurement of an IMA log, and how a log says that it is damaged."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

ByteOrder = Literal["little", "big"]

#: Bytes of a digest, by the names that kernel and hashlib agree on.
DIGEST_SIZES: Final = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
#: What a log may say is limited here, because anything can be in a file.
MAX_TEMPLATE_NAME_BYTES: Final = 255
MAX_TEMPLATE_DATA_BYTES: Final = 4 * 1024 * 1024
MAX_PCR: Final = 31

#: The template of old kernels, which has a form of its own: a SHA-1 digest, and a name that is hashed as 256 bytes.
OLD_TEMPLATE: Final = "ima"
OLD_DIGEST_BYTES: Final = 20
OLD_NAME_BYTES: Final = 256


class ImaEvent(NamedTuple):
    """A measurement.

    Attributes:
        number: its place in the log, from 1.
        pcr: the register that it extends.
        template: the name of its template, or the list of fields if that has no name ("d-ng|n-ng").
        template_hash: the digest that the log has of `data`; zeros for a violation.
        data: the bytes that are hashed.
        end: the offset in the log behind it, bytes.
        order: byte order of the numbers in `data`.
    """

    number: int
    pcr: int
    template: str
    template_hash: bytes
    data: bytes
    end: int
    order: ByteOrder

    @property
    def is_violation(self) -> bool:
        """Whether the kernel says that it could not measure reliably: a file was open for writing meanwhile."""
        return not self.template_hash.strip(b"\0")


class ImaLogError(Exception):
    """The log can't be read on.

    Attributes:
        message: what is wrong, for a person.
        number: of the event that can't be read.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"event {number}: {message}")
        self.message = f"Event {number} of the IMA log can't be read: {message}."
        self.number = number
