"""The layout of public keys, against the guide's own samples."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

from agent.pki.key_display import KeyAction, KeyEvent, hex_layout, public_key_display_bytes, size_name, type_name
from agent.pki.keys import KeyPurpose, KeyType

RSA_2048 = """\
30820122 300D0609 2A864886 F70D0101 01050003 82010F00 3082010A 02820101
00A93DE0 1E485EE3 0E7F0964 C48361D1 B6014BE7 A303D8D6 F7790E92 88E69C4B
B97B7A9C D1B277E3 1569093C 82BD3258 7F67FB49 94860ECD 34498F1F 59B45757
F32C8E8F 7CEE23EC C36A43D1 9F85C0D9 B96A14DD DD3BBD4C A1FB0888 EED210A7
39D9A403 7ACE0F6E 39107226 CA621AD8 6E8102CA 9761B86F D33F2871 9DD16559
AFCB4729 EFCEDBAF 83DF76E4 9A439844 EE3B1180 4022F575 99E11A2C E25BB23D
9DD74C81 4E5C1345 D9E3CC79 1B98B1AA 6C06F004 22B901EC 36C099FE 10DE2622
EB7CE618 9A555769 12D94C90 D9BEE5EA A664E7F6 4DF8D8D4 FE7EAB07 1EF4FEAB
22D9E55F 62BA66A0 72153CEC 81F2639F B5F2B5C5 25E10364 19387C6B E8DB8990
11020301 0001"""
NISTP256 = """\
04D6D132 2253ABD0 81449E3F 9D5CEA3A 1107950A 829E9090 8960FBD5 ABA039B7
24A4E217 7EA47475 91C60AC7 013DBC2E EA8434D9 0BD5B0FC 694913AE 0098A4F5
77"""
NISTP384 = """\
045F7C14 1A88C27E 9CED3FF1 7FEDFA03 B49575FA 7AD88370 BC9C7D7F F99C8917
33620916 758BDEFC 7187E33A 2D3CCD33 14FF3267 9855A5E9 E3BD166C CE838462
40742231 6198EE12 3E189F42 22A8149A 8E7B186D 88E728D4 7F47D565 53441061
79"""
NISTP521 = """\
04017798 4369F493 8D0E57D1 1975FC46 CDC03A78 03A9F90E B38CA504 17DB9A64
D1DEA6A6 D23E7E20 4D8D4D31 C7878BDB BF5EEE40 1978A889 70C5D703 BB033B77
0FFD9201 366A9AC8 35E69BB3 97FF4E91 6B498510 39425971 C5E43858 83286088
A6A7BF92 0EA2B416 BD4E81CE DCEB65F1 15CC75B5 91204E89 3339A168 2382CAB6
40170131 8F"""
ED25519 = "FF0ED4E7 71531B3D 9ED72C48 3F79EC59 9EFECCC3 46A129B2 FAAA12DD EE9D0351"


def on_curve(curve):
    return lambda data: ec.EllipticCurvePublicKey.from_encoded_point(curve, data)


@pytest.mark.parametrize(
    ("sample", "load"),
    [
        (RSA_2048, load_der_public_key),
        (NISTP256, on_curve(ec.SECP256R1())),
        (NISTP384, on_curve(ec.SECP384R1())),
        (NISTP521, on_curve(ec.SECP521R1())),
        (ED25519, ed25519.Ed25519PublicKey.from_public_bytes),
    ],
)
def test_the_keys_of_the_guide_are_laid_out_as_in_the_guide(sample, load):
    key = load(bytes.fromhex(sample))
    stored = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert hex_layout(public_key_display_bytes(stored)) == sample


def test_a_dsa_key_is_shown_as_subject_public_key_info(key_store):
    pair = key_store.generate(KeyType.DSA, None)
    assert public_key_display_bytes(pair.public_key_der) == pair.public_key_der


@given(st.binary(max_size=300))
def test_the_layout_loses_nothing(data):
    text = hex_layout(data)
    assert bytes.fromhex(text) == data
    assert text == text.upper()
    lines = text.split("\n")
    assert all(len(line) == 71 for line in lines[:-1])
    assert len(lines[-1]) <= 71
    assert not any(line.endswith(" ") for line in lines)


def test_the_names_of_the_lines():
    assert type_name(KeyType.RSA) == "RSA General purpose"
    assert type_name(KeyType.RSA, KeyPurpose.SIGNATURE) == "RSA Signature"
    assert type_name(KeyType.RSA, KeyPurpose.ENCRYPTION) == "RSA Encryption"
    assert type_name(KeyType.ECDSA_NISTP521) == "ECDSA General Curve Nistp521"
    assert type_name(KeyType.ED25519) == "ED25519"
    assert all(type_name(key_type) for key_type in KeyType)
    assert [size_name(key_type) for key_type in KeyType] == ["Size", "Size", "Degree", "Degree", "Degree", "Size"]


@pytest.mark.parametrize(
    ("action", "key_type", "label", "size", "text"),
    [
        (KeyAction.GENERATED, KeyType.DSA, "the_default", 1024,
         "crypto key DSA generated, label:the_default, modBits:1024"),
        (KeyAction.GENERATED, KeyType.ECDSA_NISTP256, "the_default", 256,
         "crypto key ECDSA_NISTP256 generated, label:the_default, modBits:256"),
        (KeyAction.ZEROIZED, KeyType.RSA, "user1", 2048, "crypto key RSA zeroized, label:user1"),
    ],
)  # fmt: skip
def test_the_messages_of_the_guide(action, key_type, label, size, text):
    assert KeyEvent(action, key_type, label, size, datetime(2020, 1, 1, tzinfo=UTC)).text == text
