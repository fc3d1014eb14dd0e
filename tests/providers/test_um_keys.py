"""Key pairs and FIPS mode in Cisco-IOS-XR-um-crypto-cfg: the same rules as in our own module, and one place a key."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from agent.northbound.errors import ProviderError
from agent.pki.keys import KeyType
from agent.yang import json_codec
from agent.yang.errors import DataError, ValidationFailure

CRYPTO = "Cisco-IOS-XR-um-crypto-cfg:crypto"
OURS = "trustconf-keys:keys"
GENERAL = {"general-keys": {}}


def asking(rsa=(), dsa=None, ed25519=False, curves=(), fips=False):
    """The configuration of these key pairs; `rsa` are the entries of the list."""
    generate = {}
    if rsa:
        generate["rsa"] = {"label": list(rsa)}
    if dsa is not None:
        generate["dsa"] = {"number-of-bits": dsa}
    if ed25519:
        generate["ed25519"] = {}
    if curves:
        generate["ecdsa"] = {curve: {} for curve in curves}
    crypto = {"key": {"generate": generate}} if generate else {}
    if fips:
        crypto["fips-mode"] = {}
    return {CRYPTO: crypto} if crypto else {}


def label(name, size=512, **more):
    return {"label-name": name, "key-module-size": size, **(more or GENERAL)}


def stored(bench):
    return {(pair.type.value, pair.label): pair for pair in bench.services.key_store.list()}


def running_labels(bench):
    entries = json_codec.encode(bench.running)[CRYPTO]["key"]["generate"]["rsa"]["label"]
    return {entry["label-name"]: entry for entry in entries}


def der(pem):
    return load_pem_public_key(pem.encode()).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_each_kind_is_made_by_the_commit(bench):
    bench.commit(
        asking(
            rsa=[label("user1", 1024), label("the_default"), label("two", **{"usage-keys": {}})],
            dsa=1024,
            ed25519=True,
            curves=("nistp256", "nistp384", "nistp521"),
        )
    )

    assert {name: (pair.size, pair.origin, pair.usage.value) for name, pair in stored(bench).items()} == {
        ("rsa", "user1"): (1024, "config", "general"),
        ("rsa", "the_default"): (512, "config", "general"),
        ("rsa", "two"): (512, "config", "usage"),
        ("dsa", "the_default"): (1024, "config", "general"),
        ("ecdsa-nistp256", "the_default"): (256, "config", "general"),
        ("ecdsa-nistp384", "the_default"): (384, "config", "general"),
        ("ecdsa-nistp521", "the_default"): (521, "config", "general"),
        ("ed25519", "the_default"): (256, "config", "general"),
    }
    assert {("rsa", name): der(entry["pubkey"]) for name, entry in running_labels(bench).items()} == {
        name: pair.public_key_der for name, pair in stored(bench).items() if name[0] == "rsa"
    }


def test_what_a_client_writes_as_public_key_is_replaced(bench):
    bench.commit(asking(rsa=[label("a", **GENERAL, pubkey="of another device")]))
    first = stored(bench)
    assert der(running_labels(bench)["a"]["pubkey"]) == first["rsa", "a"].public_key_der

    bench.commit(asking(rsa=[label("a")]))

    assert stored(bench) == first


def test_another_size_or_usage_is_another_key(bench):
    bench.commit(asking(rsa=[label("a"), label("b"), label("c")], dsa=1024))
    first = stored(bench)

    bench.commit(asking(rsa=[label("a", 1024), label("b", **{"usage-keys": {}}), label("c")], dsa=2048))

    second = stored(bench)
    assert (second["rsa", "a"].size, second["rsa", "b"].usage.value, second["dsa", "the_default"].size) == (
        1024,
        "usage",
        2048,
    )
    assert second["rsa", "c"] == first["rsa", "c"]


def test_removing_deletes_only_keys_of_the_configuration(bench):
    bench.services.key_store.generate(KeyType.DSA, "mine")
    bench.commit(asking(rsa=[label("a")], dsa=1024, ed25519=True, curves=("nistp256",)))

    bench.commit({})

    assert list(stored(bench)) == [("dsa", "mine")]


def test_what_has_no_key_yet_changes_nothing_of_it(bench):
    """The container dsa is there without any leaf, too."""
    bench.commit(asking(rsa=[label("a")]))
    bench.commit(asking(rsa=[label("a")], ed25519=True))

    assert set(stored(bench)) == {("rsa", "a"), ("ed25519", "the_default")}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (asking(rsa=[label("k")]), {"rsa-key": [{"label": "k", "size": 512}]}),
        (asking(dsa=1024), {"dsa-key": {}}),
        (asking(ed25519=True), {"ed25519-key": {}}),
        (asking(curves=["nistp384"]), {"ecdsa-key": [{"curve": "trustconf-keys:ecdsa-nistp384"}]}),
    ],
)
@pytest.mark.parametrize("first", ["theirs", "ours", "neither"])
def test_a_key_has_one_place(bench, theirs, ours, first):
    ours = {OURS: ours}
    bench.commit({"theirs": theirs, "ours": ours, "neither": {}}[first])
    before = stored(bench)

    with pytest.raises(ProviderError) as refusal:
        bench.commit({**theirs, **ours})

    assert (refusal.value.tag, refusal.value.app_tag) == ("invalid-value", "key-configured-twice")
    assert OURS in refusal.value.message
    assert CRYPTO in refusal.value.message
    assert refusal.value.path.startswith((f"/{OURS}/", f"/{CRYPTO}/key/generate/"))
    assert stored(bench) == before


def test_a_key_of_each_place_side_by_side_and_from_one_to_the_other(bench):
    bench.commit({**asking(rsa=[label("a")]), OURS: {"rsa-key": [{"label": "b", "size": 512}]}})
    assert set(stored(bench)) == {("rsa", "a"), ("rsa", "b")}

    bench.commit({**asking(rsa=[label("b")]), OURS: {"rsa-key": [{"label": "a", "size": 512}]}})

    assert set(stored(bench)) == {("rsa", "a"), ("rsa", "b")}
    assert der(running_labels(bench)["b"]["pubkey"]) == stored(bench)["rsa", "b"].public_key_der


@pytest.mark.parametrize(
    ("config", "app_tag"),
    [
        (asking(rsa=[{"label-name": "k", "key-module-size": 512}]), "key-usage-missing"),
        (asking(rsa=[label("k", **GENERAL, **{"usage-keys": {}})]), "several-key-usages"),
        (asking(rsa=[label("system-root-key")]), "reserved-key-label"),
        (asking(rsa=[label("system-enroll-key")]), "reserved-key-label"),
    ],
)
def test_contradictions_are_refused(bench, config, app_tag):
    with pytest.raises(ValidationFailure) as refusal:
        bench.commit(config)

    assert [error.app_tag for error in refusal.value.errors] == [app_tag]
    assert stored(bench) == {}


@pytest.mark.parametrize("name", ["two words", "a/b", "\N{LATIN SMALL LETTER E WITH ACUTE}", "x" * 128])
def test_labels_that_no_key_can_have(bench, name):
    with pytest.raises(DataError):
        bench.commit(asking(rsa=[label(name)]))


@pytest.mark.parametrize(
    ("config", "tag", "path"),
    [
        (asking(dsa=512), "operation-not-supported", "dsa/number-of-bits"),
        (asking(dsa=1100), "invalid-value", "dsa/number-of-bits"),
    ],
)
def test_sizes_that_there_are_not(bench, config, tag, path):
    with pytest.raises(ProviderError) as refusal:
        bench.commit(config)

    assert (refusal.value.tag, refusal.value.path) == (tag, f"/{CRYPTO}/key/generate/{path}")


@pytest.mark.parametrize(
    ("config", "path"),
    [
        (asking(rsa=[label("k", 1024)]), "rsa/label[label-name='k']/key-module-size"),
        (asking(dsa=1024), "dsa/number-of-bits"),
        (asking(ed25519=True), "ed25519"),
    ],
)
@pytest.mark.parametrize("switch", [asking(fips=True), {OURS: {"fips-mode": {}}}])
def test_fips_mode_of_either_module_is_for_the_keys_of_both(bench, config, path, switch):
    bench.commit(switch)
    assert bench.services.key_store.is_fips_mode()
    [place] = [path for path, content in switch.items() if content]
    both = {**config, **switch} if place == OURS else {CRYPTO: {**config[CRYPTO], **switch[CRYPTO]}}

    with pytest.raises(ProviderError) as refusal:
        bench.commit(both)

    assert (refusal.value.app_tag, refusal.value.path) == ("not-fips-compliant", f"/{CRYPTO}/key/generate/{path}")


def test_fips_mode_is_on_as_long_as_one_of_the_two_is_there(bench):
    ours = {OURS: {"fips-mode": {}}}
    for config, mode in ((ours, True), ({**ours, **asking(fips=True)}, True), (asking(fips=True), True), ({}, False)):
        bench.commit(config)
        assert bench.services.key_store.is_fips_mode() is mode


def test_fips_mode_is_refused_while_other_keys_are_there(bench):
    bench.commit({OURS: {"ed25519-key": {}}})

    with pytest.raises(ProviderError, match="ed25519 the_default") as refusal:
        bench.commit({OURS: {"ed25519-key": {}}, **asking(fips=True)})

    assert (refusal.value.app_tag, refusal.value.path) == ("keys-not-fips-compliant", f"/{CRYPTO}/fips-mode")
