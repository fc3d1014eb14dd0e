"""Each section of a dossier as JSON: one function a selector, from facts to the names in the document.

A section's function returns its members after `model-revision`, or raises SourceUnavailableError; what is large is an
iterator in place of a list. The names of the reboot history are Cisco's (and in the order of the guide's sample); all
others are ours, described in docs/dossier.md. Evidence that is gathered over time has its section where it is gathered:
`DossierSources.sections`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from agent.clock import Clock
from agent.host.contract import Host
from agent.integrity.boot_log.section import boot_aggregate, boot_event_log
from agent.integrity.packages import section
from agent.integrity.sources.boot_integrity import boot_integrity
from agent.integrity.sources.description import NODE_NAME, Product
from agent.integrity.sources.inventory import system_inventory
from agent.integrity.sources.reboots import reboot_history

if TYPE_CHECKING:
    # It imports this module.
    from agent.integrity.dossier import DossierRequest

Members = dict[str, Any]

#: Newest commits in a rollback history.
MAX_COMMITS = 1000


@dataclass(frozen=True, slots=True)
class CommitSummary:
    """One commit of the configuration, as the caller's history has it.

    Attributes:
        commit_id: its name in that history.
        user, client: who did it, and through what ("netconf", "cli").
        time: when, aware.
        comment: "" if there is none.
    """

    commit_id: str
    user: str
    client: str
    time: datetime
    comment: str


@dataclass(frozen=True, slots=True)
class DossierSources:
    """Where a dossier's evidence comes from.

    Attributes:
        host: the machine.
        clock: for the times of collection.
        product: the agent's name and version.
        commits: gives the commits, newest first; asked only if they were selected.
        sections: by selector, those that others than the host itself fill; they come before SECTIONS.
    """

    host: Host
    clock: Clock
    product: Product
    commits: Callable[[], Iterable[CommitSummary]]
    sections: Mapping[str, Section] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Section:
    """A selector's section: the model that its data follow, and how they are collected.

    `collect` is None where this version has no such evidence.
    """

    model_name: str
    model_revision: str
    collect: Callable[[DossierSources, DossierRequest], Members] | None


def asctime(moment: datetime) -> str:
    """ "Wed Feb 19 15:25:11 2020", in UTC: the layout of times in Cisco's models."""
    moment = moment.astimezone(UTC)
    # Not strftime: names of days and months must not follow the process's locale.
    return f"{_DAYS[moment.weekday()]} {_MONTHS[moment.month - 1]} {moment.day:2} {moment:%H:%M:%S} {moment.year}"


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _reboot_history(sources: DossierSources, request: DossierRequest) -> Members:
    reboots = [
        {
            "reason": reboot.cause.reason,
            "time": asctime(reboot.time),
            "cause-code": reboot.cause.code,
            "no": reboot.number,
        }
        for reboot in reboot_history(sources.host)
    ]
    return _of_node({"reboot-history": reboots})


def _packages(sources: DossierSources, request: DossierRequest) -> Members:
    return section.listed(sources.host)


def _rollback_history(sources: DossierSources, request: DossierRequest) -> Members:
    commits = [
        {
            "no": number,
            "commit-id": commit.commit_id,
            "user": commit.user,
            "client": commit.client,
            "time": asctime(commit.time),
            "comment": commit.comment,
        }
        for number, commit in enumerate(islice(sources.commits(), MAX_COMMITS), 1)
    ]
    return {"rollback-history": commits}


def _system_inventory(sources: DossierSources, request: DossierRequest) -> Members:
    inventory = system_inventory(sources.host)
    chassis, processor = inventory.chassis, inventory.processor
    return _of_node(
        _known(
            {
                "chassis": chassis
                and _known(
                    {
                        "manufacturer": chassis.manufacturer,
                        "product": chassis.product,
                        "version": chassis.version,
                        "serial-number": chassis.serial_number,
                        "board": chassis.board,
                        "firmware-version": chassis.firmware,
                    }
                ),
                "processor": processor and _known({"model": processor.model, "count": processor.count}),
                "memory-bytes": inventory.memory,
                "disk": [
                    _known(
                        {
                            "name": disk.name,
                            "size-bytes": disk.size,
                            "model": disk.model,
                            "serial-number": disk.serial_number,
                            "removable": disk.removable,
                        }
                    )
                    for disk in inventory.disks
                ],
                "interface": [
                    _known(
                        {
                            "name": interface.name,
                            "mac-address": interface.address,
                            "state": interface.state,
                            "driver": interface.driver,
                            "physical": interface.physical,
                        }
                    )
                    for interface in inventory.interfaces
                ],
            }
        )
    )


def _system_integrity_snapshot(sources: DossierSources, request: DossierRequest) -> Members:
    facts = boot_integrity(sources.host)
    return _of_node(
        {
            "secure-boot": facts.secure_boot,
            "kernel-lockdown": facts.lockdown,
            "module-signature-enforcement": facts.module_signatures,
            "ima": facts.ima,
            "ima-measurements": facts.ima_measurements,
            "ima-violations": facts.ima_violations,
            "ima-policy": facts.ima_policy,
            "tpm": facts.tpm,
            "kernel-tainted": facts.kernel_tainted,
            "boot-id": facts.boot_id,
            "kernel-command-line": facts.command_line,
            "boot-aggregate": boot_aggregate(sources.host).value,
            "boot-event-log": boot_event_log(sources.host),
        }
    )


def _of_node(members: Members) -> Members:
    return {"node": [{"node-name": NODE_NAME, **members}]}


def _known(members: Members) -> Members:
    """Without what the host does not tell."""
    return {name: value for name, value in members.items() if value is not None}


OUR_MODEL = "trustconf-integrity"
OUR_REVISION = "2026-11-26"

#: selector -> section. The order is that of the guide's command.
SECTIONS: dict[str, Section] = {
    "packages": Section(section.MODEL, section.REVISION, _packages),
    "reboot-history": Section("Cisco-IOS-XR-linux-os-reboot-history-oper", "2019-04-05", _reboot_history),
    "rollback-history": Section(OUR_MODEL, OUR_REVISION, _rollback_history),
    "system-integrity-snapshot": Section(OUR_MODEL, OUR_REVISION, _system_integrity_snapshot),
    "system-inventory": Section(OUR_MODEL, OUR_REVISION, _system_inventory),
    "filesystem-inventory": Section(OUR_MODEL, OUR_REVISION, None),
    "ima": Section(OUR_MODEL, OUR_REVISION, None),
    "incremental-ima": Section(OUR_MODEL, OUR_REVISION, None),
}
