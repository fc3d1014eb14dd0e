"""IMA logs of every form: parsed, every template hash recomputed, replayed beside evmctl."""

import contextlib
import hashlib
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.integrity.ima.ascii_log import ascii_events
from agent.integrity.ima.binary_log import binary_events, binary_record
from agent.integrity.ima.event import MAX_TEMPLATE_DATA_BYTES, ImaEvent, ImaLogError
from agent.integrity.ima.replay import BANKS, Replay, template_hash_algorithm
from agent.integrity.ima.seen import SeenHashes
from agent.integrity.ima.templates import FIELDS, MeasuredFile, TemplateError, measured_file, split
from tests.integrity.attestation_data import real_log
from tests.integrity.ima.writer import SIGNATURE, SIZES, Log, usual

TEMPLATES = sorted(FIELDS)


def replayed(events):
    replay = Replay()
    for event in events:
        assert replay.extend(event), event
    return replay.ima


def read_all(events):
    """What can be read, and the error that ends it or None."""
    found = []
    try:
        found.extend(events)
    except ImaLogError as error:
        return found, error
    return found, None


def pieces(content, size):
    return (content[at : at + size] for at in range(0, len(content), size))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bank", SIZES)
@pytest.mark.parametrize("template", [*TEMPLATES, "d-ng|n-ng"])
def test_every_template_in_every_bank_and_byte_order(template, bank, order):
    log = Log(order, template).measure("boot_aggregate", b"x").measure("/usr/bin/a b", b"content").measure("/x", b"y")
    log.measure("/open-for-writing", violation=True)
    content = log.binary(bank)
    events = list(binary_events(pieces(content, 7), bank))

    assert [event.number for event in events] == [1, 2, 3, 4]
    assert events[-1].end == len(content)
    assert b"".join(map(binary_record, events)) == content
    assert [event.is_violation for event in events] == [False, False, False, True]
    assert {template_hash_algorithm(event) for event in events} == {bank}
    assert replayed(events) == {name: log.pcr(name) for name in BANKS}
    file = measured_file(events[1])
    assert file.name == b"/usr/bin/a b"
    algorithm = "sha1" if template == "ima" else "sha256"
    assert (file.algorithm, file.digest) == (algorithm, hashlib.new(algorithm, b"content").digest())
    assert file.kind == ("ima" if template in ("ima-ngv2", "ima-sigv2") else "")
    assert file.signature == (SIGNATURE if template in ("ima-sig", "ima-sigv2", "ima-modsig", "evm-sig") else b"")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("template", [*TEMPLATES, "d-ng|n-ng"])
def test_the_text_says_the_same_as_the_bytes(template, order):
    log = Log(order, template)
    log.measure("/first", b"1").measure("/blank in it", b"2").measure("/second", b"3", signature=b"")
    log.measure("/violated", violation=True)
    from_text = list(ascii_events(pieces(log.ascii(), 11), "sha1"))
    from_bytes = list(binary_events([log.binary()], "sha1"))
    measured = [event._replace(end=0, order="little") for event in from_text]
    assert measured[:3] == [event._replace(end=0, order="little") for event in from_bytes][:3]
    assert replayed(from_text) == replayed(from_bytes)


def test_other_registers_are_replayed_apart():
    log = Log().measure("/a", b"1").measure("/b", b"2", pcr=11).measure("/c", b"3")
    replay = Replay()
    for event in binary_events([log.binary()], "sha1"):
        replay.extend(event)
    assert replay.registers[11]["sha256"] == log.pcr("sha256", 11)
    assert replay.ima["sha256"] == log.pcr("sha256")


def test_names_in_any_bytes_survive():
    log = Log().measure(b"/tmp/\xff\n\x01", b"1")
    [event] = binary_events([log.binary()], "sha1")
    assert measured_file(event).name == b"/tmp/\xff\n\x01"


def test_verity_digests_are_told_apart():
    [event] = binary_events([Log(template="ima-ngv2").measure("/a", kind="verity").binary()], "sha1")
    assert measured_file(event).kind == "verity"


def test_an_edited_log_does_not_recompute():
    log = usual(5)
    content = log.binary().replace(b"tool2", b"toolX")
    replay = Replay()
    assert [replay.extend(event) for event in binary_events([content], "sha1")] == [True, True, True, False, True]
    assert replay.ima["sha256"] != log.pcr()


def good(number=1):
    return usual(number).binary()


@pytest.mark.parametrize(
    ("content", "number", "message"),
    [
        (good() + good()[:30], 2, "ends in the middle"),
        (good() + b"\xff" * 60, 2, "no register"),
        (b"\xff" * 60, 1, "does not begin"),
        (good() + (10).to_bytes(4, "little") + bytes(20) + (300).to_bytes(4, "little") + bytes(99), 2, "name of its"),
        (
            good() + (10).to_bytes(4, "little") + bytes(20) + b"\6\0\0\0ima-ng" + (2**31).to_bytes(4, "little"),
            2,
            "impossible length",
        ),
    ],
)
def test_what_can_t_be_read_is_named_and_what_comes_before_is_given(content, number, message):
    events, error = read_all(binary_events([content], "sha1"))
    assert error.number == number
    assert message in error.message
    assert len(events) == number - 1


@pytest.mark.parametrize(
    "line",
    [
        b"no number here\n",
        b"10 zz ima-ng sha1:00 /x\n",
        b"10 " + b"00" * 20 + b" ima-ng nocolon /x\n",
        b"10 " + b"00" * 20 + b" unknown-template x y\n",
        b"99 " + b"00" * 20 + b" ima-ng sha1:00 /x\n",
        b"10 " + b"00" * 19 + b" ima-ng sha1:00 /x\n",
        b"10 " + b"00" * 20 + b" ima " + b"00" * 19 + b" /x\n",
        b"10 " + b"00" * 20 + b" ima-ng sha1:00",
        b"10 " + b"00" * 20 + b" ima-ng\n",
    ],
)
def test_lines_that_make_no_sense(line):
    with pytest.raises(ImaLogError):
        list(ascii_events([line], "sha1"))


@pytest.mark.parametrize(
    ("template", "data"),
    [
        ("ima-ng", b"\xff\xff\xff\xff"),
        ("ima-ng", b"\0\0\0\0\0\0\0\0\0"),
        ("ima-ng", b"\1\0\0\0x\0\0\0\0"),
        ("ima", b"short"),
        ("no-such", b""),
        ("|".join(["d-ng"] * 40), b""),
    ],
)
def test_data_that_are_not_of_their_template(template, data):
    with pytest.raises(TemplateError):
        measured_file(ImaEvent(1, 10, template, bytes(20), data, 0, "little"))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(sorted(SIZES)), st.integers(1, 40))
def test_no_bytes_upset_the_binary_parser(garbage, bank, size):
    content = usual(2).binary(bank) + garbage
    events, error = read_all(binary_events(pieces(content, size), bank))
    assert error is None or error.number == len(events) + 1
    for event in events:
        with contextlib.suppress(TemplateError):
            assert isinstance(measured_file(event), MeasuredFile)
        Replay().extend(event)
        assert len(event.data) <= MAX_TEMPLATE_DATA_BYTES


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_edit_upsets_the_parsers(data):
    log = Log()
    for template in TEMPLATES:
        log.measure("/x", b"1", template=template)
    content = bytearray(data.draw(st.sampled_from([log.binary(), log.ascii()])))
    read = binary_events if content[:1] == b"\n" else ascii_events
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    for event in read_all(read([bytes(content)], "sha1"))[0]:
        Replay().extend(event)
        with contextlib.suppress(TemplateError):
            split(event)


@given(st.lists(st.binary(min_size=20, max_size=20), max_size=40))
def test_what_was_seen(digests):
    seen, known = SeenHashes(), set()
    for digest in digests:
        assert seen.add(digest) == (digest[:8] in known)
        known.add(digest[:8])


def test_what_was_seen_long_ago(monkeypatch):
    monkeypatch.setattr("agent.integrity.ima.seen._RECENT", 4)
    seen = SeenHashes()
    digests = [hashlib.sha1(bytes([number])).digest() for number in range(100)]
    assert not any(seen.add(digest) for digest in digests)
    assert all(seen.add(digest) for digest in digests)
    assert len(seen._runs) <= 6


# Real logs, and evmctl -----------------------------------------------------------------------------------------------


def test_the_real_logs_recompute_and_agree_with_each_other():
    binary = list(binary_events(pieces(real_log("binary_runtime_measurements"), 4096), "sha1"))
    text = list(ascii_events([real_log("ascii_runtime_measurements")], "sha1"))
    assert (len(binary), len(text)) == (1650, 1646)
    assert [event[:5] for event in text] == [event[:5] for event in binary[:1646]]
    replayed(binary)


def evmctl(tmp_path, content, values, *options):
    """Whether evmctl agrees with what the registers are said to be."""
    (tmp_path / "log").write_bytes(content)
    arguments = []
    for bank, value in values.items():
        lines = [f"PCR-{number:02d}: {'00' * SIZES[bank]}" for number in range(24)]
        lines[10] = f"PCR-10: {value.hex()}"
        (tmp_path / bank).write_text("\n".join(lines) + "\n")
        arguments += ["--pcrs", f"{bank},{tmp_path / bank}"]
    return subprocess.run(
        ["evmctl", "ima_measurement", *arguments, *options, str(tmp_path / "log")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


needs_evmctl = pytest.mark.skipif(shutil.which("evmctl") is None, reason="evmctl (ima-evm-utils) is not installed")


def both(events):
    return {bank: value for bank, value in replayed(events).items() if bank in ("sha1", "sha256")}


@needs_evmctl
def test_evmctl_agrees_about_the_real_log(tmp_path):
    content = real_log("binary_runtime_measurements")
    values = both(binary_events([content], "sha1"))
    answer = evmctl(tmp_path, content, values)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Matched per TPM bank calculated digest(s)" in answer.stdout + answer.stderr
    values["sha256"] = bytes(32)
    assert evmctl(tmp_path, content, values).returncode != 0


@needs_evmctl
@pytest.mark.parametrize("template", ["ima", "ima-ng", "ima-sig", "ima-buf", "ima-modsig"])
def test_evmctl_agrees_about_logs_of_our_own(tmp_path, template):
    log = Log(template=template)
    for number in range(5):
        log.measure(f"/usr/bin/{number}", bytes([number]), signature=b"")
    values = both(binary_events([log.binary()], "sha1"))
    answer = evmctl(tmp_path, log.binary(), values)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Matched per TPM bank calculated digest(s)" in answer.stdout + answer.stderr


def test_a_tpm_has_what_the_replay_says(swtpm):
    """Extended as the kernel does it, with one call for all banks."""
    log = usual(3).measure("/open", violation=True).measure("/buffer", b"x", template="ima-buf")
    for entry in log.entries:
        digests = {
            bank: "ff" * SIZES[bank] if entry[4] else hashlib.new(bank, log.hashed(entry)).hexdigest()
            for bank in ("sha1", "sha256", "sha384")
        }
        swtpm.run("tpm2_pcrextend", "10:" + ",".join(f"{bank}={digest}" for bank, digest in digests.items()))
    printed = swtpm.run("tpm2_pcrread", "sha1:10+sha256:10+sha384:10")
    for value in replayed(binary_events([log.binary()], "sha1")).values():
        assert f"0x{value.hex().upper()}" in printed
