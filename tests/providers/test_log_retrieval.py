"""Logs of IMA and of the firmware by the rpc of RFC 9684."""

import base64
import hashlib
from datetime import timedelta

import pytest

from agent.northbound.errors import ProviderError
from tests.integrity.boot_log.writer import usual as usual_boot
from tests.integrity.ima.writer import usual
from tests.providers.attestation_machine import RETRIEVE, Machine


@pytest.fixture
def machine(bench):
    return Machine(bench)


def retrieved(machine, log_type, *selectors):
    """The node's data without its entries, and the entries."""
    request = {"log-type": f"ietf-tpm-remote-attestation:{log_type}", "log-selector": list(selectors)}
    found = machine.bench.call(RETRIEVE, request).get("system-event-logs")
    if found is None:
        return None, None
    [node] = found["node-data"]
    [result] = node.pop("log-result", {"": {}}).values()
    return node, next(iter(result.values()), [])


def numbers(machine, log_type, *selectors):
    return [int(entry["event-number"]) for entry in retrieved(machine, log_type, *selectors)[1]]


def test_the_ima_log_of_the_rfc(machine):
    log = usual(5, template="ima-sig")
    machine.ima(log)
    node, entries = retrieved(machine, "ima")
    assert node == {"up-time": 3600}
    assert entries[3] == {
        "event-number": "4",
        "ima-template": "ima-sig",
        "filename-hint": "/usr/bin/tool2",
        "filedata-hash": base64.b64encode(hashlib.sha256(b"2").digest()).decode(),
        "filedata-hash-algorithm": "sha256",
        "template-hash-algorithm": "sha1",
        "template-hash": base64.b64encode(log.template_hash(log.entries[3], "sha1")).decode(),
        "pcr-index": 10,
        "signature": base64.b64encode(log.entries[3][2][2]).decode(),
    }


def test_the_boot_log_of_the_rfc(machine):
    log = usual_boot("sha1", "sha256")
    machine.firmware(log)
    machine.write("sys/class/tpm/tpm0/tpm_version_major", b"2\n")
    node, entries = retrieved(machine, "bios")
    assert node == {"up-time": 3600, "name": "tpm0"}
    assert [entry["event-number"] for entry in entries] == list(range(1, log.count + 1))
    assert entries[-1] == {
        "event-number": log.count,
        "event-type": 13,
        "pcr-index": 9,
        "digest-list": [
            {"hash-algo": f"ietf-tcg-algs:TPM_ALG_{name}", "digest": [base64.b64encode(digest).decode()]}
            for name, digest in (
                ("SHA1", hashlib.sha1(b"the initrd").digest()),
                ("SHA256", hashlib.sha256(b"the initrd").digest()),
            )
        ],
        "event-size": 6,
        "event-data": ["aW5pdHJk"],
    }


def test_selectors(machine):
    log = usual(20)
    machine.ima(log)
    assert numbers(machine, "ima", {"last-index-number": "0"}) == list(range(1, 21))
    assert numbers(machine, "ima", {"last-index-number": "17"}) == [18, 19, 20]
    assert numbers(machine, "ima", {"last-index-number": "17", "log-entry-quantity": 2}) == [18, 19]
    assert numbers(machine, "ima", {"log-entry-quantity": 2}) == [1, 2]
    assert numbers(machine, "ima", {"log-entry-quantity": 0}) == []
    assert numbers(machine, "ima", {"last-index-number": str(2**64 - 1)}) == []
    assert numbers(machine, "ima", {"last-index-number": "5"}, {"log-entry-quantity": 3}) == [6, 7, 8]
    record, template_hash = log.record(log.entries[17]), log.template_hash(log.entries[17], "sha1")
    for content in (record, template_hash):
        assert numbers(machine, "ima", {"last-entry-value": base64.b64encode(content).decode()}) == [19, 20]
    boot = usual_boot("sha256")
    machine.firmware(boot)
    digest = hashlib.sha256(b"the loader").digest()
    assert numbers(machine, "bios", {"last-entry-value": base64.b64encode(digest).decode()}) == [boot.count]


def test_an_entry_must_be_there_and_be_unique(machine):
    machine.ima(usual(5).measure("/open", violation=True).measure("/open", violation=True))
    machine.firmware(usual_boot("sha256"))
    for log_type, content, app_tag in (
        ("ima", b"nothing", "entry-not-found"),
        ("ima", bytes(20), "entry-not-unique"),
        # All separators have the same digest.
        ("bios", hashlib.sha256(bytes(4)).digest(), "entry-not-unique"),
    ):
        with pytest.raises(ProviderError) as caught:
            numbers(machine, log_type, {"last-entry-value": base64.b64encode(content).decode()})
        assert (caught.value.tag, caught.value.app_tag) == ("invalid-value", app_tag)
        assert caught.value.path == "log-selector"


def test_timestamps(machine):
    log = usual(5)
    machine.ima(log)
    machine.firmware(usual_boot("sha256"))
    machine.evidence()
    machine.bench.clock.advance(timedelta(hours=1))
    machine.ima(log.measure("/later", b"x"))
    for text, expected in (
        ("2026-02-01T00:00:00Z", [1, 2, 3, 4, 5, 6]),
        ("2026-03-01T12:30:00Z", [6]),
        ("2026-03-01T14:30:00.5+02:00", [6]),
        ("2026-03-01T13:00:00Z", []),
    ):
        machine.evidence()
        assert numbers(machine, "ima", {"timestamp": text}) == expected
    assert numbers(machine, "bios", {"timestamp": "2026-02-01T00:00:00Z"})[0] == 1
    assert numbers(machine, "bios", {"timestamp": "2026-03-01T12:30:00Z"}) == []
    with pytest.raises(ProviderError) as caught:
        numbers(machine, "ima", {"timestamp": "2026-02-30T00:00:00Z"})
    assert caught.value.app_tag == "invalid-timestamp"


def test_only_of_some_tpms(machine):
    machine.ima(usual(3))
    machine.write("sys/class/tpm/tpm0/tpm_version_major", b"2\n")
    assert numbers(machine, "ima", {"name": ["tpm0", "tpm1"]}) == [1, 2, 3]
    assert retrieved(machine, "ima", {"name": ["tpm1"]}) == (None, None)


def test_logs_of_the_rfc_that_are_not_there(machine):
    for log_type in ("ima", "bios"):
        with pytest.raises(ProviderError) as caught:
            retrieved(machine, log_type)
        assert caught.value.app_tag == "evidence-not-present"
    with pytest.raises(ProviderError) as caught:
        retrieved(machine, "netequip_boot")
    assert (caught.value.tag, caught.value.app_tag) == ("operation-not-supported", "log-type-not-supported")
