"""Users' public keys: every form that ssh-keygen and openssl write is the same key, and nothing else is one."""

from __future__ import annotations

import base64
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from agent.pki.errors import PkiError
from agent.pki.keys import KeyType
from agent.pki.user_key_errors import InvalidUserKeyError, PrivateKeyGivenError, UserKeyNotSupportedError
from agent.pki.user_keys import MAX_COMMENT, MAX_KEY_BYTES, SSH_ALGORITHMS, UserPublicKey, parse_user_key
from tests.pki.user_keys import (
    MAKING,
    SIZES,
    TYPES_AND_FORMS,
    blob_of,
    fingerprint_of,
    line_of,
    make_key,
    public_key,
    run,
)

ED25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIKS5pliZxdoUOrv5jrnAnDI6jIW1e/wAg6rSGQLqBRp0"
LINE = f"ssh-ed25519 {ED25519} jane@laptop"
BODY = f"{ED25519[:30]}\n{ED25519[30:]}"
BEGIN, END = "---- BEGIN SSH2 PUBLIC KEY ----", "---- END SSH2 PUBLIC KEY ----"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return {key_type: make_key(folder / key_type.value, key_type) for key_type in MAKING}


def parse(text: str) -> UserPublicKey:
    return parse_user_key(text.encode())


def refusal(data: bytes) -> PkiError:
    with pytest.raises(PkiError) as refused:
        parse_user_key(data)
    return refused.value


def pem(key) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def rsa_blob(exponent: int, modulus: int) -> bytes:
    def string(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    numbers = (number.to_bytes(number.bit_length() // 8 + 1, "big") for number in (exponent, modulus))
    return string(b"ssh-rsa") + b"".join(map(string, numbers))


# What is a key -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key_type", "form"), TYPES_AND_FORMS)
def test_every_form_is_the_same_key(keys, key_type, form):
    key = parse_user_key(public_key(keys[key_type], form))

    assert (key.type, key.size) == (key_type, SIZES[key_type])
    assert key.blob == blob_of(keys[key_type])
    assert key.fingerprint == fingerprint_of(keys[key_type])
    assert key.algorithm == line_of(keys[key_type]).split()[0].decode()


@pytest.mark.parametrize("key_type", MAKING)
def test_ssh_keygen_reads_the_line_and_openssl_the_der(keys, key_type, tmp_path):
    key = parse_user_key(public_key(keys[key_type], "blob"))
    (tmp_path / "k.pub").write_text(f"{key.line}\n")

    assert fingerprint_of(tmp_path / "k") == key.fingerprint
    subprocess.run(
        ["openssl", "pkey", "-pubin", "-inform", "DER", "-noout"], input=key.public_key_der, check=True, timeout=60
    )
    assert parse_user_key(key.public_key_der) == key


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        (LINE, "jane@laptop"),
        (f"ssh-ed25519 {ED25519}", ""),
        (f"  ssh-ed25519\t{ED25519}   Jane's  key \r\n\r\n", "Jane's  key"),
        (f"# my keys\n\n{LINE}\n", "jane@laptop"),
        (f"ssh-ed25519 {ED25519} \x1b[31mred\x07é", "[31mredé"),
        (f"ssh-ed25519 {ED25519} my PRIVATE KEY", "my PRIVATE KEY"),
        (f"ssh-ed25519 {ED25519} {'x' * 1000}", "x" * MAX_COMMENT),
        (f"{BEGIN}\n{BODY}\n{END}", ""),
        (f"{BEGIN}\nComment: plain\n{BODY}\n{END}\n", "plain"),
        (f'{BEGIN}\r\nComment: "quo\\\r\nted"\r\n{BODY}\r\n{END}\r\n', "quoted"),
        (f"{BEGIN}\nSubject: jane\nCOMMENT: c\nx-private: \\\nlong\\\ner\n{BODY}\n{END}", "c"),
    ],
)
def test_lines_and_rfc_4716_as_people_have_them(text, comment):
    assert parse(text) == UserPublicKey(KeyType.ED25519, 256, base64.b64decode(ED25519), comment)


def test_the_example_of_rfc_4716():
    """Of section 3.6, the one that has RSA."""
    key = parse(
        f"{BEGIN}\n"
        'Comment: "1024-bit RSA, converted from OpenSSH by me@example.com"\n'
        "x-command: /home/me/bin/lock-in-guest.sh\n"
        "AAAAB3NzaC1yc2EAAAABIwAAAIEA1on8gxCGJJWSRT4uOrR13mUaUk0hRf4RzxSZ1zRb\n"
        "YYFw8pfGesIFoEuVth4HKyF8k1y4mRUnYHP1XNMNMJl1JcEArC2asV8sHf6zSPVffozZ\n"
        "5TT4SfsUu/iKy9lUcCfXzwre4WWZSXXcPff+EHtWshahu3WzBdnGxm5Xoi89zcE=\n"
        f"{END}\n"
    )
    assert (key.type, key.size) == (KeyType.RSA, 1024)
    assert key.comment == "1024-bit RSA, converted from OpenSSH by me@example.com"


def test_pem_may_be_indented_and_have_text_before_it():
    text = pem(ec.generate_private_key(ec.SECP256R1()).public_key()).decode()
    indented = "".join(f"    {line}\r\n" for line in text.splitlines())

    assert parse(f"Jane's key:\n{indented}") == parse(text)


# What is none --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "there are 0"),
        (b"\n# nothing\n", "there are 0"),
        (b"hello", "begins with one of ssh-ed25519"),
        (b"\xff\xfe\x00", "neither text nor a key"),
        (f"{LINE}\n{LINE}".encode(), "there are 2"),
        (b"ssh-ed25519", "The data after ssh-ed25519 is not a key of that type"),
        (b"ssh-ed25519 ???", "The data after ssh-ed25519 is not a key of that type"),
        (f"ssh-rsa {ED25519}".encode(), "The data after ssh-rsa is not a key of that type"),
        (f"ssh-ed25519 {ED25519[:-4]}".encode(), "The key of type ssh-ed25519 is damaged"),
        (f"ssh-ed25519 {ED25519}AAAA".encode(), "The key of type ssh-ed25519 is damaged"),
        (f'from="10.0.0.0/8",no-pty {LINE}'.encode(), "Options before a key"),
        (f"cert-authority {LINE}".encode(), "Options before a key"),
        (f"{BEGIN}\n{BODY}\n".encode(), "one key from the line"),
        (f"{BEGIN}\n{BODY}\n{END}\n{BEGIN}\n{BODY}\n{END}\n".encode(), "one key from the line"),
        (f"{BEGIN}\nComment: x\\\n{END}".encode(), "no key of SSH"),
        (f"{BEGIN}\n!{BODY}\n{END}".encode(), "not base64"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "damaged"),
        (b"-----BEGIN PUBLIC KEY-----\n", "damaged"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "BEGIN PUBLIC KEY or BEGIN RSA PUBLIC KEY"),
        (b"\x30\x03\x02\x01", "no public key in DER"),
        (b"\0\0\0\x07ssh", "no key of SSH"),
        (b"\0\0\0\0", "no key of SSH"),
        (b"\0\0\0\x02\xff\xff", "no key of SSH"),
        (b"a" * (MAX_KEY_BYTES + 1), f"at most {MAX_KEY_BYTES} bytes"),
    ],
)
def test_what_is_no_key_is_refused_with_what_to_do(data, said):
    refused = refusal(data)

    assert isinstance(refused, InvalidUserKeyError)
    assert said in refused.message


def test_two_pem_texts_are_refused(keys):
    text = public_key(keys[KeyType.RSA], "spki")
    assert "2 PEM texts" in refusal(text * 2).message


@pytest.mark.parametrize("form", [(), ("-m", "PEM"), ("-m", "PKCS8")])
def test_a_private_key_is_recognized_and_not_repeated(tmp_path, form):
    key = make_key(tmp_path / "k", KeyType.RSA)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "", *form, "-f", key], check=True, timeout=60)
    private = key.read_bytes()

    refused = refusal(private)

    assert isinstance(refused, PrivateKeyGivenError)
    assert private.split(b"\n")[1].decode() not in refused.message


@pytest.mark.parametrize(
    "text",
    ["PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA"],
)
def test_private_keys_of_other_programs_are_recognized(text):
    assert isinstance(refusal(text.encode()), PrivateKeyGivenError)


@pytest.fixture(scope="module")
def dsa_key():
    return dsa.generate_private_key(1024).public_key()


@pytest.mark.parametrize("form", ["line", "pem", "der"])
def test_dsa_is_refused_because_ssh_has_no_use_for_it(dsa_key, form):
    data = {
        "line": b"ssh-dss AAAAB3NzaC1kc3MAAAA= me",
        "pem": pem(dsa_key),
        "der": dsa_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    }[form]
    refused = refusal(data)

    assert isinstance(refused, UserKeyNotSupportedError)
    assert "DSA" in refused.message


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ec.generate_private_key(ec.SECP256K1()).public_key(), "P-256, P-384 or P-521"),
        (lambda: ed448.Ed448PrivateKey.generate().public_key(), "P-256, P-384 or P-521"),
        (lambda: x25519.X25519PrivateKey.generate().public_key(), "P-256, P-384 or P-521"),
    ],
)
def test_keys_of_other_types_are_refused(make, said):
    refused = refusal(pem(make()))

    assert isinstance(refused, UserKeyNotSupportedError)
    assert said in refused.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sk-ssh-ed25519@openssh.com AAAA me", "FIDO"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA me", "certificate"),
        ("ssh-dss AAAA me", "DSA"),
    ],
)
def test_formats_that_open_nothing_are_called_by_their_names(text, said):
    refused = refusal(text.encode())

    assert isinstance(refused, UserKeyNotSupportedError)
    assert said in refused.message


def test_a_certificate_of_ssh_keygen_is_refused_in_binary_too(keys, tmp_path):
    authority = make_key(tmp_path / "ca", KeyType.ED25519)
    key = make_key(tmp_path / "k", KeyType.ED25519)
    subprocess.run(["ssh-keygen", "-q", "-s", authority, "-I", "jane", f"{key}.pub"], check=True, timeout=60)
    line = (tmp_path / "k-cert.pub").read_bytes()

    for data in (line, base64.b64decode(line.split()[1])):
        assert "certificate" in refusal(data).message


@pytest.mark.parametrize(("bits", "accepted"), [(1023, False), (1024, True), (16384, True), (16385, False)])
def test_the_sizes_of_rsa(bits, accepted):
    # Numbers of the right size: nobody has to have the private key.
    blob = rsa_blob(65537, 2 ** (bits - 1) + 1)
    if accepted:
        assert parse_user_key(blob).size == bits
    else:
        refused = refusal(blob)
        assert isinstance(refused, UserKeyNotSupportedError)
        assert f"this one has {bits}" in refused.message


@pytest.mark.parametrize("exponent", [1, 2, 65536])
def test_exponents_with_which_anybody_could_sign_are_refused(exponent):
    assert isinstance(refusal(rsa_blob(exponent, 2**1023 + 1)), InvalidUserKeyError)


def test_a_compressed_point_is_the_same_key(keys):
    """paramiko shows the uncompressed one to the server when the key logs in."""
    compressed = run(
        "openssl", "pkey", "-pubin", "-ec_conv_form", "compressed", "-outform", "DER",
        given=public_key(keys[KeyType.ECDSA_NISTP256], "spki"),
    )  # fmt: skip
    assert len(compressed) < len(public_key(keys[KeyType.ECDSA_NISTP256], "der"))
    assert parse_user_key(compressed).blob == blob_of(keys[KeyType.ECDSA_NISTP256])


# Anything ------------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *(BEGIN, END, ED25519, BODY, LINE, "ssh-ed25519", "ssh-rsa", "ssh-dss", "Comment: x", "----", "\0", "é", "="),
        *("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----", "-----BEGIN RSA PUBLIC KEY-----"),
        *("\\", ":", "\n", "\r", " ", "#"),
    ]
)


def attempt(data: bytes) -> UserPublicKey | None:
    """The key, or None after a refusal that can be shown to a person."""
    try:
        return parse_user_key(data)
    except PkiError as refused:
        message = refused.message
    assert message.isprintable()
    return None


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda data: b"\0\0\0\x0bssh-ed25519" + data))
def test_any_bytes_are_a_key_or_a_refusal(data):
    key = attempt(data)
    assert key is None or key.algorithm in SSH_ALGORITHMS.values()


@given(st.lists(PIECES | st.text(max_size=10), max_size=8))
def test_any_text_is_a_key_or_a_refusal(pieces):
    key = attempt("".join(pieces).encode("utf-8", "replace"))
    assert key is None or parse_user_key(key.line.encode()) == key


@given(st.integers(0, 50), st.integers(0, 255))
def test_a_damaged_key_is_another_key_or_a_refusal(at, byte):
    blob = base64.b64decode(ED25519)
    damaged = blob[:at] + bytes([byte]) + blob[at + 1 :]

    key = attempt(damaged)

    assert key.blob == damaged if key is not None else damaged != blob


@given(st.text(max_size=200))
def test_a_comment_never_becomes_another_line_or_field(comment):
    line = parse(f"ssh-ed25519 {ED25519} x{comment}".splitlines()[0]).line

    assert line.isprintable()
    assert line.split()[1] == ED25519
