"""Signed envelopes: what is signed verifies, and nothing else does."""

import base64
import gzip
import io
import itertools
import json
import re
import tracemalloc
import zlib
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import zstandard
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.integrity import signed_text
from agent.integrity.compression import COMPRESSIONS
from agent.integrity.content import BytesContent, Spool, SpoolLimitError, joined
from agent.integrity.envelope import PayloadTooLargeError, sign_envelope, verify_envelope
from agent.integrity.forms.envelope_text import Head, digest_of, signed_bytes
from agent.integrity.nonce import NonceError, check_nonce
from agent.integrity.signatures import UnsupportedKeyError, algorithm_for
from agent.integrity.verdict import Failure, human_report, json_report

from .signers import DAY, KEYS, NOW, SoftwareSigner, authority, signer, usual

PAYLOAD = b'{"collection-start-time": 1.5, "text": "\xc3\xa9"}'
NONCE = '15"8\\0'
DOCUMENT = Path(__file__).parents[2] / "docs" / "envelope.md"
nonces = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=128)
#: Damaged certificates may have serial numbers that the library warns of.
pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number")


def sealed(signing=None, payload=PAYLOAD, nonce=NONCE, include_certificate=True, **options):
    signed = sign_envelope(
        BytesContent(payload),
        nonce=nonce,
        signer=signing or usual()[1],
        include_certificate=include_certificate,
        **options,
    )
    return joined(signed).decode("ascii")


def opened(text):
    return io.BytesIO(text.encode("latin-1", "replace"))


def judged(text, *, root=None, nonce=NONCE, at=NOW, chain=()):
    return verify_envelope(opened(text), (root or usual()[0]).pem, nonce, at, chain=chain)


def names(verdict):
    return [failure.code for failure in verdict.failures]


@pytest.mark.parametrize("kind", KEYS)
def test_what_was_signed_verifies(kind):
    root, signing = usual(kind)
    verdict = judged(sealed(signing), root=root)
    assert verdict.failures == ()
    assert verdict.exit_status == 0
    assert verdict.payload_bytes() == PAYLOAD
    assert verdict.nonce == NONCE
    assert verdict.signer == "CN=leaf"


@settings(max_examples=50, deadline=None)
@given(payload=st.binary(max_size=300), nonce=st.none() | nonces, include=st.booleans())
def test_any_payload_and_nonce_survive(payload, nonce, include):
    _, signing = usual()
    text = sealed(signing, payload, nonce, include)
    verdict = judged(text, nonce=nonce, chain=() if include else signing.chain)
    assert (verdict.failures, verdict.payload_bytes()) == ((), payload)
    assert json.loads(text)["nonce"] == (nonce or "")
    assert all(line == line.strip() for line in text.splitlines() if "nonce" not in line)


heads = st.builds(
    Head,
    st.none() | nonces,
    st.just("sha256"),
    st.sampled_from(["rsa-pkcs1-sha256", "ecdsa-sha256"]),
    st.sampled_from(sorted(COMPRESSIONS)),
    st.none() | st.binary(max_size=4),
)


@settings(max_examples=200, deadline=None)
@given(first=st.tuples(heads, st.binary(max_size=4)), second=st.tuples(heads, st.binary(max_size=4)))
def test_signed_bytes_are_unambiguous(first, second):
    signed = [signed_bytes(head, digest_of(BytesContent(payload), "sha256")) for head, payload in (first, second)]
    assert (signed[0] == signed[1]) == (first == second)
    nonce, _, rest = signed[0].partition(b"\0")
    assert (nonce.decode() or None) == first[0].nonce
    assert rest == b"\0\0\x02" + sha256(first[1]).digest() + sha256(first[0].text()).digest()


@pytest.mark.parametrize("kind", ["p256", "ed25519", "rsa"])
def test_every_changed_byte_is_detected(kind):
    """Every byte of the text, changed in one way or another: no one passes."""
    root, signing = usual(kind)
    original = sealed(signing).encode("ascii")
    missed = []
    for position, change in zip(range(len(original)), itertools.cycle((0x01, 0x20, 0x80)), strict=False):
        changed = bytearray(original)
        changed[position] ^= change
        if judged(changed.decode("latin-1"), root=root).verified:
            missed.append((position, change))
    assert missed == []


def test_cut_repeated_and_swapped_lines_are_detected():
    """Wherever the part begins and ends."""
    lines = sealed().splitlines(keepends=True)
    missed = []
    for start, end in itertools.combinations(range(len(lines) + 1), 2):
        part = lines[start:end]
        for changed in ([], part * 2, part[::-1]):
            text = "".join(lines[:start] + changed + lines[end:])
            if changed != part and judged(text).verified:
                missed.append((start, end, changed))
    assert missed == []


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400) | st.binary(max_size=400).map(lambda content: content.decode("latin-1")))
def test_garbage_is_malformed(text):
    assert names(judged(text)) == ["malformed"]
    assert names(judged("{\n" + text)) == ["malformed"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace('"envelope-version": 2', '"envelope-version": 1'),
        lambda text: text.replace('"envelope-version": 2', '"envelope-version": true'),
        lambda text: text.replace('"envelope-version": 2', '"envelope-version": 2.0'),
        lambda text: text.replace('"signature-version": 2', '"signature-version": 1'),
        lambda text: text.replace('"payload": "', '"payload": "\\u0065'),
        lambda text: text.replace('"nonce": "1', '"nonce": "\\u0031'),
        lambda text: text.replace(": ", ":"),
        lambda text: json.dumps(json.loads(text)),
        lambda text: text.replace("{\n", '{\n"extra": 1,\n'),
        lambda text: text + "Router#",
        lambda text: text.replace('"sha256"', '"sha384"'),
        lambda text: re.sub('"signing-certificate": .*\\]', '"signing-certificate": {}', text, flags=re.S),
        lambda text: re.sub('"signature": ".*"', '"signature": 5', text),
        lambda text: "{\n" + "[" * 200_000,
        lambda text: "x\n" * 4000 + text,
    ],
)
def test_another_text_for_the_same_envelope_is_malformed(spoil):
    assert names(judged(spoil(sealed())))[0] == "malformed"


def test_stray_bits_of_base64_are_malformed():
    text = sealed(payload=b"ab")
    assert '"YWI="' in text
    # Decodes to the same two bytes.
    assert names(judged(text.replace('"YWI="', '"YWJ="'))) == ["malformed"]


@pytest.mark.parametrize(
    "decorate",
    [
        lambda text: "Thu Feb 27 22:20:57.542 UTC\n" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.rstrip("\n"),
        lambda text: "\r\nThu Feb 27\r\n" + text.replace("\n", "\r\n"),
    ],
)
def test_what_terminals_add_does_not_matter(decorate):
    assert judged(decorate(sealed())).verified


def test_wrong_nonce():
    assert names(judged(sealed(), nonce="1581")) == ["wrong-nonce"]
    assert names(judged(sealed(), nonce=None)) == ["wrong-nonce"]
    assert names(judged(sealed(nonce=None), nonce="1580")) == ["wrong-nonce"]
    assert judged(sealed(nonce=None), nonce=None).verified


def test_no_certificate():
    _, signing = usual()
    text = sealed(include_certificate=False)
    assert "signing-certificate" not in text
    assert names(judged(text)) == ["no-certificate"]
    assert judged(text, chain=signing.chain).verified
    assert names(judged(text, chain=usual("p384")[1].chain, root=usual("p384")[0])) == ["bad-signature"]


def test_unsupported_algorithm():
    text = sealed().replace('"ecdsa-sha256"', '"md5WithRSAEncryption"')
    assert names(judged(text)) == ["unsupported-algorithm"]


def test_algorithm_of_another_key_or_hash_is_a_bad_signature():
    text = sealed()
    assert names(judged(text.replace("ecdsa-sha256", "rsa-pkcs1-sha256"))) == ["bad-signature"]
    assert names(judged(text.replace("ecdsa-sha256", "ecdsa-sha384").replace('"sha256"', '"sha384"'))) == [
        "bad-signature"
    ]


def test_untrusted_chain():
    assert names(judged(sealed(), root=authority())) == ["untrusted-chain"]


def test_a_chain_of_an_attacker_with_the_names_of_ours():
    assert names(judged(sealed(signer(authority("root"))), root=authority("root"))) == ["untrusted-chain"]


def test_expired_and_not_yet_valid():
    assert names(judged(sealed(), at=NOW + 31 * DAY)) == ["expired"]
    assert names(judged(sealed(), at=NOW - 2 * DAY)) == ["not-yet-valid"]


def test_expired_root():
    root = authority(end=NOW + DAY)
    assert names(judged(sealed(signer(root, end=NOW + 9 * DAY)), root=root, at=NOW + 2 * DAY)) == ["expired"]


def test_key_usage_of_the_leaf():
    root = authority()
    assert names(judged(sealed(signer(root, sign_data=False)), root=root)) == ["wrong-key-usage"]


def test_intermediate_authorities():
    root = authority()
    middle = authority("middle", root, path_length=0)
    lower = authority("lower", middle)
    signing = signer(root, above=[middle])
    assert judged(sealed(signing), root=root).verified
    # The root need not be in the envelope.
    assert judged(sealed(replace(signing, chain=signing.chain[:-1])), root=root).verified
    # An intermediate may be the anchor.
    assert judged(sealed(replace(signing, chain=signing.chain[:-1])), root=middle).verified
    for chain in (
        signing.chain[:1],  # a link is missing
        (signing.chain[0], signing.chain[2], signing.chain[1]),  # not in order
        (*signing.chain[:2], authority().der, signing.chain[2]),  # one too many
    ):
        assert names(judged(sealed(replace(signing, chain=chain)), root=root)) == ["untrusted-chain"]
    # middle allows no authority below it
    assert names(judged(sealed(signer(root, above=[middle, lower])), root=root)) == ["untrusted-chain"]


def test_a_leaf_is_no_authority():
    root, signing = usual()
    leaf = type(root)(signing.key, x509.load_der_x509_certificate(signing.chain[0]))
    below = signer(leaf)
    forged = SoftwareSigner(below.key, (below.chain[0], *signing.chain))
    assert names(judged(sealed(forged))) == ["untrusted-chain"]


def test_unknown_critical_extension():
    root = authority()
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    assert names(judged(sealed(signer(root, extra=[odd])), root=root)) == ["untrusted-chain"]


def test_a_pinned_leaf_is_trusted_as_it_stands():
    _, signing = usual()
    pinned = type(usual()[0])(None, x509.load_der_x509_certificate(signing.chain[0]))
    assert judged(sealed(replace(signing, chain=signing.chain[:1])), root=pinned).verified


def test_bad_certificate():
    root, signing = usual()
    assert names(judged(sealed(replace(signing, chain=(b"\x30\x00", root.der))))) == ["bad-certificate"]


@pytest.mark.parametrize("kind", ["p256", "ed25519", "rsa"])
def test_every_changed_byte_of_a_certificate_is_detected(kind):
    """Also where the signature does not cover it: the count of unused bits before a signature that ends in bit 0."""
    root, signing = usual(kind)
    while signing.chain[0][-1] & 1:
        signing = signer(root, kind="p256")
    leaf = signing.chain[0]
    for position in range(len(leaf)):
        for change in (0x01, 0x02, 0x80):
            changed = bytearray(leaf)
            changed[position] ^= change
            assert not judged(sealed(replace(signing, chain=(bytes(changed), root.der))), root=root).verified, position


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_certificate_gives_a_verdict(data):
    root, signing = usual()
    leaf = bytearray(signing.chain[0])
    for _ in range(data.draw(st.integers(1, 4))):
        leaf[data.draw(st.integers(0, len(leaf) - 1))] ^= data.draw(st.integers(1, 255))
    verdict = judged(sealed(replace(signing, chain=(bytes(leaf), root.der))))
    if bytes(leaf) != signing.chain[0]:
        assert not verdict.verified
    human_report(verdict), json_report(verdict)


def test_failures_come_worst_first_and_name_the_exit_status():
    text = sealed().replace('"payload": "ey', '"payload": "ez')
    verdict = judged(text, nonce="other", at=NOW + 31 * DAY)
    assert names(verdict) == ["bad-signature", "wrong-nonce", "expired"]
    assert verdict.exit_status == Failure.BAD_SIGNATURE.exit_status == 14


def test_exit_statuses_are_distinct_and_those_of_the_document():
    statuses = [failure.exit_status for failure in Failure]
    assert statuses == sorted(set(statuses))
    assert 0 not in statuses
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", DOCUMENT.read_text(), flags=re.M)
    assert rows == [(failure.code, str(failure.exit_status)) for failure in Failure]


def test_reports():
    good = judged(sealed())
    assert human_report(good).startswith("Verified.\n")
    assert "CN=leaf" in human_report(good)
    report = json.loads(json_report(judged(sealed(), nonce="other")))
    assert report["verified"] is False
    assert report["exit-status"] == 17
    assert [failure["name"] for failure in report["failures"]] == ["wrong-nonce"]
    assert "NOT VERIFIED" in human_report(judged("x"))
    assert "opening brace" in human_report(judged("x"))


def test_a_trust_anchor_without_certificates_is_refused():
    with pytest.raises(ValueError, match="trust anchor"):
        verify_envelope(opened(sealed()), b"nothing", NONCE, NOW)


@pytest.mark.parametrize("nonce", ["", "x" * 129, "a\nb", "a\0", "é", "\x7f"])
def test_nonces_that_are_none(nonce):
    with pytest.raises(NonceError):
        check_nonce(nonce)
    with pytest.raises(NonceError):
        sealed(nonce=nonce)


def test_limits(monkeypatch):
    monkeypatch.setattr("agent.integrity.envelope.MAX_PAYLOAD_BYTES", 10)
    with pytest.raises(PayloadTooLargeError):
        sealed(payload=b"x" * 11)
    text = sealed(payload=b"x" * 10)
    assert judged(text).verified
    monkeypatch.setattr("agent.integrity.envelope.MAX_PAYLOAD_BYTES", 9)
    assert "limit of 9 bytes" in judged(text).detail
    monkeypatch.setattr(signed_text, "MAX_TEXT_BYTES", len(text) - 1)
    assert "larger" in judged(text).detail


def test_keys_that_can_not_sign():
    for key in (x25519.X25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1())):
        with pytest.raises(UnsupportedKeyError):
            algorithm_for(key.public_key())


def test_a_payload_of_many_pieces_is_read_whatever_the_size_of_each_read():
    payload = bytes(range(256)) * 3000
    text = sealed(payload=payload)
    for size in (1000, 65_536, 10**6):
        stream = opened(text)
        small = io.BytesIO(text.encode())
        stream.read = lambda wanted, stream=small, size=size: stream.read(min(size, wanted))
        verdict = verify_envelope(stream, usual()[0].pem, NONCE, NOW)
        assert (verdict.failures, verdict.payload_bytes()) == ((), payload)


# Compression ---------------------------------------------------------------------------------------------------------


def test_a_compressed_payload_is_unpacked_after_it_is_verified():
    payload = b"the same again and again. " * 40_000
    text = sealed(payload=payload, compression="gzip")
    assert len(text) < len(payload) / 20
    verdict = judged(text)
    assert (verdict.failures, verdict.payload_bytes()) == ((), payload)
    # Somebody else's decompressor agrees.
    assert gzip.decompress(base64.b64decode(json.loads(text)["payload"])) == payload
    # What nobody signed is not unpacked.
    other = judged(text, root=usual("p384")[0], chain=usual("p384")[1].chain)
    assert other.verified is False
    forged = judged(text.replace('"gzip"', '"none"'))
    assert names(forged) == ["bad-signature"]
    assert judged(sealed(payload=payload).replace('"none"', '"gzip"')).payload is None


def packed_as(content, monkeypatch, compression="gzip"):
    """An envelope that says so and has `content` for it, signed."""
    monkeypatch.setattr("agent.integrity.envelope.compressed", lambda *_, **__: BytesContent(content))
    return sealed(compression=compression)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no gzip", "not gzip"),
        (b"", "cut"),
        (gzip.compress(b"x" * 1000)[:-4], "cut"),
        (gzip.compress(b"x") + b"y", "follows"),
        (gzip.compress(b"x") * 2, "follows"),
        (zlib.compress(b"x"), "not gzip"),
        (gzip.compress(b"x")[:-1] + b"\1", "not gzip"),
    ],
)
def test_what_is_signed_but_no_gzip_is_malformed(content, told, monkeypatch):
    verdict = judged(packed_as(content, monkeypatch))
    assert names(verdict) == ["malformed"]
    assert told in verdict.detail
    assert verdict.payload is None


ZSTD = zstandard.compress(b"x" * 1000)
#: A window that a level up to 19 never asks for.
WIDE = zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=27)).compressobj()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no zstd", "not zstd"),
        (b"", "cut"),
        (ZSTD[:-1], "cut"),
        (ZSTD + b"y", "follows"),
        (ZSTD * 2, "follows"),
        (ZSTD * 300, "follows"),
        (gzip.compress(b"x"), "not zstd"),
        (WIDE.compress(bytes(1000)) + WIDE.flush(), "not zstd"),
    ],
)
def test_what_is_signed_but_no_zstd_is_malformed(content, told, monkeypatch):
    verdict = judged(packed_as(content, monkeypatch, "zstd"))
    assert names(verdict) == ["malformed"]
    assert told in verdict.detail


@pytest.mark.parametrize(("compression", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_a_decompression_bomb_is_cut_off(monkeypatch, compression, compress):
    text = packed_as(compress(bytes(60_000_000)), monkeypatch, compression)
    assert len(text) < 100_000
    monkeypatch.setattr("agent.integrity.envelope.MAX_PAYLOAD_BYTES", 1_000_000)
    tracemalloc.start()
    try:
        verdict = judged(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert names(verdict) == ["malformed"]
    assert "limit of 1000000 bytes" in verdict.detail
    assert peak < 40_000_000


# What a TPM says -----------------------------------------------------------------------------------------------------


def test_a_quote_is_made_for_the_payload_and_signed():
    asked = []
    text = sealed(quote=lambda digest, algorithm: asked.append((digest, algorithm)) or b"what the TPM says")
    assert asked == [(sha256(PAYLOAD).digest(), "sha256")]
    verdict = judged(text)
    assert (verdict.failures, verdict.tpm_quote) == ((), b"what the TPM says")
    assert verdict.payload_digest == sha256(PAYLOAD).digest()
    assert names(judged(re.sub('"tpm-quote": ".*",\n', "", text))) == ["bad-signature"]
    assert names(judged(re.sub('"tpm-quote": ".*"', '"tpm-quote": "AAAA"', text))) == ["bad-signature"]


# Spools --------------------------------------------------------------------------------------------------------------


def test_a_spool_forgets_what_is_cut_and_keeps_to_its_limit(tmp_path):
    spool = Spool(tmp_path, limit=1_000_000)
    spool.write(b"a" * 300_000)
    mark = spool.mark()
    spool.write(b"b" * 600_000)
    with pytest.raises(SpoolLimitError, match="1000000"):
        spool.write(b"b" * 200_000)
    spool.cut(mark)
    spool.write(b"c")
    assert b"".join(spool.chunks()) == b"a" * 300_000 + b"c"
    assert spool.size == 300_001
    assert list(tmp_path.iterdir()) == []
