"""The registers that a TPM has quoted for this dossier: whether IMA's and the firmware's logs lead to the quoted ones,
and which are not as in the previous quote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agent.integrity.judging.findings import Finding, Kind
from agent.integrity.judging.reading import IMA, INCREMENTAL_IMA, Dossier, Record, text_of
from agent.integrity.verdict import Verdict

#: The register that IMA extends.
_IMA_REGISTER: Final = 10
#: The registers that nobody but the firmware extends: its log has all of that.
_FIRMWARE_REGISTERS: Final = frozenset(range(8))
_SNAPSHOT: Final = "system-integrity-snapshot"
#: The registers of how the machine was started (TCG PC Client Platform Firmware Profile, section 3.3.4), and of Linux's
#: boot loaders. The others go on while it runs.
_BOOT_REGISTERS: Final = {
    0: "firmware",
    1: "settings of the firmware",
    2: "firmware of devices",
    3: "settings of devices",
    4: "boot loader",
    5: "settings of the boot loader, partitions",
    6: "events of the manufacturer",
    7: "secure boot",
    8: "commands of the boot loader",
    9: "files of the boot loader: kernel, initrd",
    14: "keys of the owner's boot loader",
}


def judge_quoted(dossier: Dossier, verdict: Verdict, previous: Verdict | None) -> Iterator[Finding]:
    """`previous`: of the dossier that this one is compared with. A quote in which something is wrong has no registers
    here."""
    yield from _of_ima(dossier, verdict)
    yield from _of_boot_log(dossier, verdict)
    if previous is not None and verdict.quoted_registers and previous.quoted_registers:
        yield from _since(verdict, previous)


def _of_ima(dossier: Dossier, verdict: Verdict) -> Iterator[Finding]:
    """Only banks that log and quote both have are compared."""
    quoted = verdict.quoted_registers
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


def _of_boot_log(dossier: Dossier, verdict: Verdict) -> Iterator[Finding]:
    section = dossier.section(_SNAPSHOT)
    for node in () if section is None else section.nodes():
        log = node.get("boot-event-log")
        replays = log.get("pcr-replay") if isinstance(log, dict) else None
        for bank, registers in verdict.quoted_registers.items():
            replayed = replays.get(bank) if isinstance(replays, dict) else None
            for number in _FIRMWARE_REGISTERS & registers.keys():
                value = replayed.get(str(number)) if isinstance(replayed, dict) else None
                if isinstance(value, str) and value.lower() != registers[number].hex():
                    text = f"The boot log does not lead to the value of register {number} that the TPM has quoted"
                    facts = {"bank": bank, "log": value, "quoted": registers[number].hex()}
                    yield Finding(Kind.BOOT_LOG_MISMATCH, text, _SNAPSHOT, f"PCR {number}", facts)


def _since(verdict: Verdict, previous: Verdict) -> Iterator[Finding]:
    keys = [dict(each.quote_facts).get("attestation-key") for each in (verdict, previous)]
    if keys[0] != keys[1]:
        facts = {"value": keys[0], "previous": keys[1]}
        yield Finding(Kind.BOOT_STATE_CHANGED, "Another TPM has signed the quote than before", "", "TPM", facts)
    for bank, registers in verdict.quoted_registers.items():
        before = previous.quoted_registers.get(bank, {})
        for number, meaning in _BOOT_REGISTERS.items():
            if number in registers and number in before and registers[number] != before[number]:
                text = f"Register {number} of the TPM ({meaning}) is not as before"
                facts = {"bank": bank, "value": registers[number].hex(), "previous": before[number].hex()}
                yield Finding(Kind.BOOT_STATE_CHANGED, text, "", f"PCR {number}", facts)
