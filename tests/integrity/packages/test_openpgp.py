"""OpenPGP keys and signatures by GnuPG, and whatever bytes somebody may send."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.integrity.packages.openpgp import Keyring, OpenPgpError, SignatureStatus, dearmored
from tests.integrity.packages.rpm_workshop import SigningKey

DATA = b"what is signed"
ALGORITHMS = ["rsa2048", "dsa2048", "ed25519", "nistp256", "nistp384", "nistp521"]


@pytest.fixture(params=ALGORITHMS)
def key(request):
    made = SigningKey(request.param)
    yield made
    made.close()


def signature(key, folder, *options):
    (folder / "data").write_bytes(DATA)
    key.gpg(*options, "--yes", "--detach-sign", "-o", folder / "sig", folder / "data")
    return (folder / "sig").read_bytes()


def pinned(content):
    keyring = Keyring()
    keyring.add(content)
    return keyring


def test_signatures_by_every_kind_of_key(key, tmp_path):
    packet = signature(key, tmp_path)
    keyring = pinned(key.public.encode())
    assert keyring.key_ids == {key.key_id}
    verdict = keyring.verify(packet, DATA)
    assert (verdict.status, verdict.key_id) == (SignatureStatus.OK, key.key_id)
    assert keyring.verify(packet, DATA + b".").status is SignatureStatus.BAD
    assert Keyring().verify(packet, DATA).status is SignatureStatus.NO_KEY


@pytest.fixture(scope="module")
def with_subkey():
    made = SigningKey("rsa2048")
    listed = made.gpg("--list-keys", "--with-colons").splitlines()
    fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr:"))
    made.gpg("--quick-add-key", "--passphrase", "", fingerprint, "ed25519", "sign", "never")
    made.public = made.gpg("--armor", "--export")
    yield made
    made.close()


def test_a_subkey_that_the_primary_key_vouches_for(with_subkey, tmp_path):
    keyring = pinned(with_subkey.public.encode())
    assert len(keyring.key_ids) == 2
    verdict = keyring.verify(signature(with_subkey, tmp_path), DATA)
    assert verdict.status is SignatureStatus.OK
    assert verdict.key_id != with_subkey.key_id


def test_a_subkey_that_somebody_has_put_there(with_subkey, tmp_path):
    """Another primary key before it: its binding signature is not of that one."""
    other = SigningKey("rsa2048")
    try:
        content = dearmored(with_subkey.public.encode())
        # Old packets of RSA 2048: tag 0x99 and two bytes of length.
        end = 3 + int.from_bytes(content[1:3], "big")
        stranger = dearmored(other.public.encode())
        keyring = pinned(stranger[: 3 + int.from_bytes(stranger[1:3], "big")] + content[end:])
        assert keyring.key_ids == {other.key_id}
    finally:
        other.close()


def test_weak_digests_vouch_for_nothing(with_subkey, tmp_path):
    options = ("-u", f"{with_subkey.key_id}!", "--digest-algo", "SHA1", "--allow-weak-digest-algos")
    packet = signature(with_subkey, tmp_path, *options)
    assert pinned(with_subkey.public.encode()).verify(packet, DATA).status is SignatureStatus.UNSUPPORTED


def test_a_signature_for_something_else_than_a_document(with_subkey, tmp_path):
    packet = signature(with_subkey, tmp_path, "--textmode")
    assert pinned(with_subkey.public.encode()).verify(packet, DATA).status is SignatureStatus.UNSUPPORTED


def test_binary_keys_and_several_in_a_file(key, with_subkey):
    both = key.public.encode() + b"\n" + with_subkey.public.encode()
    assert pinned(both).key_ids > {key.key_id, with_subkey.key_id}
    assert pinned(dearmored(both)).key_ids == pinned(both).key_ids


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_bytes_are_judged_or_refused(with_subkey, data):
    content = bytearray(dearmored(with_subkey.public.encode()))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    for keys in (bytes(content), data.draw(st.binary(max_size=80))):
        keyring = Keyring()
        with contextlib.suppress(OpenPgpError):
            keyring.add(keys)
        assert keyring.verify(data.draw(st.binary(max_size=60)), DATA).status is not SignatureStatus.OK


# --- texts with their signatures around them --------------------------------------------------------------------------

TEXT = b"Origin: here\n- dashes\n-----BEGIN PGP SIGNATURE-----\n\nspaces \t \nlast: \xff\n"


def signed_text(key, folder, text):
    (folder / "text").write_bytes(text)
    key.gpg("--yes", "--clearsign", "-o", folder / "signed", folder / "text")
    return (folder / "signed").read_bytes()


def test_a_text_that_is_signed_in_place(with_subkey, tmp_path):
    signed = signed_text(with_subkey, tmp_path, TEXT)
    keyring = pinned(with_subkey.public.encode())
    signer, text = keyring.signer_of_text(signed)
    assert signer in keyring.key_ids
    # Blanks at the ends of lines are not signed.
    assert text == TEXT.replace(b"spaces \t ", b"spaces").replace(b"last: ", b"last: ").removesuffix(b"\n")
    assert keyring.signer_of_text(signed.replace(b"\n", b"\r\n"))[0] == signer
    for forged in (
        signed.replace(b"Origin: here", b"Origin: hera"),
        signed.replace(b"Origin: here\n", b""),
        b"Origin: there\n" + signed,
        signed + b"Origin: there\n",
        signed.replace(b"- -----BEGIN", b"-----BEGIN"),
        signed[:-20],
        b"",
    ):
        assert keyring.signer_of_text(forged) == ("", b"")
    assert Keyring().signer_of_text(signed) == ("", b"")


def test_a_signature_of_another_kind_is_none_of_a_text(with_subkey, tmp_path):
    """One over the bytes does not vouch for the text, and the other way round."""
    signed = signed_text(with_subkey, tmp_path, DATA)
    start = signed.index(b"-----BEGIN PGP SIGNATURE-----")
    keyring = pinned(with_subkey.public.encode())
    assert keyring.signer_of_file(signed[start:], DATA) == ""
    binary = signature(with_subkey, tmp_path, "--armor")
    assert keyring.signer_of_file(binary, DATA) in keyring.key_ids
    assert keyring.signer_of_text(signed[:start] + binary)[0] == ""


def test_one_of_several_signatures_is_enough(with_subkey, tmp_path):
    other = SigningKey("ed25519")
    try:
        both = signature(other, tmp_path) + signature(with_subkey, tmp_path)
    finally:
        other.close()
    keyring = pinned(with_subkey.public.encode())
    assert keyring.signer_of_file(both, DATA) in keyring.key_ids
    assert keyring.signer_of_file(both, DATA + b".") == ""


@settings(max_examples=100, deadline=None)
@given(st.binary(), st.binary())
def test_any_text_is_judged(text, signatures):
    keyring = Keyring()
    framed = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n%b\n-----BEGIN PGP SIGNATURE-----\n\n%b\n"
    for content in (text, framed % (text, signatures) + b"-----END PGP SIGNATURE-----\n"):
        assert keyring.signer_of_text(content) == ("", b"")
    assert keyring.signer_of_file(signatures, text) == ""
