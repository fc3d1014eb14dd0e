"""The forms that real servers write their messages in: BER without lengths, constructed strings."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.pki import ber
from agent.pki.errors import MalformedBerError
from agent.pki.scep.algorithms import DES, TRIPLE_DES
from agent.pki.scep.grants import Granted
from agent.pki.scep.messages import MessageSigner
from tests.pki.scep.applicant import LENIENT, Applicant
from tests.pki.scep.fake_ca import FakeCa
from tests.pki.trustpoints import openssl


@pytest.mark.parametrize("cipher", ["aes128", "aes192", "aes256", "des3"])
@pytest.mark.parametrize("streamed", [True, False])
def test_envelopes_of_openssl(tmp_path, cipher, streamed):
    """Streamed ones have neither lengths nor one single string."""

    def make(content, certificate):
        (tmp_path / "content").write_bytes(content)
        (tmp_path / "to.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        openssl("cms", "-encrypt", f"-{cipher}", "-binary", "-outform", "der", *(["-stream"] if streamed else []),
                "-in", tmp_path / "content", "-out", tmp_path / "envelope", tmp_path / "to.pem")  # fmt: skip
        envelope = (tmp_path / "envelope").read_bytes()
        assert envelope.startswith(b"\x30\x80") == streamed
        return envelope

    ca = FakeCa()
    ca.answer_with(enveloped=make)
    assert isinstance(Applicant(ca, policy=LENIENT).enroll(), Granted)


def test_envelopes_for_a_key_identifier(tmp_path):
    """Recipients may be named by subjectKeyIdentifier."""

    def make(content, certificate):
        (tmp_path / "content").write_bytes(content)
        (tmp_path / "to.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        openssl("cms", "-encrypt", "-aes128", "-binary", "-keyid", "-outform", "der",
                "-in", tmp_path / "content", "-out", tmp_path / "envelope", tmp_path / "to.pem")  # fmt: skip
        return (tmp_path / "envelope").read_bytes()

    ca = FakeCa()
    device = Applicant(ca)
    first = device.enroll().certificate
    holder = MessageSigner.holder(device.key, first.public_bytes(Encoding.DER))
    ca.answer_with(enveloped=make)
    assert isinstance(device.enroll(signer=holder, renewal=True), Granted)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("0403414243", b"ABC"),
        ("8003414243", b"ABC"),
        ("048103414243", b"ABC"),
        # As Go's pkcs7 writes encryptedContent: [0], constructed, with a length.
        ("a0050403414243", b"ABC"),
        ("a00704014104024243", b"ABC"),
        ("a080040141040242430000", b"ABC"),
        ("248004014124800402424300000000", b"ABC"),
        ("a000", b""),
    ],
)
def test_octet_strings(data, value):
    (element,) = ber.elements(bytes.fromhex(data))
    assert ber.octets(element) == value


@pytest.mark.parametrize(
    "data",
    [
        "04", "0403", "04034142", "0484ffffffff41", "04ff" + "ff" * 127, "0480410000", "a0030c0141", "a0800401",
        "1f8101", "a003020141", "24" "80" * 40, "2480" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_octet_string(data):
    with pytest.raises(MalformedBerError):
        [ber.octets(element) for element in ber.elements(bytes.fromhex(data))]


@pytest.mark.parametrize("cipher", [DES, TRIPLE_DES])
def test_openssl_decrypts_our_weak_ciphers(cipher):
    key, iv = bytes(range(1, cipher.key_bytes + 1)), bytes(8)
    encrypted = cipher.encrypt(key, iv, b"content")
    assert cipher.decrypt(key, iv, encrypted) == b"content"
    name = {"des-cbc": "-des-cbc", "3des-cbc": "-des-ede3-cbc"}[cipher.name]
    legacy = ("-provider", "legacy", "-provider", "default")
    arguments = ("enc", "-d", name, *legacy, "-K", key.hex(), "-iv", iv.hex())
    assert openssl(*arguments, input=encrypted) == "content"
