"""Machines for tests: folders that look like one, filled in a line."""

from datetime import UTC, datetime

from agent.clock import ManualClock
from agent.host.contract import KernelName
from agent.host.rooted import RootedHost
from agent.integrity.sections import DossierSources
from agent.integrity.sources.description import Product

KERNEL = KernelName("Linux", "r1", "6.1.0-18-amd64", "#1 SMP Debian 6.1.76-1", "x86_64")
START = datetime(2026, 2, 27, 22, 20, 57, 500_000, tzinfo=UTC)
MACHINE_ID = "0123456789abcdef0123456789abcdef"


def machine(root, files=(), *, commands=None, kernel=KERNEL):
    """A host in `root` with these files: {path: text or bytes; None: an empty folder}."""
    for path, content in dict(files).items():
        place = root / path.lstrip("/")
        if content is None:
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return RootedHost(root, commands=commands, kernel=kernel)


def sources(host, commits=()):
    return DossierSources(host, ManualClock(START), Product("trustconf", "0.1.0"), lambda: commits)
