"""The commands that the agent may run: whole argument lists, word for word.

There is no pattern in here on purpose. What can't be varied can't be injected into; whoever needs another command adds
a line. Programs are looked up in SYSTEM_PATH only, and run without the agent's environment.
"""

from __future__ import annotations

JOURNAL_BOOTS = ("journalctl", "--list-boots", "--output=json", "--no-pager", "--quiet")
#: The headers of all packages, whatever the database is kept in; one command for each place that it may be in.
RPM_EXPORTS = {
    folder: ("rpmdb", "--dbpath", folder, "--exportdb") for folder in ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
}

ALLOWED: frozenset[tuple[str, ...]] = frozenset({JOURNAL_BOOTS, *RPM_EXPORTS.values()})

SYSTEM_PATH = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
ENVIRONMENT = {"PATH": ":".join(SYSTEM_PATH), "LC_ALL": "C", "TZ": "UTC"}


def check_command(argv: tuple[str, ...]) -> tuple[str, ...]:
    """`argv`, if it is allowed; else ValueError."""
    if argv not in ALLOWED:
        raise ValueError(f"not an allowed command: {argv!r}")
    return argv
