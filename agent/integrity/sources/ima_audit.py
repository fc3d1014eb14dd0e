"""What the kernel's appraisal of files has told the audit log: records of the types INTEGRITY_*.

    type=INTEGRITY_DATA msg=audit(1613466917.123:45): pid=812 uid=0 auid=4294967295 ses=4294967295 subj=unconfined
        op=appraise_data cause=invalid-hash comm="bash" name="/usr/bin/tool" dev="vda1" ino=1234 res=0 errno=0

A value with other characters than printable ones stands in hexadecimal, without quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from agent.host.contract import Host
from agent.integrity.readable import shown
from agent.integrity.sources.reading import required

AUDIT_LOG: Final = "/var/log/audit/audit.log"
MAX_AUDIT_BYTES: Final = 64 * 1024 * 1024
#: Only so many files, those with the newest records.
MAX_FILES: Final = 10_000
_RECORD: Final = re.compile(
    rb"(?:node=\S+ )?type=(INTEGRITY_[A-Z_]{1,40}) msg=audit\((\d{1,11})\.\d{1,6}:\d{1,20}\): ?(.*)"
)
_FIELD: Final = re.compile(rb'([a-z]{1,20})=(?:"([^"]*)"|(\S*))')
_HEX: Final = re.compile(rb"(?:[0-9A-F]{2})+")
_APPRAISALS: Final = ("appraise_data", "appraise_metadata")
#: Fields that may be in hexadecimal.
_UNTRUSTED: Final = frozenset({b"name", b"file", b"comm", b"exe"})


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """The last record about a file.

    Attributes:
        file: its path.
        time: of the record, UTC.
        type: INTEGRITY_DATA and others.
        pid: the process that wanted the file; None if the record does not say.
        process, subject, cause: its program, its security context, what was wrong; "" if the record does not say.
        operation: what the kernel did: "appraise_data" and others.
    """

    file: str
    time: datetime
    type: str
    pid: int | None
    process: str
    subject: str
    cause: str
    operation: str

    @property
    def is_failed_appraisal(self) -> bool:
        """Whether the file, or its attributes, are not what they must be. Other records are about measuring."""
        return self.operation in _APPRAISALS and bool(self.cause)


def ima_audit_records(host: Host) -> list[AuditRecord]:
    """The last record of every file, oldest first; raises SourceUnavailableError."""
    content = required(lambda: host.read_file(AUDIT_LOG, MAX_AUDIT_BYTES))
    records: dict[str, AuditRecord] = {}
    for line in content.splitlines():
        record = _record(line) if b"INTEGRITY_" in line else None
        if record is not None:
            # A file moves to the end with each record.
            records.pop(record.file, None)
            records[record.file] = record
    return list(records.values())[-MAX_FILES:]


def _record(line: bytes) -> AuditRecord | None:
    match = _RECORD.match(line)
    if match is None:
        return None
    kind, seconds, text = match.groups()
    fields = {name: _value(name, quoted, plain) for name, quoted, plain in _FIELD.findall(text)}
    file = fields.get(b"name") or fields.get(b"file")
    if not file:
        return None
    pid = fields.get(b"pid", b"")
    return AuditRecord(
        shown(file),
        datetime.fromtimestamp(int(seconds), UTC),
        kind.decode("ascii"),
        int(pid) if pid.isdigit() and len(pid) < 19 else None,
        shown(fields.get(b"exe") or fields.get(b"comm", b"")),
        shown(fields.get(b"subj", b"")),
        shown(fields.get(b"cause", b"")),
        shown(fields.get(b"op", b"")),
    )


def _value(name: bytes, quoted: bytes, plain: bytes) -> bytes:
    if not plain:
        return quoted
    return bytes.fromhex(plain.decode("ascii")) if name in _UNTRUSTED and _HEX.fullmatch(plain) else plain
