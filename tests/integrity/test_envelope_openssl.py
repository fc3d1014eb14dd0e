"""The document's own openssl commands verify our envelopes, and a reader of the document alone could write them."""

import base64
import json
import os
import re
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from agent.integrity.content import BytesContent, joined
from agent.integrity.envelope import sign_envelope

from .signers import KEYS, NOW, authority, usual

PAYLOAD = b'{"text": "\xc3\xa9"}\n\0'
NONCE = '15"8\\0'
DOCUMENT = Path(__file__).parents[2] / "docs" / "envelope.md"


def sealed(signing, payload=PAYLOAD, **options):
    signed = sign_envelope(BytesContent(payload), nonce=NONCE, signer=signing, include_certificate=True, **options)
    return joined(signed).decode("ascii")


def commands_of_the_document(algorithm):
    """The document's shell blocks that apply to `algorithm`, joined."""
    blocks = re.findall(r"^```sh([^\n]*)\n(.*?)^```", DOCUMENT.read_text(), flags=re.M | re.S)
    return "set -e\n" + "".join(body for names, body in blocks if not names.split() or algorithm in names.split())


def verified_by_openssl(folder, text, root, algorithm, nonce=NONCE):
    (folder / "envelope.json").write_text(text)
    (folder / "root.pem").write_bytes(root.pem)
    # openssl judges validity by the machine's clock, which the certificates' dates know nothing of.
    script = commands_of_the_document(algorithm).replace(
        "openssl verify", f"openssl verify -attime {int(NOW.timestamp())}"
    )
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env={**os.environ, "NONCE": nonce},
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode == 0


@pytest.mark.parametrize("kind", KEYS)
def test_openssl_verifies_by_the_commands_of_the_document(tmp_path, kind):
    root, signing = usual(kind)
    payload = os.urandom(200_000)
    text = sealed(signing, payload)
    assert verified_by_openssl(tmp_path, text, root, signing.algorithm)
    assert (tmp_path / "payload").read_bytes() == payload


def test_a_compressed_payload_and_a_quote_change_nothing_for_openssl(tmp_path):
    root, signing = usual()
    text = sealed(signing, compression="gzip", quote=lambda digest, algorithm: b"quote")
    assert verified_by_openssl(tmp_path, text, root, signing.algorithm)
    unpacked = subprocess.run(["gzip", "-dc"], stdin=(tmp_path / "payload").open("rb"), capture_output=True, check=True)
    assert unpacked.stdout == PAYLOAD


def test_openssl_refuses_what_is_not_so(tmp_path):
    root, signing = usual()
    text = sealed(signing)
    assert not verified_by_openssl(tmp_path, text, authority(), signing.algorithm)
    assert not verified_by_openssl(tmp_path, text, root, signing.algorithm, nonce="other")
    other = base64.b64encode(PAYLOAD + b" ").decode()
    changed = re.sub('"payload": ".*"', f'"payload": "{other}"', text)
    assert not verified_by_openssl(tmp_path, changed, root, signing.algorithm)


def test_the_document_has_a_command_for_every_algorithm():
    for kind in KEYS:
        algorithm = usual(kind)[1].algorithm
        assert re.search("openssl (dgst|pkeyutl) .*-?verify", commands_of_the_document(algorithm))
        assert f"`{algorithm}`" in DOCUMENT.read_text()


def test_the_layout_is_the_documents():
    """Against a second writer, made from the document alone."""
    _, signing = usual()
    text = sealed(signing)
    members = json.loads(text)
    leaf, root = (base64.b64encode(each).decode() for each in signing.chain)
    assert text == "\n".join(
        [
            "{",
            '"envelope-version": 2,',
            '"nonce": "15\\"8\\\\0",',
            '"signature-version": 2,',
            '"digest-algorithm": "sha256",',
            '"signature-algorithm": "ecdsa-sha256",',
            '"payload-compression": "none",',
            f'"payload": "{base64.b64encode(PAYLOAD).decode()}",',
            f'"signature": "{members["signature"]}",',
            '"signing-certificate": [',
            f'"{leaf}",',
            f'"{root}"',
            "]",
            "}",
            "",
        ]
    )
    head = "".join(text.splitlines(keepends=True)[1:7]).encode()
    signing.key.public_key().verify(
        base64.b64decode(members["signature"]),
        NONCE.encode() + b"\x00\x00\x00\x02" + sha256(PAYLOAD).digest() + sha256(head).digest(),
        ec.ECDSA(hashes.SHA256()),
    )
