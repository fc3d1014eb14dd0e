"""Dossiers for tests: a device with a bit of everything, and what a test wants to be different."""

import base64
import copy
import io
import json
from datetime import timedelta

from agent.integrity.content import BytesContent
from agent.integrity.envelope import sign_envelope
from agent.integrity.filesystem.chain import digest_of_snapshot
from agent.integrity.judging.judge import Known, judge, read_evidence
from tests.integrity.ima.writer import Log
from tests.integrity.signers import NOW, usual

NODE = "0/RP0/CPU0"
SAME, OTHER = "a" * 64, "b" * 64


def package(name="tool", version="2.0", release="3.el9", **members):
    return {
        "name": name,
        "version": version,
        "release": release,
        "architecture": "x86_64",
        "header-status": "ok",
        "fingerprint-basis": "header",
        "rpm-fingerprint-install-time": SAME,
        "rpm-fingerprint-run-time": SAME,
    } | members


def drifted(name="tool", path="/usr/bin/tool", **members):
    drift = [{"path": path, "class": "software", "change": ["contents"]}]
    return package(name, **({"rpm-fingerprint-run-time": OTHER, "drift": drift} | members))


def packages(*each, manager="rpm", status="generation-up-to-date"):
    database = {"type": manager, "result-code": "Success", "package": list(each)}
    return section({"fingerprint-status": status, "package-database": [database]})


def section(node):
    return {"result-code": "Success", "model-name": "m", "node": [{"node-name": NODE, **node}]}


def reboots(*times, reason="User initiated graceful reload"):
    history = [{"reason": reason, "time": time, "cause-code": 1, "no": n} for n, time in enumerate(times, 1)]
    return section({"reboot-history": history})


def commits(*numbers, **members):
    history = [
        {"no": n, "commit-id": str(number), "user": "alice", "client": "netconf", "time": "t", "comment": ""} | members
        for n, number in enumerate(sorted(numbers, reverse=True), 1)
    ]
    return {"result-code": "Success", "rollback-history": history}


def snapshots(first, *files, full=True, after=None, **changes):
    """Snapshots from the block `first` on, one for each list of files, chained; the first of all is a full one.
    `after`: the one before; `changes`: members that the first one has instead."""
    made = []
    for number, each in enumerate(files, first):
        before = made[-1]["digest"] if made else (after or {}).get("digest", "0" * 64)
        header = {
            "snapshot-block-no": number,
            "snapshot-type": "full" if full and number == first else "incremental",
            "snap-time": "Wed Feb 25 06:13:20 2026",
            "previous-digest": before,
        }
        content = header | (changes if number == first else {}) | {"files": list(each)}
        made.append({"digest": digest_of_snapshot(content)} | content)
    return made


def file(name, change=None, *, digest="x", mode=0o100644):
    found = {"name": name, "meta": {"uid": 0, "gid": 0, "mode": mode, "size": 1}, "digest": {"digest-value": digest}}
    return found | ({"change-kind": f"change-kind-{change}"} if change else {})


def inventory(*each):
    return section({"snapshot": list(each)})


def ima(first, last, *, boot="boot-1", violations=0, changed=None):
    """A section of the events `first` to `last` of a log; `changed` is an event that is not as in other logs."""

    def log(length):
        made = Log()
        for number in range(1, length + 1):
            made.measure(f"/bin/{number}", b"changed" if number == changed else b"")
        return made

    whole = log(last)
    events = [
        {
            "event-number": number,
            "pcr-index": 10,
            "ima-template": "ima-ng",
            "template-hash-algorithm": "sha1",
            "template-hash": base64.b64encode(whole.template_hash(entry, "sha1")).decode(),
            "filename-hint": f"/bin/{number}",
            "filedata-hash-algorithm": "sha256",
            "filedata-hash": base64.b64encode(entry[2][0].partition(b"\0")[2]).decode(),
        }
        for number, entry in enumerate(whole.entries, 1)
        if number >= first
    ]
    return section(
        {
            "boot-id": boot,
            "start-time": "Wed Feb 19 15:25:11 2020",
            "first-event": first,
            "last-event": last,
            "total-events": last,
            "violations": violations,
            "pcr-replay-before": _registers(log(first - 1)),
            "pcr-replay": _registers(whole),
            "ima-event-log": events,
        }
    )


def _registers(log):
    return {bank: log.pcr(bank).hex() for bank in ("sha1", "sha256", "sha384")}


def boot_state(**members):
    return section({"secure-boot": "enabled", "kernel-lockdown": "integrity", "boot-id": "boot-1"} | members)


def dossier(*, hours=0, udi="SN1", **sections):
    """A dossier of the moment NOW plus `hours`; `_` in a section's name stands for `-`."""
    start = (NOW + timedelta(hours=hours)).timestamp()
    return copy.deepcopy(
        {
            "collection-start-time": start,
            "model-name": "http://cisco.com/ns/yang/Cisco-IOS-XR-ama",
            "license-udi": {"result-code": "Success", "license-udi": f"UDI: PID:X,SN:{udi}\n"},
            "version": {
                "result-code": "Success",
                "version": f"trustconf, Version 1\nSystem uptime is {hours} minutes\n",
            },
            **{name.replace("_", "-"): value for name, value in sections.items()},
            "collection-end-time": start + 1,
        }
    )


def envelope(content, nonce="n1", *, signing=None, include_certificate=True):
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    signed = sign_envelope(
        BytesContent(payload), nonce=nonce, signer=signing or usual()[1], include_certificate=include_certificate
    )
    return b"".join(signed.chunks())


def evidence(content, nonce="n1", sent="", *, is_any_nonce=False, at=NOW):
    """What is read of an envelope around `content`; `sent` is the nonce that was sent, if not this one."""
    return read_evidence(
        io.BytesIO(envelope(content, nonce)),
        trust_anchor=usual()[0].pem,
        nonce=sent or nonce,
        at=at,
        is_any_nonce=is_any_nonce,
    )


def compared(new, old, **known):
    """The findings about `new` (an hour later) after `old`, both sections by name, notes left out unless asked for."""
    before = evidence(dossier(**old), "n0")
    after = evidence(dossier(hours=1, **new), "n1")
    return judge(after, Known(baseline=before, latest=before, **known))


def codes(judgement):
    return [finding.kind.code for finding in judgement.findings]
