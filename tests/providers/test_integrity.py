"""Dossiers and signatures by rpc, and the same for the shell."""

import base64
import io
import json
from hashlib import sha256
from types import SimpleNamespace

import pytest

from agent.integrity.content import SpoolFullError
from agent.integrity.dossier import CollectionStoppedError
from agent.integrity.envelope import verify_envelope
from agent.integrity.sections import Section
from agent.integrity.turns import QueueFullError, QueueTimeoutError
from agent.northbound.errors import ProviderError
from agent.providers.device import Device
from agent.providers.dossiers import MAX_UNSENT
from agent.shell.services import SignOptions
from agent.storage.dossier_log import DossierLog
from agent.yang.errors import DataError
from tests.providers.bench import ALICE
from tests.providers.test_trustpoints import certificates, enrolled

COLLECT = "/trustconf-integrity:collect-dossier"
SIGN = "/trustconf-integrity:sign"


def verify(bench, text, nonce):
    return verify_envelope(
        io.BytesIO(text.encode()), certificates(bench)["ca"]["pem"].encode(), nonce, bench.clock.now()
    )


SIGNED = SignOptions("1580", include_certificate=True)


def never():
    return False


def arguments(*selectors, **given):
    options = {"nonce": None, "filesystem_inventory_options": None, "incremental_ima": None, **given}
    return SimpleNamespace(selectors=selectors, **options)


def test_parts_of_sections_are_asked_for_in_the_words_of_the_guide(bench):
    asked = []

    def section(sources, request):
        asked.append((request.filesystem_inventory_options, request.incremental_ima))
        return {}

    for name in ("filesystem-inventory", "incremental-ima"):
        bench.services.dossier_sections[name] = Section("m", "1", section)
    request = {
        "filesystem-inventory": {"block-start": 5, "count": 1},
        "incremental-ima": {"start-event": "7", "start-time": "2021-02-16T10:15:17+01:00"},
    }
    dossier = json.loads(bench.call(COLLECT, request)["dossier"])
    assert [dossier[name]["result-code"] for name in ("filesystem-inventory", "incremental-ima")] == ["Success"] * 2
    start = {"start_event": 7, "start_time": "Tue Feb 16 09:15:17 2021"}
    assert asked[0] == ({"0/RP0/CPU0": {"block_start": 5, "count": 1}}, {"ima_start": [{"0/RP0/CPU0": start}]})
    bench.call(COLLECT, {"filesystem-inventory": {}, "incremental-ima": {"start-time": "2016-12-31T23:59:60Z"}})
    start = {"start_event": 0, "start_time": "2016-12-31T23:59:60Z"}
    assert asked[2] == ({"0/RP0/CPU0": {"block_start": 0}}, {"ima_start": [{"0/RP0/CPU0": start}]})


def test_a_dossier_has_what_was_selected_in_the_order_asked_for(bench):
    bench.commit({"ietf-system:system": {"hostname": "ios"}})
    request = {"selector": ["rollback-history", "trustconf-integrity:reboot-history"], "nonce": "1580"}

    dossier = json.loads(bench.call(COLLECT, request)["dossier"])

    assert list(dossier) == [
        "collection-start-time",
        "model-name",
        "model-revision",
        "license-udi",
        "version",
        "platform",
        "rollback-history",
        "reboot-history",
        "collection-end-time",
    ]
    [commit] = dossier["rollback-history"]["rollback-history"]
    assert (commit["user"], commit["client"], commit["comment"]) == ("alice", "netconf", "a test")
    assert dossier["version"]["version"].startswith("trustconf, Version ")


def test_every_selector_of_the_model_is_known_to_the_collector(bench):
    selectors = [
        "packages",
        "reboot-history",
        "rollback-history",
        "system-integrity-snapshot",
        "system-inventory",
        "filesystem-inventory",
    ]

    dossier = json.loads(bench.call(COLLECT, {"selector": selectors})["dossier"])

    codes = {name: dossier[name]["result-code"] for name in selectors}
    assert "Invalid option" not in codes.values()
    assert codes["filesystem-inventory"] == "Not present"


def test_an_unknown_selector_is_refused(bench):
    with pytest.raises(DataError):
        bench.call(COLLECT, {"selector": ["passwords"]})


@pytest.mark.parametrize("key_type", ["rsa", "ecdsa-nistp256", "ed25519"])
def test_a_signed_dossier_is_verified_with_the_root_alone(bench, key_type):
    enrolled(bench, key_type)
    request = {"selector": ["reboot-history"], "nonce": "1580", "sign": {"include-certificate": True}}

    envelope = bench.call(COLLECT, request)["envelope"]

    verdict = verify(bench, envelope, "1580")
    assert verdict.failures == ()
    assert "reboot-history" in json.loads(verdict.payload_bytes())
    assert verify(bench, envelope, "1581").failures != ()


def test_the_signature_may_have_a_nonce_of_its_own(bench):
    enrolled(bench)

    envelope = bench.call(COLLECT, {"nonce": "a", "sign": {"nonce": "b", "include-certificate": True}})["envelope"]

    assert json.loads(envelope)["nonce"] == "b"


def test_certificates_are_in_the_envelope_only_on_request(bench):
    enrolled(bench)
    payload = base64.b64encode(b"what is signed").decode()

    without = json.loads(bench.call(SIGN, {"payload": payload, "nonce": "n"})["envelope"])
    envelope = bench.call(SIGN, {"payload": payload, "nonce": "n", "include-certificate": True})["envelope"]

    assert "signing-certificate" not in without
    assert verify(bench, envelope, "n").payload_bytes() == b"what is signed"


@pytest.mark.parametrize("request_", [{"nonce": "n" * 129}, {"nonce": ""}, {"nonce": "tab\t"}, {"nonce": "é"}])
def test_a_nonce_is_printable_ascii(bench, request_):
    with pytest.raises(DataError):
        bench.call(COLLECT, request_)


def test_without_certificates_nothing_is_signed_or_counted(bench):
    for path, request in ((COLLECT, {"sign": {"nonce": "1"}}), (SIGN, {"payload": ""})):
        with pytest.raises(ProviderError) as refusal:
            bench.call(path, request)
        assert (refusal.value.tag, refusal.value.app_tag) == ("operation-failed", "not-enrolled")
        assert "authenticate and enroll" in refusal.value.message
    assert bench.state()["trustconf-integrity:integrity"]["dossiers"]["collected"] == 0


def test_a_zeroized_key_signs_nothing_any_more(bench):
    enrolled(bench)
    bench.call("/trustconf-keys:zeroize-key-pair", {"type": "ecdsa-nistp256", "all": [None]})

    with pytest.raises(ProviderError) as refusal:
        bench.call(SIGN, {"payload": ""})

    assert (refusal.value.tag, refusal.value.app_tag) == ("operation-failed", "key-not-found")
    assert "system-enroll-key" in refusal.value.message


def test_dossiers_are_counted_and_the_last_ones_remembered(bench):
    enrolled(bench)
    dossier = bench.call(COLLECT, {"selector": ["packages"], "nonce": "17"})["dossier"]
    bench.call(COLLECT, {"sign": {"nonce": "1", "compression": "gzip"}})
    device = Device(bench.services)
    device.sign(device.dossier(arguments("bogus"), ALICE, never), SIGNED, ALICE)

    found = bench.state()["trustconf-integrity:integrity"]["dossiers"]

    last, signed, first = found.pop("dossier")
    assert found == {
        "collected": 3,
        "signed": 2,
        "refused": 0,
        "stopped": 0,
        "waiting": 0,
        "last-collected": "2026-03-01T12:00:00Z",
        "last-user": "alice",
    }
    assert last["signature"] == {"nonce": "1580", "form": "envelope", "compression": "none"}
    assert last["selector"] == ["bogus"]
    assert (last["section"][-1]["name"], last["section"][-1]["result-code"]) == ("bogus", "Invalid option")
    assert signed["signature"] == {"nonce": "1", "form": "envelope", "compression": "gzip"}
    assert "signature" not in first
    assert (first["user"], first["nonce"], first["selector"]) == ("alice", "17", ["packages"])
    assert (first["size"], first["digest"]) == (str(len(dossier)), sha256(dossier.encode()).hexdigest())
    assert [each["name"] for each in first["section"]] == ["license-udi", "version", "platform", "packages"]
    # Kept over a restart: by what is in the database, the newest sixteen.
    for _ in range(16):
        bench.call(COLLECT)
    again = DossierLog(bench.services.database)
    assert [number for number, _ in again.newest()] == list(range(19, 3, -1))
    assert again.counts().collected == 19


def test_the_shell_gets_the_same_dossier_and_signature(bench):
    enrolled(bench)
    device = Device(bench.services)

    dossier = device.dossier(arguments("reboot-history", nonce="1580"), ALICE, never)
    text = b"".join(dossier.chunks())
    envelope = b"".join(device.sign(dossier, SIGNED, ALICE).chunks()).decode()

    assert verify(bench, envelope, "1580").payload_bytes() == text
    assert [told["action"] for told in bench.told("/trustconf-system:audit-event")][-2:] == ["collect-dossier", "sign"]
    assert list(device.trustpoints()) == ["system-trustpoint"]
    assert len(device.keys()) == 2


def test_the_shell_hears_refusals_as_such(bench):
    device = Device(bench.services)

    with pytest.raises(ProviderError, match="selectors"):
        device.dossier(arguments(*(f"s{number}" for number in range(33))), ALICE, never)
    with pytest.raises(ProviderError, match="authenticate and enroll"):
        device.sign("x", SIGNED, ALICE)


def test_version_and_platform_for_the_shell(bench):
    device = Device(bench.services)

    assert device.version_text().startswith("trustconf, Version ")
    assert "0/RP0/CPU0" in device.platform_text()
    (bench.root / "proc/uptime").unlink()
    with pytest.raises(ProviderError, match="This host does not tell"):
        device.version_text()


def test_who_asks_for_a_quote_where_there_is_no_tpm_is_refused(bench):
    enrolled(bench)
    for path, request, place in (
        ("collect-dossier", {"sign": {"include-tpm-quote": True}}, "sign/include-tpm-quote"),
        ("sign", {"payload": "eA==", "include-tpm-quote": True}, "include-tpm-quote"),
    ):
        with pytest.raises(ProviderError) as refused:
            bench.call(f"/trustconf-integrity:{path}", request)
        assert (refused.value.tag, refused.value.app_tag) == ("operation-failed", "tpm-absent")
        assert refused.value.path == place


@pytest.mark.parametrize(
    ("error", "tag", "app_tag"),
    [
        (QueueFullError(), "resource-denied", "too-many-dossiers"),
        (QueueTimeoutError(), "resource-denied", "dossier-wait-timeout"),
        (SpoolFullError(), "resource-denied", "no-space"),
        (CollectionStoppedError(), "operation-failed", "collection-stopped"),
    ],
)
def test_why_there_is_no_dossier(bench, monkeypatch, error, tag, app_tag):
    def run(*arguments):
        raise error

    monkeypatch.setattr(bench.services.dossiers.turns, "run", run)
    with pytest.raises(ProviderError) as refusal:
        bench.call(COLLECT)
    assert (refusal.value.tag, refusal.value.app_tag) == (tag, app_tag)
    counts = bench.services.dossiers.log.counts()
    assert counts.collected == 0
    assert counts.refused == isinstance(error, QueueFullError | QueueTimeoutError)
    assert counts.stopped == isinstance(error, CollectionStoppedError)


def test_dossiers_that_nobody_reads_are_limited(bench):
    device = Device(bench.services)
    unread = [device.dossier(arguments(), ALICE, never) for _ in range(MAX_UNSENT)]
    with pytest.raises(ProviderError, match="read slowly"):
        device.dossier(arguments(), ALICE, never)
    unread[0].close()
    unread[1] = None
    unread += [device.dossier(arguments(), ALICE, never) for _ in range(2)]
    assert bench.services.dossiers.log.counts().refused == 1


@pytest.mark.parametrize("form", ["dsse", "jws"])
def test_other_forms(bench, form):
    enrolled(bench)
    sign = {"nonce": "1", "include-certificate": True, "form": form, "compression": "zstd"}
    dossier = verify(bench, bench.call(COLLECT, {"sign": sign})["envelope"], "1")
    other = verify(bench, bench.call(SIGN, {"payload": base64.b64encode(b"x").decode(), **sign})["envelope"], "1")
    assert (dossier.failures, other.failures, other.payload_bytes()) == ((), (), b"x")
    assert json.loads(dossier.payload_bytes())["version"]["result-code"] == "Success"


def test_a_key_that_a_form_has_no_algorithm_for(bench):
    enrolled(bench, "dsa")
    with pytest.raises(ProviderError) as refusal:
        bench.call(COLLECT, {"sign": {"form": "jws"}})
    assert (refusal.value.tag, refusal.value.app_tag) == ("operation-failed", "unsupported-form")
    assert "another form" in refusal.value.message
    assert bench.services.dossiers.log.counts().collected == 0
    text = bench.call(COLLECT, {"sign": {"form": "dsse", "include-certificate": True}})["envelope"]
    assert verify(bench, text, None).failures == ()
