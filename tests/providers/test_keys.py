"""Key pairs: made, listed and zeroized by our own rpcs."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from agent.northbound.errors import ProviderError
from agent.pki.keys import KeyType
from agent.yang.errors import DataError

GENERATE = "/trustconf-keys:generate-key-pair"
ZEROIZE = "/trustconf-keys:zeroize-key-pair"
CHANGED = "/trustconf-keys:key-changed"
AUDIT = "/trustconf-system:audit-event"


def key_pairs(bench):
    return bench.state().get("trustconf-keys:keys", {}).get("key-pair", [])


def test_a_generated_key_is_in_the_reply_and_in_the_state(bench):
    reply = bench.call(GENERATE, {"type": "rsa", "label": "system-root-key", "size": 1024})

    [pair] = key_pairs(bench)
    assert reply == {name: value for name, value in pair.items() if name != "origin"}
    assert (pair["label"], pair["origin"], pair["usage"], pair["size"]) == ("system-root-key", "exec", "general", 1024)
    assert pair["created"] == "2026-03-01T12:00:00Z"
    public = base64.b64decode(pair["public-key"])
    assert isinstance(load_der_public_key(public), rsa.RSAPublicKey)
    assert pair["display-data"].replace(" ", "").replace("\n", "") == public.hex().upper()
    assert pair["display-data"].split("\n")[0].count(" ") == 7


@pytest.mark.parametrize(
    ("name", "size", "hex_digits"),
    [("ecdsa-nistp256", 256, 130), ("ecdsa-nistp384", 384, 194), ("ecdsa-nistp521", 521, 266), ("ed25519", 256, 64)],
)
def test_curves_have_one_size_and_show_their_point(bench, name, size, hex_digits):
    pair = bench.call(GENERATE, {"type": name})

    assert (pair["label"], pair["size"]) == ("the_default", size)
    assert len("".join(pair["display-data"].split())) == hex_digits


def test_usage_keys_show_both_public_keys(bench):
    pair = bench.call(GENERATE, {"type": "rsa", "label": "u", "size": 1024, "usage": "usage"})

    assert pair["usage"] == "usage"
    assert pair["public-key"] != pair["encryption-public-key"]


def test_generating_again_replaces_the_key(bench):
    first = bench.call(GENERATE, {"type": "ecdsa-nistp256"})
    second = bench.call(GENERATE, {"type": "ecdsa-nistp256"})

    assert first["public-key"] != second["public-key"]
    assert [pair["public-key"] for pair in key_pairs(bench)] == [second["public-key"]]
    assert isinstance(load_der_public_key(base64.b64decode(second["public-key"])), ec.EllipticCurvePublicKey)


@pytest.mark.parametrize(
    ("request_", "tag", "app_tag", "path"),
    [
        ({"type": "dsa", "size": 512}, "operation-not-supported", "key-not-supported", "size"),
        ({"type": "dsa", "size": 4096}, "invalid-value", "invalid-key-size", "size"),
        ({"type": "ed25519", "size": 512}, "invalid-value", "invalid-key-size", "size"),
        ({"type": "ed25519", "usage": "usage"}, "operation-not-supported", "key-not-supported", "size"),
    ],
)
def test_what_can_not_be_made_is_refused_with_the_reason(bench, request_, tag, app_tag, path):
    with pytest.raises(ProviderError) as refusal:
        bench.call(GENERATE, request_)

    assert (refusal.value.tag, refusal.value.app_tag, refusal.value.path) == (tag, app_tag, path)
    assert key_pairs(bench) == []


@pytest.mark.parametrize("label", ["", "two words", "a" * 128, "tab\t"])
def test_a_label_that_is_no_label_never_reaches_the_store(bench, label):
    with pytest.raises(DataError):
        bench.call(GENERATE, {"type": "ed25519", "label": label})


def test_keys_of_the_configuration_are_not_touched_by_rpcs(bench):
    bench.services.key_store.generate(KeyType.ED25519, "conf", origin="config")

    for path, request in (
        (GENERATE, {"type": "ed25519", "label": "conf"}),
        (ZEROIZE, {"type": "ed25519", "label": "conf"}),
    ):
        with pytest.raises(ProviderError) as refusal:
            bench.call(path, request)
        assert (refusal.value.tag, refusal.value.app_tag) == ("access-denied", "key-owned-by-configuration")
        assert refusal.value.path == "label"
    assert [pair["origin"] for pair in key_pairs(bench)] == ["config"]


def test_zeroizing_one_and_all(bench):
    for label in ("a", "b", "c"):
        bench.call(GENERATE, {"type": "ed25519", "label": label})

    assert bench.call(ZEROIZE, {"type": "ed25519", "label": "b"}) == {
        "zeroized": [{"type": "trustconf-keys:ed25519", "label": "b"}]
    }
    assert [pair["label"] for pair in key_pairs(bench)] == ["a", "c"]
    assert len(bench.call(ZEROIZE, {"type": "ed25519", "all": [None]})["zeroized"]) == 2
    assert key_pairs(bench) == []
    assert bench.call(ZEROIZE, {"type": "ed25519", "all": [None]}) == {}


def test_zeroizing_what_is_not_there_says_so(bench):
    with pytest.raises(ProviderError) as refusal:
        bench.call(ZEROIZE, {"type": "rsa", "label": "ghost"})

    assert (refusal.value.tag, refusal.value.app_tag, refusal.value.path) == ("data-missing", "key-not-found", "label")


def test_zeroizing_must_say_which(bench):
    with pytest.raises(Exception, match="which"):
        bench.call(ZEROIZE, {"type": "rsa"})


def test_changes_of_keys_are_told_to_everybody_without_the_key(bench):
    bench.call(GENERATE, {"type": "ecdsa-nistp256"})
    bench.call(ZEROIZE, {"type": "ecdsa-nistp256", "label": "the_default"})

    made, gone = bench.told(CHANGED)
    assert made == {
        "change": "generated",
        "type": "trustconf-keys:ecdsa-nistp256",
        "label": "the_default",
        "size": 256,
        "message": "crypto key ECDSA_NISTP256 generated, label:the_default, modBits:256",
    }
    assert (gone["change"], gone["message"]) == ("zeroized", "crypto key ECDSA_NISTP256 zeroized, label:the_default")


def test_each_rpc_leaves_an_audit_event_also_when_refused(bench):
    bench.call(GENERATE, {"type": "ed25519", "label": "k"})
    with pytest.raises(ProviderError):
        bench.call(ZEROIZE, {"type": "ed25519", "label": "ghost"})

    done, refused = bench.told(AUDIT)
    assert done == {
        "user": "alice",
        "session-id": 7,
        "source": "192.0.2.1",
        "action": "generate-key-pair",
        "target": "k",
        "outcome": "success",
    }
    assert (refused["action"], refused["outcome"]) == ("zeroize-key-pair", "failure")
    assert "nothing was zeroized" in refused["reason"]
