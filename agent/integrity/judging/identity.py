"""Is it the same device, of the same parts, with the same agent?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from agent.integrity.judging.findings import Finding, Kind
from agent.integrity.judging.reading import Dossier, Record, Section, number_of, record_of, records_of, text_of

_UDI, _VERSION, _INVENTORY = "license-udi", "version", "system-inventory"
#: The one line of `show version` that is another one each time.
_UPTIME: Final = re.compile(r"^System uptime is .*$", re.MULTILINE)

_CHASSIS: Final = ("manufacturer", "product", "version", "board", "firmware-version")
_PROCESSOR: Final = ("model", "count")
#: list of the inventory -> what a part of it is told by, beside its name. (Not the state of an interface;
#: and interfaces that no device stands behind come and go.)
_PARTS: Final = {
    "disk": ("size-bytes", "model", "serial-number"),
    "interface": ("mac-address", "driver"),
}


def judge_identity(new: Dossier, baseline: Dossier | None) -> Iterator[Finding]:
    """UDI and serial number, versions, and the parts of the inventory."""
    if baseline is None:
        return
    yield from _same(new, baseline, _UDI, Kind.OTHER_DEVICE, "Its UDI is {new}, and was {old}")
    yield from _same(new, baseline, _VERSION, Kind.SOFTWARE_CHANGED, "'show version' says something else than before")
    ours, theirs = new.section(_INVENTORY), baseline.section(_INVENTORY)
    if ours is not None and theirs is not None:
        yield from _inventory(ours, theirs)


def _same(new: Dossier, old: Dossier, name: str, kind: Kind, text: str) -> Iterator[Finding]:
    sections = new.section(name), old.section(name)
    if sections[0] is None or sections[1] is None:
        return
    now, before = (_UPTIME.sub("", text_of(section.members, name)).strip() for section in sections if section)
    if now != before:
        yield Finding(kind, text.format(new=now, old=before), name, facts={"value": now, "previous": before})


def _inventory(ours: Section, theirs: Section) -> Iterator[Finding]:
    for new, old in zip(ours.nodes(), theirs.nodes(), strict=False):
        chassis, before = record_of(new, "chassis"), record_of(old, "chassis")
        serials = text_of(chassis, "serial-number"), text_of(before, "serial-number")
        if all(serials) and serials[0] != serials[1]:
            text = f"Its serial number is {serials[0]}, and was {serials[1]}"
            facts = {"value": serials[0], "previous": serials[1]}
            yield Finding(Kind.OTHER_DEVICE, text, _INVENTORY, facts=facts)
        yield from _changed("chassis", _told(chassis, _CHASSIS), _told(before, _CHASSIS))
        processors = record_of(new, "processor"), record_of(old, "processor")
        yield from _changed("processor", *(_told(each, _PROCESSOR) for each in processors))
        memory = number_of(new, "memory-bytes"), number_of(old, "memory-bytes")
        yield from _changed("memory", str(memory[0]), str(memory[1]))
        for part, members in _PARTS.items():
            now, past = (
                {
                    text_of(each, "name"): _told(each, members)
                    for each in records_of(node, part)
                    if each.get("physical") is not False
                }
                for node in (new, old)
            )
            for name in sorted(now.keys() | past.keys()):
                yield from _changed(f"{part} {name}", now.get(name, "absent"), past.get(name, "absent"))


def _changed(subject: str, now: str, before: str) -> Iterator[Finding]:
    if now != before:
        facts = {"value": now, "previous": before}
        yield Finding(Kind.HARDWARE_CHANGED, f"{subject}: {now}, before: {before}", _INVENTORY, subject, facts)


def _told(record: Record, members: tuple[str, ...]) -> str:
    return ", ".join(value for name in members if (value := text_of(record, name)))
