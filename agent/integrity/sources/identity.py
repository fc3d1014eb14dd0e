"""Who this device is: product id and serial number, as the guide's `license-udi` has them.

The serial number comes from DMI, else from the device tree, else it is derived from the machine-id (by HMAC, so that it
does not give the machine-id away; see machine-id(5)). DMI's serial number is readable by root only: an agent without
that right always sees the derived one, so the answer stays the same from start to start as long as its rights do.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.errors import SourceUnavailableError
from agent.integrity.sources.reading import attribute, optional, optional_attribute

MAX_IDENTITY_LENGTH = 64
MIN_SERIAL_LENGTH = 4

_PRODUCT_PATHS = ("/sys/class/dmi/id/product_name", "/proc/device-tree/model")
_SERIAL_PATHS = (
    ("dmi", "/sys/class/dmi/id/product_serial"),
    ("dmi", "/sys/class/dmi/id/board_serial"),
    ("device-tree", "/proc/device-tree/serial-number"),
)
_MACHINE_ID_PATHS = ("/etc/machine-id", "/var/lib/dbus/machine-id")
_APPLICATION = b"trustconf device serial number 1"
_DERIVED_LENGTH = 16

#: What manufacturers leave in the fields that they forget to fill, in lower case without blanks and punctuation.
_PLACEHOLDERS = frozenset(
    {
        "",
        "none",
        "na",
        "null",
        "unknown",
        "default",
        "defaultstring",
        "notspecified",
        "notapplicable",
        "notavailable",
        "notpresent",
        "tobefilledbyoem",
        "systemproductname",
        "systemserialnumber",
        "serialnumber",
        "baseboardserialnumber",
        "invalid",
        "empty",
        "oem",
        "123456789",
        "0123456789",
        "1234567890",
    }
)
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9.+()/-]+")


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """The device's unique identifier.

    Attributes:
        product_id: without blanks and commas, e.g. "PowerEdge-R640" or "Linux-x86_64".
        serial_number: 4 to 64 characters, all in PrintableString (X.509 serialNumber); 8 or more hex digits if derived.
        basis: where the serial number is from: "dmi", "device-tree" or "machine-id".
    """

    product_id: str
    serial_number: str
    basis: str


def device_identity(host: Host) -> DeviceIdentity:
    """The identity of this device; raises SourceUnavailableError if it has neither a serial number nor a machine-id."""
    for basis, path in _SERIAL_PATHS:
        serial = _meaningful(optional_attribute(host, path))
        if serial is not None and len(serial) >= MIN_SERIAL_LENGTH:
            return DeviceIdentity(product_id(host), serial, basis)
    return DeviceIdentity(product_id(host), _derived_serial(host), "machine-id")


def device_serial(host: Host) -> str:
    """The serial number for certificates; raises SourceUnavailableError."""
    return device_identity(host).serial_number


def product_id(host: Host) -> str:
    """The product's name, or the kind of machine where none is known."""
    for path in _PRODUCT_PATHS:
        name = _meaningful(optional_attribute(host, path))
        if name is not None:
            return name
    kernel = optional(host.uname)
    return f"{kernel.system}-{kernel.machine}" if kernel else "Linux"


def license_udi(host: Host) -> str:
    """The guide's text; raises SourceUnavailableError."""
    identity = device_identity(host)
    return f"UDI: PID:{identity.product_id},SN:{identity.serial_number}\n"


def _meaningful(value: str | None) -> str | None:
    """`value` as one plain word, or None if it says nothing."""
    if value is None:
        return None
    bare = re.sub(r"[^a-z0-9]", "", value.lower())
    if bare in _PLACEHOLDERS or len(set(bare)) == 1:
        return None
    return _NOT_PLAIN.sub("-", value).strip("-")[:MAX_IDENTITY_LENGTH].rstrip("-") or None


def _derived_serial(host: Host) -> str:
    for path in _MACHINE_ID_PATHS:
        try:
            machine_id = attribute(host, path)
        except HostError:
            continue
        if re.fullmatch(r"[0-9a-f]{32}", machine_id):
            key = bytes.fromhex(machine_id)
            return hmac.new(key, _APPLICATION, hashlib.sha256).hexdigest()[:_DERIVED_LENGTH].upper()
    raise SourceUnavailableError("no serial number in DMI or the device tree, and no machine-id in /etc/machine-id")
