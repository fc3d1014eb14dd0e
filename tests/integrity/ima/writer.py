"""Logs of IMA as the kernel writes them, by its description of templates; nothing of the agent is used.

A file is (name, content): `Log.measure` adds it by any template. What a TPM would say is computed beside it.
"""

from __future__ import annotations

import hashlib
import struct

SIZES = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
SIGNATURE = b"\x03\x02\x04\xde\xad\xbe\xef\x01\x00" + b"\x5a" * 256


class Log:
    """A log that grows. `order`: "<" or ">"; `digests`: the algorithms that a per-bank log is written for."""

    def __init__(self, order="<", template="ima-ng", hash_name="sha256"):
        self.order = order
        self.template = template
        self.hash_name = hash_name
        #: (pcr, template, fields as bytes, text of the fields, is a violation)
        self.entries = []

    def u32(self, number):
        return struct.pack(f"{self.order}I", number)

    def u16(self, number):
        return struct.pack(f"{self.order}H", number)

    def measure(self, name, content=b"", *, template=None, violation=False, pcr=10, signature=SIGNATURE, kind="ima"):
        template = template or self.template
        name = name.encode() if isinstance(name, str) else name
        digest = hashlib.new(self.hash_name, content).digest()
        if violation:
            digest = bytes(len(digest))
        d_ng = (self.hash_name.encode() + b":\0" + digest, f"{self.hash_name}:{digest.hex()}")
        d_ngv2 = (f"{kind}:{self.hash_name}".encode() + b":\0" + digest, f"{kind}:{self.hash_name}:{digest.hex()}")
        n_ng = (name + b"\0", name.decode("latin-1"))
        sig = (signature, signature.hex())
        sha1 = hashlib.sha1(content).digest() if not violation else bytes(20)
        other = hashlib.sha1(b"appended" + content).digest()
        fields = {
            "ima": [(sha1, sha1.hex()), (name, name.decode("latin-1"))],
            "ima-ng": [d_ng, n_ng],
            "ima-sig": [d_ng, n_ng, sig],
            "ima-ngv2": [d_ngv2, n_ng],
            "ima-sigv2": [d_ngv2, n_ng, sig],
            "ima-buf": [d_ng, n_ng, (content, content.hex())],
            "ima-modsig": [d_ng, n_ng, sig, (b"sha1:\0" + other, f"sha1:{other.hex()}"), (b"\x30\x82", "3082")],
            "evm-sig": [
                d_ng, n_ng, sig,
                (b"security.ima|security.selinux\0", "security.ima|security.selinux"),
                (b"\x21\0\0\0\x05\0\0\0", "2100000005000000"), (b"\x04\x04abc", "0404616263"),
                (self.u32(0), "0"), (self.u32(1000), "1000"), (self.u16(0o100755), str(0o100755)),
            ],
            "d-ng|n-ng": [d_ng, n_ng],
        }[template]  # fmt: skip
        self.entries.append((pcr, template, [f[0] for f in fields], [f[1] for f in fields], violation))
        return self

    def hashed(self, entry):
        _, template, fields, _, _ = entry
        if template == "ima":
            return fields[0] + fields[1] + b"\0" * (256 - len(fields[1]))
        return b"".join(self.u32(len(field)) + field for field in fields)

    def template_hash(self, entry, bank):
        return bytes(SIZES[bank]) if entry[4] else hashlib.new(bank, self.hashed(entry)).digest()

    def binary(self, bank="sha1"):
        return b"".join(self.record(entry, bank) for entry in self.entries)

    def record(self, entry, bank="sha1"):
        pcr, template, fields, _, _ = entry
        head = self.u32(pcr) + self.template_hash(entry, bank) + self.u32(len(template)) + template.encode()
        if template == "ima":
            return head + fields[0] + self.u32(len(fields[1])) + fields[1]
        data = self.hashed(entry)
        return head + self.u32(len(data)) + data

    def ascii(self, bank="sha1"):
        lines = [
            f"{pcr:2d} {self.template_hash(entry, bank).hex()} {template} {' '.join(texts)}"
            for entry in self.entries
            for pcr, template, _, texts, _ in [entry]
        ]
        return "".join(f"{line}\n" for line in lines).encode("latin-1")

    def pcr(self, bank="sha256", number=10):
        """What the TPM has."""
        value = bytes(SIZES[bank])
        for entry in self.entries:
            if entry[0] == number:
                digest = b"\xff" * SIZES[bank] if entry[4] else hashlib.new(bank, self.hashed(entry)).digest()
                value = hashlib.new(bank, value + digest).digest()
        return value


def usual(count=20, **options):
    """A log as a device has it: the aggregate first, then files."""
    log = Log(**options)
    log.measure("boot_aggregate", b"nothing")
    for number in range(count - 1):
        log.measure(f"/usr/bin/tool{number}", b"%d" % number)
    return log
