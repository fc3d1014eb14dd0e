"""Who gets in, and how."""

from __future__ import annotations

import subprocess
from datetime import timedelta

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agent.transport import authentication
from agent.transport.authentication import (
    DirectoryAuthenticator,
    UserRecord,
    hash_password,
    verify_password,
)
from agent.transport.limits import TransportLimits
from tests.transport.rig import Users, eventually, read_message

PASSWORD = "correct horse: battery staple ü"


@pytest.fixture(scope="module")
def password_hash():
    return hash_password(PASSWORD)


KEYS = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ecdsa-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ecdsa-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "rsa": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
}


@pytest.mark.parametrize("kind", KEYS)
def test_user_keys_of_every_kind(rig, tmp_path, kind):
    path = tmp_path / "key"
    path.write_bytes(KEYS[kind]().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    key = paramiko.PKey.from_path(path)
    rig.users.add("keyholder", keys=[key])
    client = rig.connect("keyholder", pkey=key)
    assert rig.netconf(client)
    client.close()


def test_a_key_of_somebody_else_is_refused(rig):
    with pytest.raises(paramiko.AuthenticationException):
        rig.connect(pkey=paramiko.RSAKey.generate(2048))


def test_an_unsupported_key_does_not_spoil_the_next_one(rig):
    """Agents offer security keys first; the connection must survive that (see paramiko_hardening)."""
    client = rig.connect()
    client.close()
    transport = paramiko.Transport(("127.0.0.1", rig.port))
    transport.start_client(timeout=10)

    class SecurityKey(paramiko.PKey):
        name = "sk-ssh-ed25519@openssh.com"

        def get_name(self):
            return self.name

        def asbytes(self):
            message = paramiko.Message()
            message.add_string(self.name)
            message.add_string(b"\x01" * 32)
            message.add_string("ssh:")
            return message.asbytes()

        def sign_ssh_data(self, data, algorithm=None):
            message = paramiko.Message()
            message.add_string(self.name)
            message.add_string(b"\x01" * 64)
            return message

    transport._preferred_pubkeys = (*transport._preferred_pubkeys, SecurityKey.name)
    with pytest.raises(paramiko.AuthenticationException):
        transport.auth_publickey("admin", SecurityKey())
    transport.auth_publickey("admin", rig.user_key)
    assert transport.is_authenticated()
    transport.close()


def test_password_and_keyboard_interactive(rig, password_hash):
    rig.users.add("typist", password_hash=password_hash)
    client = rig.connect("typist", pkey=None, password=PASSWORD)
    assert rig.netconf(client)
    client.close()

    transport = paramiko.Transport(("127.0.0.1", rig.port))
    transport.start_client(timeout=10)
    asked = []

    def answer(title, instructions, prompts):
        asked.extend(prompts)
        return [PASSWORD]

    transport.auth_interactive("typist", answer)
    assert transport.is_authenticated()
    assert asked == [("Password: ", False)]
    transport.close()


@pytest.mark.parametrize("name", ["typist", "nobody"])
def test_a_wrong_password_is_refused(rig, password_hash, name):
    rig.users.add("typist", password_hash=password_hash)
    with pytest.raises(paramiko.AuthenticationException):
        rig.connect(name, pkey=None, password="wrong")


def test_only_administrators_log_in(rig, password_hash):
    rig.users.add("operator", password_hash=password_hash, keys=[rig.user_key], groups=("operators",))
    with pytest.raises(paramiko.AuthenticationException):
        rig.connect("operator", pkey=None, password=PASSWORD)
    with pytest.raises(paramiko.AuthenticationException):
        rig.connect("operator")


def test_who_is_no_administrator_any_more_opens_no_channel(rig):
    client = rig.connect()
    rig.users.add("admin", keys=[rig.user_key], groups=())
    with pytest.raises(paramiko.ChannelException):
        client.get_transport().open_session(timeout=10)
    client.close()


def test_attempts_of_a_connection_are_limited(make_rig):
    rig = make_rig(limits=TransportLimits(login_attempts=3))
    transport = paramiko.Transport(("127.0.0.1", rig.port))
    transport.start_client(timeout=10)
    key = paramiko.ECDSAKey.generate()
    for _ in range(3):
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_publickey("admin", key)
    assert eventually(lambda: not transport.is_active())
    with pytest.raises(paramiko.SSHException):
        transport.auth_publickey("admin", rig.user_key)


def test_interactive_answers_nobody_asked_for_are_a_failure(rig):
    transport = paramiko.Transport(("127.0.0.1", rig.port))
    transport.start_client(timeout=10)
    transport._send_message(_service_request())
    transport._send_message(_info_response(1, [PASSWORD]))
    transport._send_message(_info_response(4_000_000_000, []))
    assert eventually(lambda: not transport.is_active(), 5)
    assert eventually(lambda: rig.listener.connection_count == 0, 5)


def _service_request():
    message = paramiko.Message()
    message.add_byte(b"\x05")
    message.add_string("ssh-userauth")
    return message


def _info_response(count, answers):
    message = paramiko.Message()
    message.add_byte(b"\x3d")
    message.add_int(count)
    for answer in answers:
        message.add_string(answer)
    return message


class TestAuthenticator:
    def make(self, manual_clock, users, per_minute=20):
        return DirectoryAuthenticator(users, manual_clock, failed_logins_per_minute=per_minute)

    def test_unknown_users_cost_a_hash_too(self, manual_clock, monkeypatch):
        compared = []
        monkeypatch.setattr(
            authentication, "verify_password", lambda text, hash: compared.append((text, hash)) or False
        )
        users = Users()
        users.add("keys-only", keys=[])
        authenticator = self.make(manual_clock, users)
        assert not authenticator.check_password("nobody", "a", "192.0.2.1")
        assert not authenticator.check_password("keys-only", "b", "192.0.2.1")
        assert [text for text, _ in compared] == ["a", "b"]
        assert all(hash.startswith(f"$6$rounds={authentication.PASSWORD_ROUNDS}$") for _, hash in compared)

    def test_the_hash_of_nobody_costs_what_others_cost(self, password_hash):
        def cost(hash):
            return hash.split("$")[1:3]

        assert cost(authentication._NO_PASSWORD) == cost(password_hash)
        assert not verify_password("x", authentication._NO_PASSWORD)

    def test_a_source_with_many_wrong_passwords_is_not_looked_at(self, manual_clock, monkeypatch):
        monkeypatch.setattr(authentication, "verify_password", lambda text, hash: text == "right")
        users = Users({"u": UserRecord("u", "$6$x", (), ("administrators",))})
        authenticator = self.make(manual_clock, users, per_minute=3)
        for _ in range(3):
            assert not authenticator.check_password("u", "wrong", "2001:db8::1")
        assert not authenticator.check_password("u", "right", "2001:db8::2")  # the same /64
        assert authenticator.check_password("u", "right", "192.0.2.7")
        manual_clock.advance(timedelta(seconds=21))
        assert authenticator.check_password("u", "right", "2001:db8::1")

    def test_public_keys_are_not_counted(self, manual_clock):
        users = Users({"u": UserRecord("u", None, (("ssh-ed25519", b"key"),), ("administrators",))})
        authenticator = self.make(manual_clock, users, per_minute=1)
        for _ in range(5):
            assert not authenticator.check_public_key("u", b"other", "192.0.2.1")
        assert authenticator.check_public_key("u", b"key", "192.0.2.1")
        assert not authenticator.check_public_key("nobody", b"", "192.0.2.1")


class TestPasswords:
    def test_hash_and_verify(self, password_hash):
        assert password_hash.startswith("$6$rounds=500000$")
        assert verify_password(PASSWORD, password_hash)
        assert not verify_password(PASSWORD + " ", password_hash)

    @pytest.mark.parametrize("text", ["", "a\0b", "x" * 513])
    def test_what_can_not_be_a_password(self, text, password_hash):
        with pytest.raises(ValueError, match="password"):
            hash_password(text)
        assert not verify_password(text, password_hash)

    @pytest.mark.parametrize("bad", ["", "*", "$1$salt$hash", "$6$", "plain"])
    def test_odd_hashes_match_nothing(self, bad):
        assert not verify_password("plain", bad)

    @pytest.mark.parametrize("scheme", ["-5", "-6"])
    def test_hashes_of_openssl_are_understood(self, scheme):
        command = ["openssl", "passwd", scheme, "-stdin"]
        made = subprocess.run(
            command, input="Hello world!\n", capture_output=True, text=True, check=True
        ).stdout.strip()
        assert verify_password("Hello world!", made)
        assert not verify_password("Hello world", made)


def test_the_session_knows_its_caller(rig):
    client = rig.connect()
    channel = rig.netconf(client)
    channel.sendall(b"x]]>]]>")
    read_message(channel)
    (session,) = rig.core.opened
    assert session.caller.user == "admin"
    assert session.caller.source == "127.0.0.1"
    assert session.caller.groups == ("administrators",)
    client.close()
