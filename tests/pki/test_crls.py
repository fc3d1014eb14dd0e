"""Revocation lists: their issuer, their dates, and bytes that are none."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from agent.pki.crls import (
    CrlOutOfDateError,
    CrlSignatureError,
    UnknownCrlIssuerError,
    UnreadableCrlError,
    check_crl,
    read_crl,
)
from tests.pki.authorities import START, Authority

ROOT = Authority.root("Root")


def make(authority=ROOT, name=None, days=7):
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name or authority.certificate.subject)
        .last_update(START)
        .next_update(START + timedelta(days=days))
        .sign(authority.key, hashes.SHA256())
    )


def test_from_the_authority_and_in_date():
    check_crl(make(), [Authority.root("Other", key=1).certificate, ROOT.certificate], START)


def test_after_a_rollover_either_key_may_have_signed():
    check_crl(make(), [Authority.root("Root", key=1).certificate, ROOT.certificate], START)


def test_another_authority():
    with pytest.raises(UnknownCrlIssuerError):
        check_crl(make(), [Authority.root("Other").certificate], START)


def test_a_stranger_in_the_name_of_the_authority():
    forged = make(Authority.root("Stranger", key=1), ROOT.certificate.subject)
    with pytest.raises(CrlSignatureError):
        check_crl(forged, [ROOT.certificate], START)


def test_out_of_date():
    with pytest.raises(CrlOutOfDateError, match="2024-03-08 12:00"):
        check_crl(make(), [ROOT.certificate], START + timedelta(days=7, seconds=1))


@given(st.binary(max_size=64), st.integers(0, 1 << 16))
def test_whatever_the_bytes_are_it_is_read_or_refused(junk, place):
    der = make().public_bytes(Encoding.DER)
    place %= len(der)
    for data in (junk, der[:place], der[:place] + junk + der[place:]):
        with contextlib.suppress(UnreadableCrlError):
            read_crl(data)
