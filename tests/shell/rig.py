"""A shell over plain objects, and a record of what it asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from agent.caller import Caller
from agent.clock import ManualClock
from agent.integrity.content import BytesContent, joined
from agent.northbound.errors import ProviderError
from agent.shell import Shell, ShellResult

ADMIN = Caller("admin", 0, "192.0.2.1", ("administrators",))
TIME_LINE = "Fri Mar 27 14:00:51.037 UTC\n"
DOSSIER = '{"collection-start-time":1,"collection-end-time":2}'


@dataclass
class Services:
    """ShellServices."""

    clock: ManualClock = field(
        default_factory=lambda: ManualClock(datetime(2020, 3, 27, 14, 0, 51, 37_900, tzinfo=UTC))
    )
    key_pairs: list = field(default_factory=list)
    imported_keys: list = field(default_factory=list)
    certificates: dict = field(default_factory=dict)
    pool: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    signed: list = field(default_factory=list)

    def keys(self):
        return self.key_pairs

    def user_keys(self):
        return self.imported_keys

    def trustpoints(self):
        return self.certificates

    def trustpool(self):
        return self.pool

    def dossier(self, options, caller, abandoned):
        self.asked.append((options, caller))
        return BytesContent(DOSSIER.encode())

    def sign(self, output, options, caller):
        if options.nonce == "no-key":
            raise ProviderError("data-missing", "The trustpoint has no certificate: enroll it first.")
        payload = output if isinstance(output, str) else joined(output).decode()
        self.signed.append((payload, options, caller))
        return BytesContent(b'{"envelope":1}')

    def version_text(self):
        return "trustconf, Version 0.1.0\n\nSystem uptime is 1 day\n"

    def platform_text(self):
        raise RuntimeError("secret inside")


def run(line: str, services: Services | None = None) -> ShellResult:
    return Shell(services or Services()).run(line, ADMIN)
