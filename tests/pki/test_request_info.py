"""Requests that somebody else has written: signed if they are what they should be, with openssl as the judge."""

from __future__ import annotations

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.pki.keys import KeyType, generate_private_key
from agent.pki.request_info import (
    MAX_REQUEST_INFO,
    InvalidRequestInfoError,
    RequestForAnotherKeyError,
    sign_request_info,
)
from tests.pki.request_infos import request_info, verified_by_openssl
from tests.pki.test_requests import SIGNED_WITH

KEY = generate_private_key(KeyType.ECDSA_NISTP256)


def public(key):
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign(info, key_type=KeyType.ECDSA_NISTP256, key=KEY):
    return sign_request_info(info, key_type, key)


@pytest.mark.parametrize("key_type", KeyType)
def test_openssl_verifies_the_request_of_every_key_type(key_type):
    key = generate_private_key(key_type)
    text = verified_by_openssl(sign(request_info(public(key)), key_type, key))
    assert "Subject: CN = router1.example.com" in text
    assert f"Signature Algorithm: {SIGNED_WITH[key_type]}" in text


def test_the_smallest_rsa_key_signs():
    key = generate_private_key(KeyType.RSA, 512)
    assert "(512 bit)" in verified_by_openssl(sign(request_info(public(key)), KeyType.RSA, key))


def test_what_is_signed_is_what_was_given():
    info = request_info(public(KEY), names=["a.example.com", "b.example.com"], challenge="right horse")
    request = x509.load_der_x509_csr(sign(info))
    assert request.tbs_certrequest_bytes == info
    assert request.is_signature_valid
    text = verified_by_openssl(sign(info))
    assert "DNS:a.example.com, DNS:b.example.com" in text
    assert "right horse" in text


def test_a_request_for_another_key_is_refused():
    with pytest.raises(RequestForAnotherKeyError, match="another public key"):
        sign(request_info(public(generate_private_key(KeyType.ECDSA_NISTP256))))


def test_a_key_of_another_type_is_another_key():
    with pytest.raises(RequestForAnotherKeyError):
        sign(request_info(public(generate_private_key(KeyType.RSA))))


def without_minimal_length(info):
    """The same in BER: the outer length takes one byte more than it needs."""
    assert info[1] == 0x81
    return b"\x30\x82\x00" + info[2:]


GOOD = request_info(public(KEY), names=["router1.example.com"])


@pytest.mark.parametrize(
    "info",
    [
        b"",
        b"\x30",
        b"\x30\x00",
        b"\x30\x80\x00\x00",
        b"to be signed",
        GOOD[:-1],
        GOOD + b"\x00",
        GOOD + GOOD,
        without_minimal_length(GOOD),
        request_info(public(KEY), version=1),
        # A whole request, which has one in it; a SEQUENCE of something else; a name that is no UTF-8.
        sign(GOOD),
        core.SequenceOf([1, 2, 3], spec=core.Integer).dump(),
        GOOD.replace(b"router1.example.com", b"router1.example.co\xff"),
    ],
    ids=range(13),
)
def test_what_is_no_request_is_not_signed(info):
    with pytest.raises(InvalidRequestInfoError, match="no CertificationRequestInfo in DER"):
        sign(info)


def test_the_size_is_limited():
    names = [f"router{number}.example.com" for number in range(1000)]
    info = request_info(public(KEY), names=names)
    assert len(info) > MAX_REQUEST_INFO
    with pytest.raises(InvalidRequestInfoError, match=str(MAX_REQUEST_INFO)):
        sign(info)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_request_is_refused_or_signed_as_it_is(data):
    damaged = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        request = sign(bytes(damaged))
    except (InvalidRequestInfoError, RequestForAnotherKeyError):
        return
    assert x509.load_der_x509_csr(request).tbs_certrequest_bytes == bytes(damaged)
