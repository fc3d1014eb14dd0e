"""Commands to a TPM in software, beside tpm2-tools; and what happens when there is none, or one that misbehaves."""

import contextlib
import hashlib
import os
import socket
import threading
import tty

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.tpm import commands, device
from agent.tpm.commands import ENDORSEMENT, OWNER, Commands
from agent.tpm.device import NO_TPM, Tpm, check_address
from agent.tpm.errors import (
    TpmAbsentError,
    TpmDeniedError,
    TpmError,
    TpmKeyLostError,
    TpmRefusedError,
    TpmTimeLimitError,
    TpmUnusableError,
)
from agent.tpm.keys import WrappedKey, make_ecc_key, make_rsa_key, sign
from agent.tpm.structures import Algorithm, attestation_key, public_key_der, rsa_key, storage_parent
from agent.tpm.transport import DeviceTransport
from agent.tpm.wire import WireError
from tests.peers.swtpm import Swtpm

CLOCK = SystemClock()
DIGEST = hashlib.sha256(b"message").digest()


@pytest.fixture(scope="module")
def tpm(swtpm):
    return Tpm(swtpm.address, CLOCK)


def test_registers_are_those_of_tpm2_pcrread(swtpm, tpm):
    swtpm.run("tpm2_pcrextend", f"10:sha1={'11' * 20},sha256={'22' * 32}")
    with tpm.session() as connected:
        banks = connected.banks()
        values = {bank: connected.registers(bank, range(24)) for bank in ("sha1", "sha256")}
    assert set(banks) >= {"sha1", "sha256"}
    assert banks["sha256"] == tuple(range(24))
    printed = swtpm.run("tpm2_pcrread", "sha1:all+sha256:all")
    for bank, registers in values.items():
        assert len(registers) == 24
        for number, value in registers.items():
            assert f"{number:<2}: 0x{value.hex().upper()}" in printed.partition(f"{bank}:")[2]


def test_registers_of_a_bank_that_it_does_not_have(tpm):
    with tpm.session() as connected:
        assert list(connected.registers("sha256", (23, 3, 3))) == [3, 23]
        with pytest.raises(TpmRefusedError, match="hash"):
            connected.registers("sm3", (0, 1))


def test_what_it_is(tpm):
    with tpm.session() as connected:
        manufacturer, firmware = connected.identity()
    assert manufacturer == "IBM"
    assert firmware.count(".") == 3


def test_primary_keys_are_always_the_same_and_leave_nothing_behind(swtpm, tpm):
    with tpm.session() as connected, connected.primary(ENDORSEMENT, attestation_key(DIGEST)) as (_, first):
        pass
    # More than its three places: each must be given back.
    for _ in range(4):
        with tpm.session() as connected, connected.primary(ENDORSEMENT, attestation_key(DIGEST)) as (_, again):
            assert again == first
    assert swtpm.run("tpm2_getcap", "handles-transient").strip() == ""
    with tpm.session() as connected, connected.primary(ENDORSEMENT, attestation_key(bytes(32))) as (_, other):
        assert public_key_der(other) != public_key_der(first)


@pytest.mark.parametrize(
    ("make", "scheme", "verify"),
    [
        (make_ecc_key, Algorithm.ECDSA, lambda key, value: key.verify(value, b"message", ec.ECDSA(hashes.SHA256()))),
        (
            lambda tpm: make_rsa_key(tpm, 2048),
            Algorithm.RSASSA,
            lambda key, value: key.verify(value, b"message", padding.PKCS1v15(), hashes.SHA256()),
        ),
    ],
    ids=["ecc", "rsa"],
)
def test_a_key_signs_and_only_in_its_own_tpm(swtpm, tpm, make, scheme, verify):
    key = WrappedKey.from_blob(make(tpm).blob)
    verify(load_der_public_key(key.public_key_der), sign(tpm, key, DIGEST, scheme, "sha256"))
    with Swtpm() as another, pytest.raises(TpmKeyLostError, match="another TPM"):
        sign(Tpm(another.address, CLOCK), key, DIGEST, scheme, "sha256")
    assert swtpm.run("tpm2_getcap", "handles-transient").strip() == ""


def test_a_key_is_lost_when_the_owner_is_cleared():
    with Swtpm() as own:
        tpm = Tpm(own.address, CLOCK)
        key = make_ecc_key(tpm)
        own.run("tpm2_clear")
        with pytest.raises(TpmKeyLostError):
            sign(tpm, key, DIGEST, Algorithm.ECDSA, "sha256")


def test_an_owner_with_a_password_is_refused_with_a_reason():
    with Swtpm() as own:
        own.run("tpm2_changeauth", "-c", "owner", "secret")
        with pytest.raises(TpmRefusedError, match="authorization value"):
            make_ecc_key(Tpm(own.address, CLOCK))


def test_what_the_tpm_can_t_is_refused_with_a_reason(tpm):
    with (
        tpm.session() as connected,
        connected.primary(OWNER, storage_parent()) as (parent, _),
        pytest.raises(TpmRefusedError, match=r"Create \(response code 0x\w+\)"),
    ):
        connected.create(parent, rsa_key(1000))


@pytest.mark.parametrize("blob", [b"", b"\x00\x01", b"\x00\x00\x00\x00x", b"\xff\xff"])
def test_a_blob_that_is_none(blob):
    with pytest.raises(TpmKeyLostError, match="damaged"):
        WrappedKey.from_blob(blob)


def test_threads_take_turns(tpm):
    key = make_ecc_key(tpm)
    failures = []

    def work():
        try:
            sign(tpm, key, DIGEST, Algorithm.ECDSA, "sha256")
        except TpmError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_whoever_waits_too_long_for_a_turn_is_told(tpm, monkeypatch):
    monkeypatch.setattr(device, "_TURN_SECONDS", 0.01)
    with tpm.session(), pytest.raises(TpmTimeLimitError, match="busy"), tpm.session():
        pass


@pytest.mark.parametrize(
    ("address", "error"),
    [
        (NO_TPM, TpmAbsentError),
        ("device:/dev/there-is-none", TpmAbsentError),
        ("swtpm:path=/run/there-is-none", TpmAbsentError),
        ("device:/dev/null", TpmUnusableError),
    ],
)
def test_where_there_is_none(address, error):
    with pytest.raises(error), Tpm(address, CLOCK).session() as connected:
        connected.banks()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use every device")
def test_a_device_of_others(tmp_path):
    (tmp_path / "tpm").touch(mode=0)
    with pytest.raises(TpmDeniedError, match="group"), Tpm(f"device:{tmp_path / 'tpm'}", CLOCK).session():
        pass


@pytest.mark.parametrize("address", ["", "tpm", "swtpm:", "swtpm:path=s", "device:tpm0", "tcp:/x", "device:/a\0b"])
def test_addresses_that_are_none(address):
    with pytest.raises(ValueError, match=r".*"):
        check_address(address)


@pytest.fixture
def mute(tmp_path):
    """A socket that takes commands and gives whatever answer a test sets, at first none."""
    answers = []
    path = tmp_path / "s"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                while connection.recv(4096):
                    for answer in answers:
                        connection.sendall(answer)
                        return

    threading.Thread(target=serve, daemon=True).start()
    yield Tpm(f"swtpm:path={path}", CLOCK), answers
    server.close()


def test_a_tpm_that_hangs_is_given_up(mute, monkeypatch):
    monkeypatch.setattr(commands, "COMMAND_SECONDS", 0.05)
    monkeypatch.setattr(Commands._ask, "__kwdefaults__", {**Commands._ask.__kwdefaults__, "seconds": 0.05})
    tpm, _ = mute
    with pytest.raises(TpmTimeLimitError, match="in time"), tpm.session() as connected:
        connected.banks()
    # The next one has its turn.
    with pytest.raises(TpmTimeLimitError), tpm.session() as connected:
        connected.banks()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x80\x01\xff\xff\xff\xff\x00\x00\x00\x00",
        b"\x80\x01\x00\x00\x00\x0a\x00\x00\x00\x00",
        b"\x80\x01\x00\x00\x00",
    ],
)
def test_what_is_no_tpm_is_told(mute, answer):
    tpm, answers = mute
    answers.append(answer)
    with pytest.raises(TpmUnusableError), tpm.session() as connected:
        connected.banks()


@pytest.fixture
def character_device():
    """A terminal that stands for the kernel's device: its other end, and its path."""
    kernel, agent = os.openpty()
    tty.setraw(agent)
    yield kernel, os.ttyname(agent)
    os.close(kernel)
    os.close(agent)


def test_the_kernel_s_device_is_asked_and_answers(character_device):
    kernel, path = character_device
    answer = bytes.fromhex("8001 00000013 00000000 01 00000005 00000000")
    commands = []

    def serve():
        commands.append(os.read(kernel, 4096))
        os.write(kernel, answer)

    thread = threading.Thread(target=serve)
    thread.start()
    with Tpm(f"device:{path}", CLOCK).session() as connected:
        assert connected.banks() == {}
    thread.join()
    # GetCapability of TPM_CAP_PCRS, part 3 section 30.2.
    assert commands == [bytes.fromhex("8001 00000016 0000017a 00000005 00000000 00000001")]


def test_the_kernel_s_device_that_hangs_is_given_up(character_device):
    transport = DeviceTransport(character_device[1], CLOCK)
    with pytest.raises(TpmTimeLimitError, match="in time"):
        transport.exchange(b"command", CLOCK.monotonic() + 0.01)
    transport.close()


class Scripted:
    """A connection whose answers are given."""

    def __init__(self, answer):
        self._answer = answer

    def exchange(self, command, deadline):
        return self._answer

    def close(self):
        pass


@given(
    st.binary(max_size=120),
    st.sampled_from(
        [
            lambda connected: connected.banks(),
            lambda connected: connected.identity(),
            lambda connected: connected.registers("sha256", range(24)),
            lambda connected: connected.create(1, b""),
            lambda connected: connected.sign(1, DIGEST, Algorithm.ECDSA, Algorithm.SHA256),
            lambda connected: connected.quote(1, b"", {"sha256": (0,)}),
        ]
    ),
)
def test_any_answer_ends_in_a_result_or_an_error_of_ours(content, ask):
    answer = b"\x80\x01" + (10 + len(content)).to_bytes(4, "big") + bytes(4) + content
    with contextlib.suppress(TpmError, WireError):
        ask(Commands(Scripted(answer), CLOCK))
