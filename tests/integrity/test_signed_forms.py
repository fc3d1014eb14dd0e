"""JWS and DSSE: what is signed verifies here and with the libraries of others, and nothing else does."""

import base64
import gzip
import json
import re
import subprocess
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pytest
import zstandard
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from agent.integrity.compression import COMPRESSIONS
from agent.integrity.content import BytesContent, joined
from agent.integrity.envelope import FORMS, sign_envelope, verify_envelope
from agent.integrity.forms.contract import UnsupportedFormError, WholeTextTooLargeError

from .signers import KEYS, NOW, authority, usual
from .test_envelope import names, nonces, opened

DOCUMENT = Path(__file__).parents[2] / "docs" / "signed-forms.md"
DOSSIER = b'{"collection-start-time": 1.5, "collection-end-time": 2.5}'
NONCE = "4711"
#: What a key's signature is called in SSlibKey, which doesn't choose RSA's as we do.
SCHEMES = {"rsa": "rsa-pkcs1v15-sha256", "p521": "ecdsa-sha2-nistp521"}


def signed(form, *, kind="p256", payload=DOSSIER, nonce=NONCE, is_dossier=True, **options):
    options = {"include_certificate": True, **options}
    content = sign_envelope(
        BytesContent(payload), nonce=nonce, signer=usual(kind)[1], form=form, is_dossier=is_dossier, **options
    )
    return joined(content).decode("ascii")


def judged(text, *, kind="p256", nonce=NONCE, chain=()):
    return verify_envelope(opened(text), usual(kind)[0].pem, nonce, NOW, chain=chain)


def public_key(kind):
    return x509.load_der_x509_certificate(usual(kind)[1].chain[0]).public_key()


#: DSA keys take seconds to make: tests/providers has one, for DSSE.
KINDS = [kind for kind in KEYS if kind != "dsa"]
PAIRS = [(form, kind) for form in ("jws", "dsse") for kind in KINDS]


@pytest.mark.parametrize(("form", "kind"), PAIRS)
@pytest.mark.parametrize("compression", sorted(COMPRESSIONS))
@pytest.mark.parametrize("is_dossier", [True, False])
def test_what_was_signed_verifies(form, kind, compression, is_dossier):
    payload = DOSSIER if is_dossier else bytes(range(256)) * 1000
    text = signed(form, kind=kind, payload=payload, is_dossier=is_dossier, compression=compression)
    verdict = judged(text, kind=kind)
    assert (verdict.failures, verdict.payload_bytes(), verdict.nonce) == ((), payload, NONCE)
    assert names(judged(text, kind=kind, nonce="4712")) == ["wrong-nonce"]
    json.loads(text)


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(["jws", "dsse"]),
    payload=st.binary(max_size=300),
    nonce=st.none() | nonces,
    compression=st.sampled_from(sorted(COMPRESSIONS)),
)
def test_any_payload_and_nonce_survive(form, payload, nonce, compression):
    text = signed(form, payload=payload, nonce=nonce, compression=compression, is_dossier=False)
    verdict = judged(text, nonce=nonce)
    assert (verdict.failures, verdict.payload_bytes(), verdict.nonce) == ((), payload, nonce)


@pytest.mark.parametrize(("form", "kind"), [("jws", "p256"), ("dsse", "ed25519")])
def test_every_changed_byte_is_detected(form, kind):
    # The certificates are not in the text: they are another test's, and long.
    text = signed(form, kind=kind, include_certificate=False).encode("ascii")
    chain = usual(kind)[1].chain
    assert judged(text.decode(), kind=kind, chain=chain).verified
    missed = []
    for position in range(len(text)):
        for change in (0x01, 0x20):
            changed = bytearray(text)
            changed[position] ^= change
            if judged(changed.decode("latin-1"), kind=kind, chain=chain).verified:
                missed.append((position, change))
    # DSSE does not sign the name of the key, which only helps to find it.
    key_id = text.index(b'"keyid": "') + 10 if form == "dsse" else 0
    assert [each for each in missed if not key_id <= each[0] < key_id + 64] == []


@settings(max_examples=60, deadline=None)
@given(form=st.sampled_from(["jws", "dsse"]), data=st.data())
def test_cut_repeated_and_swapped_lines_are_detected(form, data):
    lines = signed(form).splitlines(keepends=True)
    start = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(start + 1, len(lines)))
    part = data.draw(st.sampled_from([[], lines[start:end] * 2, lines[start:end][::-1]]))
    text = "".join(lines[:start] + part + lines[end:])
    if text != "".join(lines):
        assert not judged(text).verified


@settings(max_examples=100, deadline=None)
@given(
    start=st.sampled_from(
        ['{\n"protected": "', '{\n"protected": "e30",\n"payload": "', '{\n"payloadType": "application/']
    ),
    rest=st.text(max_size=300) | st.binary(max_size=300).map(lambda content: content.decode("latin-1")),
)
def test_garbage_is_malformed(start, rest):
    assert names(judged(start + rest)) == ["malformed"]


# Others --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_jwcrypto_verifies_our_jws(kind):
    text = signed("jws", kind=kind)
    key = JWK.from_pem(public_key(kind).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    message = JWS()
    message.deserialize(text)
    message.verify(key)
    assert message.payload == DOSSIER
    header = message.jose_header
    assert (header["nonce"], header["cty"]) == (NONCE, "vnd.trustconf.dossier+json")
    leaf, root = usual(kind)[1].chain
    assert header["x5c"] == [base64.b64encode(each).decode() for each in (leaf, root)]


@pytest.mark.parametrize("kind", KINDS)
def test_securesystemslib_verifies_our_dsse(kind):
    text = signed("dsse", kind=kind)
    envelope = Envelope.from_dict(json.loads(text))
    (key_id,) = envelope.signatures
    key = SSlibKey.from_crypto(public_key(kind), keyid=key_id, scheme=SCHEMES.get(kind))
    assert envelope.verify([key], 1) == {key_id: key}
    assert envelope.payload_type == "application/vnd.trustconf.dossier+json"
    assert json.loads(envelope.payload) == {"nonce": NONCE, "dossier": json.loads(DOSSIER)}


def test_others_unpack_what_is_compressed():
    packed = signed("jws", compression="gzip", is_dossier=False, payload=b"text")
    payload = json.loads(packed)["payload"]
    assert gzip.decompress(base64.urlsafe_b64decode(payload + "==")) == b"text"
    packed = signed("dsse", compression="zstd", is_dossier=False, payload=b"text")
    body = zstandard.ZstdDecompressor().decompressobj().decompress(base64.b64decode(json.loads(packed)["payload"]))
    assert json.loads(body) == {"nonce": NONCE, "data": base64.b64encode(b"text").decode()}


def commands_of_the_document(form, algorithm):
    blocks = re.findall(r"^```sh ([^\n]*)\n(.*?)^```", DOCUMENT.read_text(), flags=re.M | re.S)
    chosen = [body for names, body in blocks if names.split() == [form] or {form, algorithm} <= set(names.split())]
    return "set -e\n" + "".join(chosen)


def verified_by_openssl(folder, form, kind, text, root, nonce=NONCE):
    (folder / "signed.json").write_text(text)
    (folder / "root.pem").write_bytes(root.pem)
    script = commands_of_the_document(form, usual(kind)[1].algorithm)
    script = script.replace("openssl verify", f"openssl verify -attime {int(NOW.timestamp())}")
    environment = {"NONCE": nonce, "PATH": "/usr/bin:/bin"}
    command = ["sh", "-c", script]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=60, check=False).returncode


@pytest.mark.parametrize(("form", "kind"), PAIRS)
def test_openssl_verifies_by_the_commands_of_the_document(form, kind, tmp_path):
    root = usual(kind)[0]
    text = signed(form, kind=kind, compression="gzip")
    assert verified_by_openssl(tmp_path, form, kind, text, root) == 0
    if kind != "p256":
        return
    assert verified_by_openssl(tmp_path, form, kind, text, root, nonce="4712") != 0
    assert verified_by_openssl(tmp_path, form, kind, text, authority()) != 0
    other = signed(form, kind=kind, payload=DOSSIER + b" ", compression="gzip")
    mixed = re.sub('"payload": ".*"', re.search('"payload": ".*"', other)[0], text)
    assert verified_by_openssl(tmp_path, form, kind, mixed, root) != 0


# What they can't do, and how much they need --------------------------------------------------------------------------


def test_forms_that_can_not_do_it():
    dsa = SimpleNamespace(algorithm="dsa-sha256", chain=())
    with pytest.raises(UnsupportedFormError, match="DSA"):
        sign_envelope(BytesContent(b""), nonce=None, signer=dsa, include_certificate=False, form="jws")
    with pytest.raises(UnsupportedFormError, match="quote"):
        signed("dsse", quote=lambda digest, algorithm: b"quote")
    with pytest.raises(WholeTextTooLargeError, match="envelope"):
        signed("jws", kind="ed25519", payload=bytes(20 * 1024 * 1024))


def test_a_quote_in_a_jws_is_signed():
    text = signed("jws", quote=lambda digest, algorithm: digest)
    verdict = judged(text)
    assert verdict.failures == ()
    assert verdict.tpm_quote == verdict.payload_digest


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_large_payload_is_not_held(form, tmp_path):
    """Signed, written, read and verified: less memory than a tenth of it."""

    class Zeros:
        size = 30 * 2**20

        def chunks(self):
            return iter([bytes(192 * 1024)] * 160)

        def close(self):
            pass

    tracemalloc.start()
    try:
        root, signer = usual("p256")
        content = sign_envelope(
            Zeros(), nonce=NONCE, signer=signer, include_certificate=True, form=form, is_dossier=True, folder=tmp_path
        )
        with (tmp_path / "text").open("wb") as file:
            for piece in content.chunks():
                file.write(piece)
        with (tmp_path / "text").open("rb") as file:
            verdict = verify_envelope(file, root.pem, NONCE, NOW)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert verdict.failures == ()
    assert verdict.payload.size == Zeros.size
    assert peak < 3 * 2**20
