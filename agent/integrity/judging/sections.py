"""Which sections have data, and which should."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from agent.integrity.judging.findings import Finding, Kind
from agent.integrity.judging.reading import IMA, INCREMENTAL_IMA, Dossier

#: Sections that tell of the same, all or a part of it.
_ALIKE: Final = {key: {IMA, INCREMENTAL_IMA} for key in (IMA, INCREMENTAL_IMA)}


def judge_sections(new: Dossier, baseline: Dossier | None, required: Collection[str]) -> Iterator[Finding]:
    """Sections without data, and sections that are not there; those in `required` must have data."""
    for name, section in new.sections.items():
        if not section.is_complete:
            because = f" ({section.reason})" if section.reason else ""
            kind = Kind.REQUIRED_SECTION if name in required else Kind.SECTION_UNAVAILABLE
            kind = Kind.SECTION_INCOMPLETE if section.has_data else kind
            facts = {"result-code": section.result_code, "reason": section.reason}
            yield Finding(kind, f"{name}: {section.result_code or 'no result-code'}{because}", name, facts=facts)
    for name in required:
        if name not in new.sections:
            yield Finding(Kind.REQUIRED_SECTION, f"{name} is not in the dossier", name)
    for name in baseline.sections if baseline else ():
        if not _ALIKE.get(name, {name}) & new.sections.keys() and name not in required:
            yield Finding(Kind.SECTION_MISSING, f"{name} is not in the dossier, and was in the previous one", name)
