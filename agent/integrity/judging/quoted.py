"""The registers that a TPM has quoted for this dossier: whether its IMA log leads to the quoted one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from agent.integrity.judging.findings import Finding, Kind
from agent.integrity.judging.reading import IMA, INCREMENTAL_IMA, Dossier, Record, text_of

#: The register that IMA extends.
_IMA_REGISTER: Final = 10


def judge_quoted(dossier: Dossier, quoted: Mapping[str, Mapping[int, bytes]]) -> Iterator[Finding]:
    """`quoted`: bank -> register -> value. Only banks that log and quote both have are compared."""
    values = {bank: registers[_IMA_REGISTER] for bank, registers in quoted.items() if _IMA_REGISTER in registers}
    for name in (IMA, INCREMENTAL_IMA):
        section = dossier.section(name)
        for node in () if section is None or not values else section.nodes():
            replayed = _replayed(node)
            for bank, value in values.items():
                if bank in replayed and replayed[bank] != value.hex():
                    text = f"The IMA log does not lead to the value of register {_IMA_REGISTER} that the TPM has quoted"
                    facts = {"bank": bank, "log": replayed[bank], "quoted": value.hex()}
                    yield Finding(Kind.IMA_MISMATCH, text, name, text_of(node, "node-name"), facts)


def _replayed(node: Record) -> dict[str, str]:
    found = node.get("pcr-replay")
    return {
        bank: value.lower()
        for bank, value in (found.items() if isinstance(found, dict) else ())
        if isinstance(bank, str) and isinstance(value, str)
    }
