"""What the data of a measurement say: the kernel's templates and their fields (Documentation/security/IMA-templates).

In all templates but `ima` every field has its length before it, 4 bytes; template hashes are over lengths and fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agent.integrity.ima.event import OLD_DIGEST_BYTES, OLD_NAME_BYTES, OLD_TEMPLATE, ByteOrder, ImaEvent

#: Template -> its fields. A template without a name is called by its fields.
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    OLD_TEMPLATE: ("d", "n"),
    "ima-ng": ("d-ng", "n-ng"),
    "ima-sig": ("d-ng", "n-ng", "sig"),
    "ima-ngv2": ("d-ngv2", "n-ng"),
    "ima-sigv2": ("d-ngv2", "n-ng", "sig"),
    "ima-buf": ("d-ng", "n-ng", "buf"),
    "ima-modsig": ("d-ng", "n-ng", "sig", "d-modsig", "modsig"),
    "evm-sig": ("d-ng", "n-ng", "evmsig", "xattrnames", "xattrlengths", "xattrvalues", "iuid", "igid", "imode"),
}
KNOWN_FIELDS: Final = frozenset(field for fields in FIELDS.values() for field in fields)
_DIGESTS: Final = ("d", "d-ng", "d-ngv2")
_NAMES: Final = ("n", "n-ng")
_SIGNATURES: Final = ("sig", "evmsig")
#: Templates whose data follow from what a MeasuredFile says.
_PLAIN: Final = frozenset({OLD_TEMPLATE, "ima-ng", "ima-sig"})
_LENGTH_BYTES: Final = 4
MAX_FIELDS: Final = 32


class TemplateError(ValueError):
    """The data of a measurement are not of its template."""


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """What was measured.

    Attributes:
        name: the file's path, or what the kernel calls something that is no file ("boot_aggregate").
        algorithm: of the digest: "sha256".
        digest: of the content.
        kind: "ima", or "verity" for the digest of fs-verity; "" where the template does not tell.
        signature: of the file, b"" if it has none.
    """

    name: bytes
    algorithm: str
    digest: bytes
    kind: str = ""
    signature: bytes = b""


def fields_of(template: str) -> tuple[str, ...]:
    """The fields of a template; raises TemplateError for one that is not known."""
    fields = FIELDS.get(template) or tuple(template.split("|")[: MAX_FIELDS + 1])
    if len(fields) > MAX_FIELDS or not KNOWN_FIELDS.issuperset(fields):
        raise TemplateError("its template is not known")
    return fields


def split(event: ImaEvent) -> dict[str, bytes]:
    """The fields of a measurement by name; raises TemplateError."""
    data = event.data
    if event.template == OLD_TEMPLATE:
        if len(data) != OLD_DIGEST_BYTES + OLD_NAME_BYTES:
            raise TemplateError("its data have a wrong size")
        return {"d": data[:OLD_DIGEST_BYTES], "n": data[OLD_DIGEST_BYTES:].rstrip(b"\0")}
    values: dict[str, bytes] = {}
    position = 0
    for field in fields_of(event.template):
        start = position + _LENGTH_BYTES
        end = start + int.from_bytes(data[position:start], event.order)
        if end > len(data) or start > len(data):
            raise TemplateError(f"its field {field} is longer than its data")
        values[field] = data[start:end]
        position = end
    if position != len(data):
        raise TemplateError("its data are longer than its fields")
    return values


def measured_file(event: ImaEvent) -> MeasuredFile:
    """What was measured; raises TemplateError."""
    fields = split(event)
    name = next((fields[field].removesuffix(b"\0") for field in _NAMES if field in fields), b"")
    signature = next((fields[field] for field in _SIGNATURES if fields.get(field)), b"")
    if "d" in fields:
        return MeasuredFile(name, "sha1", fields["d"], signature=signature)
    value = next((fields[field] for field in _DIGESTS if field in fields), None)
    if value is None:
        return MeasuredFile(name, "", b"", signature=signature)
    prefix, separator, digest = value.partition(b":\0")
    if not separator or not prefix.isascii():
        raise TemplateError("its digest does not name an algorithm")
    kind, _, algorithm = prefix.decode("ascii").rpartition(":")
    return MeasuredFile(name, algorithm, digest, kind, signature)


def plain_data(template: str, file: MeasuredFile) -> bytes | None:
    """The data of a measurement, if they follow from what it measured (in little-endian numbers); else None."""
    if template not in _PLAIN or file.kind:
        return None
    if template == OLD_TEMPLATE:
        return old_data(file.digest, file.name) if len(file.digest) == OLD_DIGEST_BYTES else None
    fields = [file.algorithm.encode() + b":\0" + file.digest, file.name + b"\0"]
    return joined(fields + [file.signature] * (template == "ima-sig"), "little")


def old_data(digest: bytes, name: bytes) -> bytes:
    """What is hashed of the template `ima`."""
    return digest + name.ljust(OLD_NAME_BYTES, b"\0")


def joined(fields: list[bytes], order: ByteOrder) -> bytes:
    """Fields with their lengths before them."""
    return b"".join(len(field).to_bytes(_LENGTH_BYTES, order) + field for field in fields)
