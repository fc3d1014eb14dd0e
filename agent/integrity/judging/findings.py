"""What judging can find: names, how grave each is, and the exit status that says so (docs/verify.md has the table).

The order of `Kind` is the order of gravity. Findings are for programs by their names and facts, and for people by their
sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final

#: Exit status of changes that need no explanation.
EXIT_CHANGED: Final = 40


class Severity(StrEnum):
    """How grave a finding is."""

    FAILURE = "failure"
    ALARM = "alarm"
    CHANGE = "change"
    NOTE = "note"


class Kind(Enum):
    """A kind of finding: (name, severity, exit status, what it means)."""

    NOT_SIGNED = ("not-signed", Severity.FAILURE, 20, "there is no signature: anybody can have written the dossier")
    MALFORMED_DOSSIER = ("malformed-dossier", Severity.FAILURE, 21, "what was signed is not a dossier")
    REPLAYED = ("replayed", Severity.FAILURE, 22, "it is an old answer: nothing in it is newer than the previous one")
    OTHER_DEVICE = ("other-device", Severity.FAILURE, 23, "another device has answered than before")
    MALFORMED_SECTION = ("malformed-section", Severity.FAILURE, 24, "a section is not what docs/dossier.md says")
    REQUIRED_SECTION = ("required-section", Severity.FAILURE, 25, "a section that is required has no data")

    KNOWN_GOOD_MISMATCH = ("known-good-mismatch", Severity.ALARM, 30, "a package is not the known good one")
    DRIFT = ("drift", Severity.ALARM, 31, "the files of a package are not what was packaged")
    BAD_PACKAGE_SIGNATURE = ("bad-package-signature", Severity.ALARM, 32, "what rpm has of a package was changed")
    OTHER_PACKAGE = ("other-package", Severity.ALARM, 33, "a package is another one under the same version")
    BROKEN_INVENTORY = ("broken-inventory", Severity.ALARM, 34, "snapshots of the filesystem do not follow each other")
    BROKEN_IMA_LOG = ("broken-ima-log", Severity.ALARM, 35, "the IMA log does not follow from the previous one")
    IMA_MISMATCH = ("ima-mismatch", Severity.ALARM, 35, "the IMA log does not lead to the register that the TPM quotes")
    IMA_VIOLATIONS = ("ima-violations", Severity.ALARM, 36, "files were written to while IMA measured them")
    BOOT_LOG_MISMATCH = (
        "boot-log-mismatch",
        Severity.ALARM,
        37,
        "the boot log does not lead to a register that the TPM quotes",
    )
    BOOT_STATE_CHANGED = ("boot-state-changed", Severity.ALARM, 37, "the system was started in another way")
    HISTORY_REWRITTEN = ("history-rewritten", Severity.ALARM, 38, "a history lacks what it had before")
    CLOCK_BACKWARDS = ("clock-backwards", Severity.ALARM, 39, "the device's clock has gone backwards")

    PACKAGE_ADDED = ("package-added", Severity.CHANGE, EXIT_CHANGED, "a package was installed")
    PACKAGE_REMOVED = ("package-removed", Severity.CHANGE, EXIT_CHANGED, "a package was removed")
    PACKAGE_CHANGED = ("package-changed", Severity.CHANGE, EXIT_CHANGED, "a package has another version")
    RUN_TIME_CHANGED = ("run-time-changed", Severity.CHANGE, EXIT_CHANGED, "a package's run-time value is another one")
    CONFIGURATION_DRIFT = (
        "configuration-drift",
        Severity.CHANGE,
        EXIT_CHANGED,
        "a package's configuration file is not as packaged",
    )
    REBOOTED = ("rebooted", Severity.CHANGE, EXIT_CHANGED, "the system was started anew")
    COMMITTED = ("committed", Severity.CHANGE, EXIT_CHANGED, "the configuration was changed")
    FILES_CHANGED = ("files-changed", Severity.CHANGE, EXIT_CHANGED, "files were made, modified or deleted")
    HARDWARE_CHANGED = ("hardware-changed", Severity.CHANGE, EXIT_CHANGED, "a part of the inventory is another one")
    SOFTWARE_CHANGED = ("software-changed", Severity.CHANGE, EXIT_CHANGED, "the agent or the system is another one")

    NOT_A_DOSSIER = ("not-a-dossier", Severity.NOTE, 0, "another text was signed: only its signature was judged")
    SECTION_UNAVAILABLE = ("section-unavailable", Severity.NOTE, 0, "a section has no data")
    SECTION_INCOMPLETE = ("section-incomplete", Severity.NOTE, 0, "a section has data, but not what was asked for")
    SECTION_MISSING = ("section-missing", Severity.NOTE, 0, "the previous dossier had a section that is not here")
    FINGERPRINTS_NOT_CURRENT = ("fingerprints-not-current", Severity.NOTE, 0, "the packages' values are old, or none")
    NOT_IN_KNOWN_GOOD = ("not-in-known-good", Severity.NOTE, 0, "the known good values do not have a package")
    KNOWN_DRIFT = ("known-drift", Severity.NOTE, 0, "files of a package had drifted before, in the same way")
    UNSIGNED_PACKAGE = ("unsigned-package", Severity.NOTE, 0, "a package's signature can't be judged, or is missing")
    UNSIGNED_SNAPSHOT = (
        "unsigned-snapshot",
        Severity.NOTE,
        0,
        "a snapshot of files has no signature of its own",
    )
    IMA_GREW = ("ima-grew", Severity.NOTE, 0, "IMA has measured more files")
    IMA_GAP = ("ima-gap", Severity.NOTE, 0, "IMA events between the previous and these are not here")
    INVENTORY_GAP = ("inventory-gap", Severity.NOTE, 0, "snapshots between the previous and these are not here")
    PREVIOUS_NOT_SIGNED = ("previous-not-signed", Severity.NOTE, 0, "the previous dossier has no signature")
    NONCE_NOT_CHECKED = ("nonce-not-checked", Severity.NOTE, 0, "the nonce was not compared: it may be an old answer")

    def __init__(self, code: str, severity: Severity, exit_status: int, meaning: str) -> None:
        self.code = code
        self.severity = severity
        self.exit_status = exit_status
        self.meaning = meaning


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        kind: what it is.
        text: the same as a sentence, without a full stop. May have texts of the device in it: make them printable.
        section: of the dossier, or "".
        subject: what it is about (a package, a snapshot), or "".
        facts: for programs, by stable names.
    """

    kind: Kind
    text: str
    section: str = ""
    subject: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


_ORDER: Final = {kind: position for position, kind in enumerate(Kind)}


def by_gravity(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Worst first; those of one kind in the order in which they were found."""
    return tuple(sorted(findings, key=lambda finding: _ORDER[finding.kind]))


def exit_status(findings: Iterable[Finding]) -> int:
    """That of the worst, 0 if there is none that has one."""
    worst = min(findings, key=lambda finding: _ORDER[finding.kind], default=None)
    return 0 if worst is None else worst.kind.exit_status
