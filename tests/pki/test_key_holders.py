"""Key pairs of a TPM in the key store: used like others, and never seen."""

import hashlib

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_public_key
from cryptography.x509.oid import NameOID

from agent.clock import SystemClock
from agent.pki.errors import DigestNotSupportedError, KeyNotFoundError, NotHeldByTpmError, NoTpmError, TpmKeyLostError
from agent.pki.kept_keys import KeptKeys, KeySlot
from agent.pki.key_holders import HeldBy, is_held_by_tpm
from agent.pki.key_store import KeyStore
from agent.pki.keys import KeyPurpose, KeyType, KeyUsage
from agent.pki.requests import RequestedCertificate, build_request
from agent.pki.scep.messages import MessageSigner
from agent.pki.signer import sign
from agent.tpm.device import Tpm
from tests.peers.swtpm import Swtpm

NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "device")])
P256 = KeyType.ECDSA_NISTP256


@pytest.fixture
def store(database, sealer, clock, events, swtpm):
    return KeyStore(database, sealer, clock, events.append, Tpm(swtpm.address, SystemClock()))


@pytest.fixture
def rsa_key(store):
    store.generate(KeyType.RSA, "r", held_by=HeldBy.TPM)
    return store.private_key(KeyType.RSA, "r")


@pytest.mark.parametrize("key_type", [P256, KeyType.RSA])
def test_a_key_of_the_tpm_signs_requests_and_data_after_a_restart(store, database, sealer, clock, swtpm, key_type):
    pair = store.generate(key_type, "system-enroll-key", held_by=HeldBy.TPM)
    assert pair.held_by is HeldBy.TPM

    restarted = KeyStore(database, sealer, clock, tpm=Tpm(swtpm.address, SystemClock()))
    assert restarted.find(key_type, "system-enroll-key") == pair
    key = restarted.private_key(key_type, "system-enroll-key")
    request = x509.load_der_x509_csr(build_request(RequestedCertificate(NAME), key))
    assert request.is_signature_valid
    public = load_der_public_key(pair.public_key_der)
    assert request.public_key() == public
    arguments = [ec.ECDSA(hashes.SHA256())] if key_type is P256 else [padding.PKCS1v15(), hashes.SHA256()]
    public.verify(sign(key, b"data"), b"data", *arguments)


def test_a_digest_can_be_signed_too(rsa_key):
    digest = hashlib.sha512(b"data").digest()
    signature = rsa_key.sign(digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA512()))
    rsa_key.public_key().verify(signature, b"data", padding.PKCS1v15(), hashes.SHA512())


def test_an_rsa_key_decrypts(rsa_key):
    encrypted = rsa_key.public_key().encrypt(b"secret", padding.PKCS1v15())
    assert rsa_key.decrypt(encrypted, padding.PKCS1v15()) == b"secret"
    for other in (b"", b"\1" * 256, encrypted + b"x", b"\xff" * 256):
        with pytest.raises(ValueError, match="encrypted"):
            rsa_key.decrypt(other, padding.PKCS1v15())


def test_it_is_never_seen(store, rsa_key):
    store.generate(P256, "e", held_by=HeldBy.TPM)
    for key in (rsa_key, store.private_key(P256, "e")):
        assert is_held_by_tpm(key)
        for use in (
            lambda key=key: key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
            lambda key=key: key.private_numbers(),
        ):
            with pytest.raises(UnsupportedAlgorithm):
                use()
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    with pytest.raises(UnsupportedAlgorithm):
        rsa_key.decrypt(rsa_key.public_key().encrypt(b"secret", oaep), oaep)
    with pytest.raises(DigestNotSupportedError):
        rsa_key.sign(b"", padding.PKCS1v15(), hashes.SHA1())


def test_what_is_stored_is_not_the_key(store, database):
    store.generate(P256, "e", held_by=HeldBy.TPM)
    [row] = database.query("SELECT * FROM key_parts JOIN key_pairs USING (type, label)")
    assert row["held_by"] == "tpm"
    # A wrapped blob is some 200 bytes, whoever unseals it.
    assert 150 < len(row["sealed_private_key"]) < 400


def test_scep_messages_are_signed_by_such_a_key(rsa_key, clock):
    assert not MessageSigner.for_key(rsa_key, NAME, clock.now()).temporary


def test_zeroized_it_is_gone(store, events):
    store.generate(P256, "e", held_by=HeldBy.TPM)
    store.zeroize(P256, "e")
    assert store.list() == []
    with pytest.raises(KeyNotFoundError):
        store.private_key(P256, "e")
    assert [event.action.value for event in events] == ["generated", "zeroized"]


def test_kept_keys_stay_the_tpm_s(store, database):
    first = store.generate(P256, "e", held_by=HeldBy.TPM)
    kept = KeptKeys(database, store)
    with database.transaction() as transaction:
        kept.keep("t", store.make(P256, "e", held_by=HeldBy.TPM), transaction)
        kept.put_into_service("t", transaction)
    second = store.find(P256, "e")
    assert second.held_by is HeldBy.TPM
    assert second.public_key_der != first.public_key_der
    previous = kept.private_key("t", KeySlot.PREVIOUS, KeyPurpose.GENERAL)
    assert previous.public_key() == load_der_public_key(first.public_key_der)
    # One of the agent's own may take its place.
    assert store.generate(P256, "e").held_by is HeldBy.SOFTWARE


@pytest.mark.parametrize(
    ("key_type", "options"),
    [
        (KeyType.ED25519, {}),
        (KeyType.ECDSA_NISTP384, {}),
        (KeyType.DSA, {}),
        (KeyType.RSA, {"size": 4096}),
        (KeyType.RSA, {"usage": KeyUsage.USAGE}),
    ],
)
def test_what_the_tpm_does_not_hold(store, key_type, options):
    with pytest.raises(NotHeldByTpmError):
        store.generate(key_type, "x", held_by=HeldBy.TPM, **options)
    assert store.list() == []


def test_without_a_tpm_there_is_none(key_store):
    with pytest.raises(NoTpmError):
        key_store.generate(P256, "e", held_by=HeldBy.TPM)


def test_with_another_tpm_the_key_is_lost(store, database, sealer, clock):
    store.generate(P256, "e", held_by=HeldBy.TPM)
    with Swtpm() as another:
        moved = KeyStore(database, sealer, clock, tpm=Tpm(another.address, SystemClock()))
        with pytest.raises(TpmKeyLostError):
            sign(moved.private_key(P256, "e"), b"data")
