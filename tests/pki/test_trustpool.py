"""The store of the trustpool by itself, and what bundles are made of."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.pki.ca_bundles import read_bundle
from agent.pki.certificates import CertificateRole, CertificateView
from agent.pki.http_errors import InvalidUrlError
from agent.pki.trustpool import PoolAction, Trustpool
from agent.pki.trustpool_errors import ImportUnderWayError, InvalidBundleError, TrustpoolError
from agent.scheduler import Scheduler
from agent.storage.errors import StorageUnavailableError
from tests.peers.http_server import HttpPeer
from tests.pki.authorities import START, Authority, make_certificate, name, rsa_key
from tests.pki.trustpoints import openssl


@pytest.fixture
def scheduler(clock):
    scheduler = Scheduler(clock)
    scheduler.start()
    yield scheduler
    scheduler.stop()


@pytest.fixture
def heard():
    return []


@pytest.fixture
def pool(database, scheduler, clock, heard):
    pool = Trustpool(database, scheduler, clock)
    pool.listener = heard.append
    return pool


class Shelf(HttpPeer):
    path = "/roots.pem"
    body = b""

    def serve(self, exchange, body):
        exchange.reply(200, self.body)


@pytest.fixture
def shelf():
    with Shelf() as shelf:
        yield shelf


def pem(certificate):
    return certificate.public_bytes(Encoding.PEM)


def test_an_import_that_could_not_begin_leaves_the_way_free(pool, scheduler, shelf):
    with pytest.raises(InvalidUrlError):
        pool.import_bundle("gopher://ca.example.com/")
    assert not pool.status().import_under_way
    scheduler.stop()
    with pytest.raises(RuntimeError):
        pool.import_bundle(shelf.url)
    assert not pool.status().import_under_way
    assert pool.clean() == 0


def test_a_failure_ends_the_import_and_is_told(pool, shelf, heard, clock):
    for _ in range(2):
        with pytest.raises(InvalidBundleError) as failed:
            pool.import_bundle(f"{shelf.url}?token=secret").result()
        assert not pool.status().import_under_way
    last = pool.status().last_error
    assert (last.message, last.time) == (failed.value.message, clock.now())
    assert [(event.action, event.url) for event in heard] == [(PoolAction.FAILED, shelf.url)] * 2


def test_a_storage_that_fails_changes_nothing(pool, shelf, database):
    shelf.body = pem(Authority.root("Root", start=START.replace(year=2019)).certificate)
    with database.transaction() as transaction:
        transaction.execute("ALTER TABLE trustpool_status RENAME TO away")
    with pytest.raises(StorageUnavailableError):
        pool.import_bundle(shelf.url).result()
    with database.transaction() as transaction:
        transaction.execute("ALTER TABLE away RENAME TO trustpool_status")
    assert pool.certificates() == []
    assert not pool.status().import_under_way


def test_one_at_a_time(pool, shelf):
    # What `work` holds while it runs.
    with pool._under_way:
        for function in (lambda: pool.import_bundle(shelf.url), pool.clean):
            with pytest.raises(ImportUnderWayError):
                function()


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_serial_numbers_as_openssl_prints_their_octets(tmp_path):
    """Zero and less are forbidden, and there are roots that have them."""
    octets = bytes.fromhex("5a" * 20)
    root = Authority.root("Root", serial=int.from_bytes(octets, "big")).certificate
    der = root.public_bytes(Encoding.DER)
    # A negative one is what can't be made with the library: the first bit of the number, in the same length.
    negative = der.replace(octets, bytes([octets[0] | 0x80]) + octets[1:], 1)
    (tmp_path / "negative.der").write_bytes(negative)
    printed = openssl("asn1parse", "-inform", "DER", "-in", tmp_path / "negative.der")
    assert ":-" in next(line for line in printed.splitlines() if "INTEGER" in line and "d=2" in line)
    shown = CertificateView.from_der(CertificateRole.CA, negative).serial_text
    assert bytes.fromhex(shown.replace(":", "")) == bytes([octets[0] | 0x80]) + octets[1:]


def test_a_certificate_that_may_not_sign_certificates_is_none_of_an_authority():
    key = rsa_key(0)
    plain = make_certificate(name("V1"), name("V1"), key.public_key(), key, ca=None)
    with pytest.raises(TrustpoolError, match="Certificate 1 of the bundle, of CN=V1"):
        read_bundle(pem(plain), START)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_anything_is_a_bundle_or_refused(data):
    with pytest.raises(TrustpoolError):
        read_bundle(data, START)
