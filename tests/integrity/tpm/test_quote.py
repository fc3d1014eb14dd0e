"""Quotes of a TPM in software: verified here and by tpm2_checkquote, and refused when anything in them is another."""

import contextlib
import dataclasses
import hashlib
import subprocess
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.integrity.content import BytesContent
from agent.integrity.tpm.attestation import AttestationError, read_attestation
from agent.integrity.tpm.envelope_quote import judge_quote
from agent.integrity.tpm.quote import QuoteFault, QuoteFormatError, extra_data, read_quote, verify_quote
from agent.integrity.tpm.quoting import DEFAULT_REGISTERS, TpmQuoter
from agent.integrity.verdict import Failure, Verdict
from agent.tpm.device import NO_TPM, Tpm
from agent.tpm.errors import TpmAbsentError, TpmRefusedError

NONCE = "4711"
DIGEST = hashlib.sha256(b"payload").digest()
WANTED = extra_data(NONCE, DIGEST)


@pytest.fixture(scope="module")
def quoter(swtpm):
    swtpm.run("tpm2_pcrextend", f"10:sha1={'11' * 20},sha256={'22' * 32}")
    return TpmQuoter(Tpm(swtpm.address, SystemClock()))


@pytest.fixture(scope="module")
def quote(quoter):
    return quoter.quote(WANTED)


def faults(quote, wanted=WANTED):
    return verify_quote(quote, wanted).faults


def checkquote(folder, quote, qualification=WANTED, values=None):
    """Whether tpm2_checkquote accepts a quote."""
    key = load_der_public_key(quote.attestation_key)
    (folder / "key.pem").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (folder / "attest").write_bytes(quote.attest)
    (folder / "signature").write_bytes(quote.signature)
    done = subprocess.run(
        ["tpm2_checkquote", "-u", folder / "key.pem", "-m", folder / "attest", "-s", folder / "signature",
         "-g", "sha256", "-q", qualification.hex()],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode == 0


def test_a_quote_is_verified_here_and_by_tpm2_checkquote(quote, tmp_path):
    verdict = verify_quote(quote, WANTED)
    assert verdict.faults == frozenset()
    assert verdict.attestation.selection == {"sha256": DEFAULT_REGISTERS}
    assert verdict.attestation.firmware_version.count(".") == 3
    assert quote.pcr_values["sha256"][10] == hashlib.sha256(bytes(32) + b"\x22" * 32).digest()
    assert checkquote(tmp_path, quote)


def test_another_nonce_is_refused_by_both(quote, tmp_path):
    other = extra_data("4712", DIGEST)
    assert faults(quote, other) == {QuoteFault.WRONG_EXTRA_DATA}
    assert not checkquote(tmp_path, quote, other)


def test_an_edited_quote_is_refused_by_both(quote, tmp_path):
    edited = dataclasses.replace(quote, attest=quote.attest[:-1] + bytes([quote.attest[-1] ^ 1]))
    assert faults(edited) == {QuoteFault.BAD, QuoteFault.WRONG_VALUES}
    assert not checkquote(tmp_path, edited)


def test_a_quote_of_another_key_is_refused_by_both(quote, tmp_path):
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    foreign = dataclasses.replace(quote, attestation_key=der)
    assert faults(foreign) == {QuoteFault.BAD}
    assert not checkquote(tmp_path, foreign)


@pytest.mark.parametrize("change", ["value", "register", "bank", "order", "less"])
def test_other_values_are_refused(quote, change):
    values = dict(quote.pcr_values["sha256"])
    banks = {"sha256": values}
    if change == "value":
        values[10] = bytes(32)
    elif change == "register":
        values[11] = values.pop(10)
    elif change == "bank":
        banks = {"sha384": values}
    elif change == "order":
        banks = {"sha256": dict(reversed(values.items()))}
    else:
        del values[0]
    assert faults(dataclasses.replace(quote, pcr_values=banks)) == {QuoteFault.WRONG_VALUES}


def test_chosen_registers_of_several_banks(quoter):
    quote = quoter.quote(WANTED, {"sha1": (10, 23), "sha256": (0,)})
    assert faults(quote) == frozenset()
    assert {bank: list(values) for bank, values in quote.pcr_values.items()} == {"sha1": [10, 23], "sha256": [0]}


def test_the_attestation_key_is_always_the_same(quoter, quote):
    assert quoter.quote(b"x").attestation_key == quote.attestation_key


def test_what_the_tpm_does_not_have_is_refused(quoter):
    with pytest.raises(TpmRefusedError):
        quoter.quote(WANTED, {"sm3": (0,)})


def test_where_there_is_no_tpm():
    quoter = TpmQuoter(Tpm(NO_TPM, SystemClock()))
    for ask in (quoter.require, lambda: quoter.quote(WANTED)):
        with pytest.raises(TpmAbsentError):
            ask()


def test_a_quote_has_one_text(quote):
    assert read_quote(quote.text()) == quote
    for edit in (b" ", b"\n"):
        with pytest.raises(QuoteFormatError):
            read_quote(quote.text() + edit)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"quote-version":1}',
        b'{"quote-version":1,"attestation-key":"","attest":"","signature":"","pcr-values":{"sha256":{"24":""}}}',
        b'{"quote-version":1,"attestation-key":"","attest":"","signature":"","pcr-values":{"md5":{}}}',
        b'{"quote-version":1,"attestation-key":"","attest":"","signature":"","pcr-values":{"sha256":{"1":"zz"}}}',
        b'{"quote-version":1,"attestation-key":"","attest":"","signature":"","pcr-values":[]}',
        b"[" * 30000,
        b"x" * 40000,
    ],
)
def test_texts_that_are_no_quotes(text):
    with pytest.raises(QuoteFormatError):
        read_quote(text)


def test_every_byte_of_a_quote_counts(quote):
    text = quote.text()
    for at in range(0, len(text), 7):
        edited = text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]
        try:
            found = read_quote(edited)
        except QuoteFormatError:
            continue
        assert faults(found)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_attestation_or_refused(data):
    with contextlib.suppress(AttestationError):
        read_attestation(data)


@given(st.binary(max_size=150))
def test_what_begins_as_a_quote(data):
    with contextlib.suppress(AttestationError):
        read_attestation(bytes.fromhex("ff5443478018") + data)


def judged(quote_text, payload=b"payload", *, nonce=NONCE, required=False):
    """The failures of an envelope that is genuine but for its quote."""
    verdict = Verdict(
        (),
        datetime.now(UTC),
        payload=BytesContent(payload),
        nonce=nonce,
        payload_digest=hashlib.sha256(payload).digest(),
        tpm_quote=quote_text,
    )
    return judge_quote(verdict, required=required)


def test_the_verdict_has_what_the_quote_says(quote):
    verdict = judged(quote.text(), required=True)
    assert verdict.verified
    assert verdict.quoted_registers == quote.pcr_values
    facts = dict(verdict.quote_facts)
    assert facts["attestation-key"] == hashlib.sha256(quote.attestation_key).hexdigest()
    assert facts["quoted-registers"] == "sha256:0,1,2,3,4,5,6,7,8,9,10,14"
    assert facts["tpm-reset-count"] >= 0


def test_the_verdict_names_what_is_wrong(quote):
    assert judged(None).failures == ()
    assert judged(quote.text(), nonce="4712").quoted_registers == {}
    assert judged(None, required=True).failures == (Failure.NO_QUOTE,)
    assert judged(b"{}").failures == (Failure.BAD_QUOTE,)
    assert "quote-version" in judged(b"{}").detail
    assert judged(quote.text(), nonce="4712").failures == (Failure.WRONG_QUOTE_NONCE,)
    assert judged(quote.text(), b"another payload").failures == (Failure.WRONG_QUOTE_NONCE,)
