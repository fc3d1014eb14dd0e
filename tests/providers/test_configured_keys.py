"""Key pairs in the configuration, and FIPS mode."""

import logging

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from agent.northbound.errors import ProviderError
from agent.pki.fips import FIPS_SIZES
from agent.pki.keys import KeyType
from agent.yang import json_codec
from agent.yang.errors import ValidationFailure

KEYS = "trustconf-keys:keys"
GENERATE = "/trustconf-keys:generate-key-pair"
ZEROIZE = "/trustconf-keys:zeroize-key-pair"
CHANGED = "/trustconf-keys:key-changed"
NOT_PERMITTED = "Cannot execute the command : Operation not permitted"
CONFIG_MODE = "Key is added as part of config mode, key deletion is not allowed , delete key from config mode"
PRESENT: dict = {}


def commit(bench, **keys):
    """Commit just these children of `keys`, "_" for "-"; what the running configuration then says of them."""
    content = {name.replace("_", "-"): value for name, value in keys.items()}
    bench.commit({KEYS: content} if content else {})
    return running(bench)


def running(bench):
    return json_codec.encode(bench.running).get(KEYS, {})


def stored(bench):
    return {(pair.type.value, pair.label): pair for pair in bench.services.key_store.list()}


def der(pem):
    return load_pem_public_key(pem.encode()).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def refusal_of(function, *arguments, **options):
    with pytest.raises(ProviderError) as refusal:
        function(*arguments, **options)
    return refusal.value


def test_each_kind_is_made_by_the_commit_and_its_public_key_is_in_the_configuration(bench):
    config = commit(
        bench,
        rsa_key=[{"label": "user1", "size": 1024}, {"label": "the_default", "size": 512}],
        dsa_key=PRESENT,
        ecdsa_key=[{"curve": f"trustconf-keys:ecdsa-nistp{bits}"} for bits in (256, 384, 521)],
        ed25519_key=PRESENT,
    )

    keys = stored(bench)
    assert {name: (pair.size, pair.origin) for name, pair in keys.items()} == {
        ("rsa", "user1"): (1024, "config"),
        ("rsa", "the_default"): (512, "config"),
        ("dsa", "the_default"): (1024, "config"),
        ("ecdsa-nistp256", "the_default"): (256, "config"),
        ("ecdsa-nistp384", "the_default"): (384, "config"),
        ("ecdsa-nistp521", "the_default"): (521, "config"),
        ("ed25519", "the_default"): (256, "config"),
    }
    shown = {("rsa", entry["label"]): entry for entry in config["rsa-key"]}
    shown |= {(entry["curve"].partition(":")[2], "the_default"): entry for entry in config["ecdsa-key"]}
    shown |= {(name, "the_default"): config[f"{name}-key"] for name in ("dsa", "ed25519")}
    assert {name: der(entry["public-key-pem"]) for name, entry in shown.items()} == {
        name: pair.public_key_der for name, pair in keys.items()
    }
    assert all(entry["public-key-pem"].startswith("-----BEGIN PUBLIC KEY-----\n") for entry in shown.values())


def test_usage_keys_show_both_public_keys_and_general_keys_one(bench):
    [usage] = commit(bench, rsa_key=[{"label": "u", "size": 512, "usage": "usage"}])["rsa-key"]
    pair = stored(bench)["rsa", "u"]
    assert der(usage["public-key-pem"]) == pair.public_key_der
    assert der(usage["encryption-public-key-pem"]) == pair.encryption_public_key_der

    [general] = commit(bench, rsa_key=[{**usage, "usage": "general"}])["rsa-key"]
    assert set(general) == {"label", "size", "usage", "public-key-pem"}
    assert der(general["public-key-pem"]) == stored(bench)["rsa", "u"].public_key_der != pair.public_key_der


def test_another_size_is_another_key_and_the_same_size_is_the_same_key(bench):
    commit(bench, rsa_key=[{"label": "a", "size": 512}, {"label": "b", "size": 512}])
    first = stored(bench)

    commit(bench, rsa_key=[{"label": "a", "size": 1024}, {"label": "b", "size": 512}])

    second = stored(bench)
    assert second["rsa", "a"].size == 1024
    assert second["rsa", "b"] == first["rsa", "b"]


def test_a_default_that_is_written_down_is_no_new_key(bench):
    config = commit(bench, dsa_key=PRESENT)
    first = stored(bench)

    commit(bench, dsa_key={**config["dsa-key"], "size": 1024})

    assert stored(bench) == first


@pytest.mark.parametrize("written", [None, "-----BEGIN PUBLIC KEY-----\nof another device\n-----END PUBLIC KEY-----\n"])
def test_the_public_key_is_what_the_device_says_whatever_a_client_writes(bench, written):
    content = {} if written is None else {"public-key-pem": written}
    config = commit(bench, ed25519_key=content)
    first = stored(bench)
    assert der(config["ed25519-key"]["public-key-pem"]) == first["ed25519", "the_default"].public_key_der

    assert commit(bench, ed25519_key=content) == config
    assert stored(bench) == first


def test_the_configuration_replaces_a_key_of_an_rpc_and_deletes_only_its_own(bench):
    before = bench.call(GENERATE, {"type": "ed25519"})
    bench.call(GENERATE, {"type": "ed25519", "label": "mine"})

    commit(bench, ed25519_key=PRESENT)

    assert stored(bench)["ed25519", "the_default"].origin == "config"
    assert der(running(bench)["ed25519-key"]["public-key-pem"]) != before["public-key"]
    commit(bench)
    assert list(stored(bench)) == [("ed25519", "mine")]


def test_keys_of_rpcs_are_listed_first(bench):
    commit(bench, rsa_key=[{"label": "a", "size": 512}])
    bench.call(GENERATE, {"type": "rsa", "label": "z", "size": 512})

    assert [(pair["origin"], pair["label"]) for pair in bench.state()[KEYS]["key-pair"]] == [
        ("exec", "z"),
        ("config", "a"),
    ]


@pytest.mark.parametrize("label", ["system-root-key", "system-enroll-key"])
def test_labels_of_the_system_trustpoint_are_refused_with_the_way_out(bench, label):
    with pytest.raises(ValidationFailure) as refusal:
        commit(bench, rsa_key=[{"label": label}])

    [error] = refusal.value.errors
    assert error.app_tag == "reserved-key-label"
    assert "generate-key-pair" in error.message
    assert stored(bench) == {}


@pytest.mark.parametrize(
    ("path", "more", "logged"),
    [
        (
            GENERATE,
            {},
            [f"%SECURITY-CEPKI-6-ERR_2 : {NOT_PERMITTED}", f"%SECURITY-CEPKI-6-ERR : {CONFIG_MODE}"],
        ),
        (ZEROIZE, {"label": "the_default"}, [f"%SECURITY-CEPKI-6-ERR_2 : {NOT_PERMITTED}"]),
        ("/Cisco-IOS-XR-crypto-act:key-generate-ed25519", None, None),
        ("/Cisco-IOS-XR-crypto-act:key-zeroize-ed25519", {"key-label": "the_default"}, None),
    ],
)
def test_rpcs_get_the_guides_refusal(bench, caplog, path, more, logged):
    commit(bench, ed25519_key=PRESENT)
    before = stored(bench)

    with caplog.at_level(logging.INFO, "ce_cmd"):
        request = {"type": "ed25519", **more} if path in (GENERATE, ZEROIZE) else more
        refusal = refusal_of(bench.call, path, request)

    assert (refusal.tag, refusal.app_tag) == ("access-denied", "key-owned-by-configuration")
    assert refusal.message == f"{NOT_PERMITTED}\n{CONFIG_MODE}"
    assert stored(bench) == before
    if logged is not None:
        assert [record.getMessage() for record in caplog.records if record.name == "ce_cmd"] == logged


def test_zeroizing_all_spares_the_configurations_keys(bench):
    commit(bench, ed25519_key=PRESENT)
    bench.call(GENERATE, {"type": "ed25519", "label": "mine"})

    bench.call(ZEROIZE, {"type": "ed25519", "all": [None]})

    assert list(stored(bench)) == [("ed25519", "the_default")]


def test_what_happens_is_logged_in_the_guides_words_and_told(bench, caplog):
    with caplog.at_level(logging.INFO, "cepki"):
        commit(bench, dsa_key=PRESENT, ecdsa_key=[{"curve": "trustconf-keys:ecdsa-nistp256"}])
        commit(bench)

    texts = [
        "crypto key DSA generated, label:the_default, modBits:1024",
        "crypto key ECDSA_NISTP256 generated, label:the_default, modBits:256",
        "crypto key DSA zeroized, label:the_default",
        "crypto key ECDSA_NISTP256 zeroized, label:the_default",
    ]
    assert sorted(record.getMessage() for record in caplog.records if record.name == "cepki") == sorted(
        f"%SECURITY-CEPKI-6-KEY_INFO : {text}" for text in texts
    )
    assert sorted(event["message"] for event in bench.told(CHANGED)) == sorted(texts)


def test_a_commit_that_fails_leaves_keys_as_they_were(bench, monkeypatch):
    bench.call(GENERATE, {"type": "ed25519"})
    commit(bench, rsa_key=[{"label": "a", "size": 512}])
    before, events = stored(bench), len(bench.events)

    def fail(transaction, record):
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(type(bench.services.commit_log), "append", lambda self, *arguments: fail(*arguments))
        with pytest.raises(OSError, match="no space"):
            commit(bench, ed25519_key=PRESENT, rsa_key=[{"label": "a", "size": 1024}])

    assert stored(bench) == before
    assert len(bench.events) == events
    # Nothing of the failed commit comes back with the next one.
    commit(bench, rsa_key=[{"label": "b", "size": 512}])
    assert list(stored(bench)) == [("ed25519", "the_default"), ("rsa", "b")]


def test_keys_are_made_while_storage_is_free(bench, monkeypatch):
    store = bench.services.key_store
    make = type(store).make

    def writing_meanwhile(self, *arguments, **options):
        with bench.database.transaction() as transaction:
            transaction.query("SELECT 1")
        return make(self, *arguments, **options)

    monkeypatch.setattr(type(store), "make", writing_meanwhile)
    commit(bench, ed25519_key=PRESENT)

    assert list(stored(bench)) == [("ed25519", "the_default")]


# Table 9 of the guide: every size that it names, and one beside each end.
TABLE_9 = [
    *((KeyType.RSA, size, True, size in (2048, 3072, 4096)) for size in (512, 1024, 2047, 2048, 3072, 4095, 4096)),
    *((KeyType.DSA, size, size >= 1024, size == 2048) for size in (512, 768, 1024, 2048)),
    (KeyType.ECDSA_NISTP256, 256, True, True),
    (KeyType.ECDSA_NISTP384, 384, True, True),
    (KeyType.ECDSA_NISTP521, 521, True, True),
    (KeyType.ED25519, 256, True, False),
]


def asking_for(key_type, size):
    """The configuration of one key pair."""
    if key_type is KeyType.RSA:
        return {"rsa-key": [{"label": "k", "size": size}]}
    if key_type is KeyType.DSA:
        return {"dsa-key": {"size": size}}
    if key_type is KeyType.ED25519:
        return {"ed25519-key": {}}
    return {"ecdsa-key": [{"curve": f"trustconf-keys:{key_type.value}"}]}


#: Where a refusal of it points at.
FAULT = {
    KeyType.RSA: f"/{KEYS}/rsa-key[label='k']/size",
    KeyType.DSA: f"/{KEYS}/dsa-key/size",
    KeyType.ED25519: f"/{KEYS}/ed25519-key",
}


@pytest.fixture
def quick_keys(monkeypatch):
    """Keys of the type, but not of the size: what is asked is whether they are made at all."""
    made = "agent.pki.key_holders.generate_private_key"
    quick = {}

    def make(key_type, size):
        if key_type not in quick:
            from agent.pki.keys import generate_private_key

            quick[key_type] = generate_private_key(key_type, 1024 if key_type in (KeyType.RSA, KeyType.DSA) else None)
        return quick[key_type]

    monkeypatch.setattr(made, make)


@pytest.mark.parametrize("fips", [False, True])
@pytest.mark.parametrize(("key_type", "size", "outside", "inside"), TABLE_9)
def test_table_9(bench, quick_keys, key_type, size, outside, inside, fips):
    mode = {"fips-mode": {}} if fips else {}
    bench.commit({KEYS: mode} if fips else {})
    allowed = inside if fips else outside
    request = {"type": key_type.value, "label": "x"}
    if key_type in (KeyType.RSA, KeyType.DSA):
        request["size"] = size

    for make, path in (
        (lambda: bench.commit({KEYS: {**mode, **asking_for(key_type, size)}}), FAULT.get(key_type)),
        (lambda: bench.call(GENERATE, request), None),
    ):
        count = len(stored(bench))
        if allowed:
            make()
            assert len(stored(bench)) == count + 1
            continue
        refusal = refusal_of(make)
        assert len(stored(bench)) == count
        if size in (512, 768) and key_type is KeyType.DSA:
            assert refusal.tag == "operation-not-supported"
        else:
            assert (refusal.tag, refusal.app_tag) == ("invalid-value", "not-fips-compliant")
            named = FIPS_SIZES[key_type] or ("rsa", "dsa", "ecdsa-nistp256")
            assert all(str(each) in refusal.message for each in named)
        fault = "type" if key_type is KeyType.ED25519 else "size"
        assert refusal.path == (fault if path is None else path)


def test_ciscos_rpcs_know_fips_mode(bench):
    commit(bench, fips_mode=PRESENT)

    refusal = refusal_of(bench.call, "/Cisco-IOS-XR-crypto-act:key-generate-rsa", {"key-modulus": 1024})

    assert (refusal.app_tag, refusal.path) == ("not-fips-compliant", "key-modulus")


def test_fips_mode_is_refused_while_other_keys_are_there_and_names_them(bench):
    bench.call(GENERATE, {"type": "ed25519", "label": "mine"})
    commit(bench, rsa_key=[{"label": "short", "size": 1024}, {"label": "good", "size": 2048}])

    refusal = refusal_of(
        commit, bench, rsa_key=[{"label": "short", "size": 1024}, {"label": "good", "size": 2048}], fips_mode=PRESENT
    )

    assert (refusal.tag, refusal.app_tag) == ("operation-failed", "keys-not-fips-compliant")
    assert refusal.path == f"/{KEYS}/fips-mode"
    assert "ed25519 mine (256 bits)" in refusal.message
    assert "rsa short (1024 bits)" in refusal.message
    assert "good" not in refusal.message


def test_fips_mode_and_the_keys_that_it_needs_come_in_one_commit(bench):
    bench.call(GENERATE, {"type": "dsa"})
    commit(bench, rsa_key=[{"label": "gone", "size": 512}], ed25519_key=PRESENT)

    commit(bench, fips_mode=PRESENT, dsa_key={"size": 2048})

    assert {name: pair.size for name, pair in stored(bench).items()} == {("dsa", "the_default"): 2048}
    assert bench.services.key_store.is_fips_mode()
    commit(bench, ed25519_key=PRESENT, dsa_key={"size": 2048})
    assert len(stored(bench)) == 2
    assert not bench.services.key_store.is_fips_mode()


def test_a_key_that_an_rpc_made_after_validation_stops_fips_mode(bench, monkeypatch):
    store = bench.services.key_store
    handler = bench.registry.config_handlers[bench.services.schema.find("/trustconf-keys:keys/fips-mode")]
    validate = type(handler).validate

    def overtaken(self, changes, view):
        validate(self, changes, view)
        store.generate(KeyType.ED25519, "late")

    monkeypatch.setattr(type(handler), "validate", overtaken)
    refusal = refusal_of(commit, bench, fips_mode=PRESENT)

    assert "late" in refusal.message
    assert not store.is_fips_mode()


def test_a_key_that_was_under_way_when_fips_mode_came_is_not_stored(bench):
    store = bench.services.key_store
    slow = store.make(KeyType.ED25519, "slow")
    commit(bench, fips_mode=PRESENT)

    with pytest.raises(Exception, match="FIPS mode"), bench.database.transaction() as transaction:
        store.store(slow, transaction)
    assert stored(bench) == {}
