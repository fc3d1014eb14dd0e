"""Boot logs as firmware writes them (TCG PC Client Platform Firmware Profile); nothing of the agent is used."""

from __future__ import annotations

import hashlib
import struct

ALGORITHMS = {"sha1": 4, "sha256": 11, "sha384": 12, "sha512": 13}
SIZES = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
EV_NO_ACTION, EV_SEPARATOR, EV_CRTM, EV_EFI_VARIABLE, EV_BOOT_APPLICATION = 3, 4, 8, 0x80000001, 0x80000003
SECURE_BOOT_GUID = bytes.fromhex("61dfe48bca93d211aa0d00e098032b8c")


class BootLog:
    """A log; with no banks, of the old form with SHA-1 only."""

    def __init__(self, *banks):
        self.banks = banks or ("sha1",)
        self.agile = bool(banks)
        self.content = b""
        self.count = 0
        self.registers = {bank: {} for bank in self.banks}
        if self.agile:
            pairs = b"".join(struct.pack("<HH", ALGORITHMS[bank], SIZES[bank]) for bank in banks)
            data = b"Spec ID Event03\0" + bytes(4) + b"\0\2\0\2" + struct.pack("<I", len(banks)) + pairs + b"\0"
            self.content += struct.pack("<II20sI", 0, EV_NO_ACTION, bytes(20), len(data)) + data
            self.count += 1

    def add(self, pcr, kind, data, measured=None):
        """An event; what was hashed is `data` if nothing else is given."""
        measured = data if measured is None else measured
        digests = {bank: hashlib.new(bank, measured).digest() for bank in self.banks}
        if kind == EV_NO_ACTION:
            digests = {bank: bytes(SIZES[bank]) for bank in self.banks}
        if self.agile:
            listed = b"".join(struct.pack("<H", ALGORITHMS[bank]) + digest for bank, digest in digests.items())
            self.content += struct.pack("<III", pcr, kind, len(digests)) + listed
        else:
            self.content += struct.pack("<II", pcr, kind) + digests["sha1"]
        self.content += struct.pack("<I", len(data)) + data
        self.count += 1
        if kind != EV_NO_ACTION:
            for bank, digest in digests.items():
                before = self.registers[bank].get(pcr, bytes(SIZES[bank]))
                self.registers[bank][pcr] = hashlib.new(bank, before + digest).digest()
        return self

    def variable(self, name, value):
        encoded = name.encode("utf-16-le")
        data = SECURE_BOOT_GUID + struct.pack("<QQ", len(name), len(value)) + encoded + value
        return self.add(7, EV_EFI_VARIABLE, data)

    def aggregate(self, algorithm="sha256", bank="sha256", count=10):
        """What IMA makes of it."""
        values = b"".join(self.registers[bank].get(number, bytes(SIZES[bank])) for number in range(count))
        return hashlib.new(algorithm, values).digest()


def usual(*banks, secure_boot=True, separator=bytes(4)):
    log = BootLog(*banks)
    log.add(0, EV_CRTM, "1.0\0".encode("utf-16-le"))
    log.variable("SecureBoot", b"\1" if secure_boot else b"\0")
    for pcr in range(8):
        log.add(pcr, EV_SEPARATOR, separator)
    # UEFI_IMAGE_LOAD_EVENT: where the image is in memory, and a path of devices that ends at once.
    log.add(4, EV_BOOT_APPLICATION, struct.pack("<QQQQ", 0x1000, 99, 0, 4) + b"\x7f\xff\4\0", measured=b"the loader")
    return log.add(9, 0x0D, b"initrd", measured=b"the initrd")
