"""Snapshots as somebody else verifies them, and all that can be wrong with them."""

import base64
import copy
import hashlib
import json
import os
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.filesystem import blocks
from agent.integrity.filesystem.blocks import BlockError, BlockWriter, digest_of, read_lines
from agent.integrity.filesystem.chain import Fault, digest_of_snapshot, signed_text, verify_chain
from agent.integrity.filesystem.retention import Retention
from agent.integrity.filesystem.section import collect, read_options
from agent.integrity.filesystem.store import InventoryStore, StoreError
from tests.integrity.filesystem.rig import Device
from tests.integrity.signers import KEYS, usual


@pytest.fixture
def device(tmp_path):
    device = Device(tmp_path)
    (device.root / "file").write_text("one\n")
    yield device
    device.store.close()


def chain(device, count=4):
    """Snapshots with a change in each."""
    for number in range(count):
        (device.root / "file").write_text(f"{number}\n")
        device.scan()
    return device.section()


def test_a_chain_that_nobody_has_touched(device):
    root, device.signer = usual()
    snapshots = chain(device)
    verdict = verify_chain(snapshots, anchors=[root.certificate])
    assert verdict.faults == ()
    assert [block.number for block in verdict.blocks] == [0, 1, 2, 3]
    assert snapshots[0]["previous-digest"] == "0" * 64
    assert [each["snapshot-type"] for each in snapshots] == ["full", "incremental", "incremental", "incremental"]
    # A part of it, behind what was verified before.
    after = (verdict.blocks[1].number, verdict.blocks[1].digest)
    assert verify_chain(snapshots[2:], after=after).faults == ()
    assert verify_chain(snapshots[1:], after=after).faults == ()


@pytest.mark.parametrize("kind", KEYS)
def test_openssl_verifies_the_signature_with_every_kind_of_key(device, kind, tmp_path):
    root, device.signer = usual(kind)
    [snapshot] = chain(device, 1)
    assert verify_chain([snapshot], anchors=[root.certificate]).faults == ()
    assert snapshot["signature-type"] in ("rsa", "ecdsa", "ed25519", "dsa")
    certificate = x509.load_der_x509_certificate(base64.b64decode(snapshot["signing-certificate"][0]))
    (tmp_path / "key.pem").write_bytes(
        certificate.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    (tmp_path / "signature").write_bytes(base64.b64decode(snapshot["signature"]))
    (tmp_path / "text").write_bytes(signed_text(0, snapshot["digest"]))
    digest = {"p384": ["-digest", "sha384"], "p521": ["-digest", "sha512"], "ed25519": []}
    subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", "-in", "text", "-sigfile",
         "signature", *digest.get(kind, ["-digest", "sha256"])],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip


def test_the_digest_is_what_the_page_says(device):
    """docs/filesystem-inventory.md, with nothing of ours."""
    [snapshot] = chain(device, 1)
    names = ("chassis-serial-number", "container", "previous-digest", "release-version", "snap-time",
             "snapshot-block-no", "snapshot-type")  # fmt: skip
    lines = [{name: snapshot[name] for name in names}, *snapshot["files"]]
    text = "".join(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n" for line in lines)
    assert hashlib.sha256(text.encode()).hexdigest() == snapshot["digest"]
    stored = zlib.decompress((device.folder / "0-0000000000.jsonl.z").read_bytes())
    assert stored == text.encode()


def edited_file(snapshots):
    snapshots[1]["files"][0]["meta"]["mode"] ^= 0o4000


def removed_file(snapshots):
    snapshots[0]["files"].pop()


def edited_time(snapshots):
    snapshots[2]["snap-time"] = "Wed Feb 19 15:25:11 2020"


def removed_block(snapshots):
    del snapshots[2]


def removed_beginning(snapshots):
    del snapshots[0]


def other_order(snapshots):
    snapshots[1], snapshots[2] = snapshots[2], snapshots[1]


def other_signature(snapshots):
    snapshots[1]["signature"] = snapshots[2]["signature"]


def no_signature(snapshots):
    snapshots[1]["signature-type"] = "signature-invalid"


def damaged_signature(snapshots):
    snapshots[1]["signature"] = "!"


def no_certificate(snapshots):
    snapshots[1]["signing-certificate"] = []


def replaced_history(snapshots):
    """Somebody has made a block anew and put its digest in its place, but can't sign it."""
    edited_file(snapshots)
    snapshots[1]["digest"] = digest_of_snapshot(snapshots[1])


FORGERIES = {
    edited_file: {Fault.DIGEST_MISMATCH},
    removed_file: {Fault.DIGEST_MISMATCH},
    edited_time: {Fault.DIGEST_MISMATCH, Fault.UNTRUSTED_SIGNER},
    removed_block: {Fault.BLOCK_MISSING},
    removed_beginning: {Fault.NOT_FULL},
    other_order: {Fault.BLOCK_MISSING, Fault.CHAIN_BROKEN},
    other_signature: {Fault.BAD_SIGNATURE},
    no_signature: {Fault.UNSIGNED},
    damaged_signature: {Fault.BAD_SIGNATURE},
    no_certificate: {Fault.BAD_SIGNATURE},
    replaced_history: {Fault.BAD_SIGNATURE, Fault.CHAIN_BROKEN},
}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    device = Device(tmp_path_factory.mktemp("chain"))
    root, device.signer = usual()
    snapshots = chain(device)
    device.store.close()
    return root, snapshots


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_forgeries_are_named(good, forge):
    root, snapshots = good
    snapshots = copy.deepcopy(snapshots)
    forge(snapshots)
    assert set(verify_chain(snapshots, anchors=[root.certificate]).faults) == FORGERIES[forge]


def test_a_device_that_can_t_sign_says_so(device):
    snapshots = chain(device, 2)
    assert {each["signature-type"] for each in snapshots} == {"signature-invalid"}
    assert "signature" not in snapshots[0]
    assert verify_chain(snapshots).faults == (Fault.UNSIGNED,)


def test_a_signer_that_nobody_trusts(good):
    other, _ = usual("rsa")
    assert verify_chain(good[1], anchors=[other.certificate]).faults == (Fault.UNTRUSTED_SIGNER,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(name=st.sampled_from(["files", "digest", "snapshot-block-no", "signature", "signing-certificate", "snap-time",
                             "signature-type", "signature-version", "previous-digest"]), value=JSON)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_whatever_comes_gets_a_verdict(good, name, value):
    root, snapshots = good
    snapshots = [dict(each) for each in snapshots[:2]]
    snapshots[1][name] = value
    verify_chain(snapshots, anchors=[root.certificate])
    verify_chain([value, snapshots[0]], after=(3, "x"))


# Blocks --------------------------------------------------------------------------------------------------------------


@given(lines=st.lists(st.binary(max_size=100).map(lambda line: line.replace(b"\n", b"") + b"\n"), max_size=50))
@settings(max_examples=60, deadline=None)
def test_lines_come_back(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("block") / "block"
    writer = BlockWriter(path)
    for line in lines:
        writer.write(line)
    digest, size = writer.finish()
    assert list(read_lines(path)) == lines
    assert digest == digest_of(path) == hashlib.sha256(b"".join(lines)).digest()
    assert size == path.stat().st_size


def test_what_compresses_well_is_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "_CHUNK", 64)
    writer = BlockWriter(tmp_path / "block")
    for _ in range(5000):
        writer.write(b"a" * 99 + b"\n")
    digest, _ = writer.finish()
    assert sum(1 for _ in read_lines(tmp_path / "block")) == 5000
    assert digest_of(tmp_path / "block") == digest


def test_damage_is_told(tmp_path, monkeypatch):
    path = tmp_path / "block"
    with pytest.raises(BlockError, match="missing"):
        list(read_lines(path))
    writer = BlockWriter(path)
    writer.write(os.urandom(3000).replace(b"\n", b" ") + b"\n")
    writer.finish()
    content = path.read_bytes()
    for damaged in (content[:-4], content + b"x", content[:1000] + b"\0\0\0" + content[1003:], b""):
        path.write_bytes(damaged)
        with pytest.raises(BlockError):
            list(read_lines(path))
    path.write_bytes(zlib.compress(b"no end of line"))
    with pytest.raises(BlockError, match="end as it should"):
        list(read_lines(path))
    monkeypatch.setattr(blocks, "MAX_LINE_BYTES", 10)
    path.write_bytes(zlib.compress(b"x" * 1000 + b"\n" + b"x" * 1000))
    with pytest.raises(BlockError, match="too long"):
        list(read_lines(path))


# The store -----------------------------------------------------------------------------------------------------------


def test_damaged_snapshots_are_found_and_told(device):
    _, device.signer = usual()
    chain(device, 3)
    path = device.store.path(0, 2)
    good = path.read_bytes()
    path.write_bytes(good[:-1] + b"\0")
    [damage] = device.scan().damages
    assert (damage.number, damage.problem) == (2, "is damaged")
    path.write_bytes(good)
    found = [device.scan().damages for _ in range(25)]
    assert set(found) == {()}
    device.store.path(0, 1).unlink()
    found = [damage for _ in range(25) for damage in device.scan().damages]
    assert {(damage.number, damage.problem) for damage in found} == {(1, "is missing")}


def test_a_signature_that_was_changed_in_the_store_is_found(device):
    _, device.signer = usual()
    chain(device, 2)
    with device.store.writing() as connection:
        connection.execute("UPDATE snapshot SET signature = ? WHERE number = 1", (b"x",))
    assert device.scan().damages[0].problem == "has a signature that is not right"


def test_a_digest_that_was_changed_in_the_store_breaks_the_chain(device):
    chain(device, 2)
    with device.store.writing() as connection:
        connection.execute("UPDATE snapshot SET digest = ? WHERE number = 0", (b"x" * 32,))
    problems = {damage.problem for _ in range(25) for damage in device.scan().damages}
    assert "is not what its digest is over" in problems


def test_retention_drops_whole_generations_and_keeps_the_chain(device):
    device.retention = Retention(6, 1 << 30)
    for _ in range(20):
        (device.root / "file").write_text(str(time.monotonic_ns()))
        device.scan()
        snapshots = device.section()
        assert len(snapshots) <= 6
        assert snapshots[0]["snapshot-type"] == "full"
        assert verify_chain(snapshots).faults == (Fault.UNSIGNED,)
        assert len(list(device.folder.glob("*.z"))) == len(snapshots)
    # What is gone is still anchored: the digest that the verifier has of it.
    assert snapshots[0]["snapshot-block-no"] > 0
    assert snapshots[0]["previous-digest"] != "0" * 64


def test_retention_by_size(device):
    device.retention = Retention(1000, 1)
    for _ in range(4):
        device.scan()
    # Nothing but the newest generation, which is one full snapshot.
    assert [each.is_full for each in device.store.snapshots()] == [True]


def test_a_snapshot_that_is_being_read_stays_until_then(device):
    device.retention = Retention(2, 1 << 30)
    device.scan()
    first = device.store.snapshots()[0]
    lines = device.store.lines(first)
    next(lines)
    for _ in range(3):
        device.scan()
    assert first.number not in {each.number for each in device.store.snapshots()}
    path = device.store.path(0, first.number)
    assert path.exists()
    assert len(list(lines)) == 1
    assert not path.exists()


def test_leftovers_of_a_scan_that_did_not_end_are_removed(device):
    chain(device, 2)
    (device.folder / "0-0000000002.jsonl.part").write_bytes(b"x")
    (device.folder / "0-0000000002.jsonl.z").write_bytes(b"x")
    (device.folder / "somebody's").write_bytes(b"x")
    device.reopen()
    assert sorted(path.name for path in device.folder.glob("*.*")) == [
        "0-0000000000.jsonl.z", "0-0000000001.jsonl.z", "state.db", "state.db-shm", "state.db-wal",
    ]  # fmt: skip
    assert (device.folder / "somebody's").exists()
    device.scan()


KILLED = """
import os, sys
from pathlib import Path
from tests.integrity.filesystem.rig import Device
device = Device(Path(sys.argv[1]))
device.scan()
for number in range(2000):
    (device.root / "data" / str(number)).write_text(str(number))
print("ready", flush=True)
device.scan()
print("done", flush=True)
"""


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_loss_of_power_leaves_the_snapshot_with_its_state_or_neither(tmp_path, share):
    (tmp_path / "root/data").mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    assert process.stdout.readline() == b"ready\n"
    part = tmp_path / "inventory/0-0000000001.jsonl.part"
    deadline = time.monotonic() + 60
    while not part.exists() and process.poll() is None and time.monotonic() < deadline:
        os.sched_yield()
    if share > 0.5:
        while process.poll() is None and part.exists() and part.stat().st_size < 1000:
            os.sched_yield()
    process.kill()
    process.wait()
    process.stdout.close()
    device = Device(tmp_path)
    snapshots = device.section()
    assert len(snapshots) in (1, 2)
    assert verify_chain(snapshots).faults == (Fault.UNSIGNED,)
    outcome = device.scan()
    created = 2000 if len(snapshots) == 1 else 0
    assert outcome.counts.created == created
    assert verify_chain(device.section()).faults == (Fault.UNSIGNED,)
    device.store.close()


def test_a_store_that_is_damaged_says_what_to_do(device, tmp_path):
    chain(device, 1)
    device.store.close()
    for name in ("state.db-wal", "state.db-shm"):
        (device.folder / name).unlink(missing_ok=True)
    (device.folder / "state.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="Move it away"):
        InventoryStore(device.folder)
    (device.folder / "state.db").unlink()
    device.open()


def test_a_store_of_a_newer_version_is_left_alone(device):
    with device.store.writing():
        pass
    device.store._writer.execute("PRAGMA user_version = 99")
    device.store.close()
    with pytest.raises(StoreError, match="another version"):
        InventoryStore(device.folder)
    device.folder = device.folder.with_name("new")
    device.open()


# The section ---------------------------------------------------------------------------------------------------------

NODE = "0/RP0/CPU0"


def numbers(device, options):
    members = json.loads(json.dumps(collect(device.store, options), default=list))
    [node] = members["node"]
    assert node["node-name"] == NODE
    return [snapshot["snapshot-block-no"] for snapshot in node["snapshot"]]


def test_the_guide_s_options(device):
    chain(device, 4)
    assert numbers(device, None) == [0, 1, 2, 3]
    assert numbers(device, {NODE: {"block_start": 0, "count": 1}}) == [0]
    assert numbers(device, {NODE: {"block_start": 2}}) == [2, 3]
    assert numbers(device, {NODE: {"count": 2}}) == [0, 1]
    assert numbers(device, {NODE: {}}) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"0/RP1/CPU0": {"block_start": 0}}, ResultCode.NODE_NOT_AVAILABLE),
        ({NODE: {"block_start": -1}}, ResultCode.INVALID_OPTION),
        ({NODE: {"block_start": "0"}}, ResultCode.INVALID_OPTION),
        ({NODE: {"block_start": True}}, ResultCode.INVALID_OPTION),
        ({NODE: {"count": 0}}, ResultCode.INVALID_OPTION),
        ({NODE: {"blocks": 0}}, ResultCode.INVALID_OPTION),
        ({NODE: [0]}, ResultCode.INVALID_OPTION),
        ({NODE: {"block_start": 99}}, ResultCode.NOT_PRESENT),
    ],
)
def test_options_that_make_no_sense(device, options, code):
    chain(device, 1)
    with pytest.raises(SourceUnavailableError) as caught:
        collect(device.store, options)
    assert caught.value.code is code
    assert caught.value.reason


def test_without_snapshots_there_is_no_section(device):
    with pytest.raises(SourceUnavailableError) as caught:
        collect(device.store, None)
    assert caught.value.code is ResultCode.NOT_PRESENT
    assert read_options({}).start == 0


def test_times_are_those_of_the_agent_s_clock(device):
    chain(device, 2)
    first, second = device.store.snapshots()
    assert second.time - first.time == timedelta(minutes=15)
    assert device.section()[0]["snap-time"] == "Sun Mar  1 12:15:00 2026"
    assert replace(first) == first
