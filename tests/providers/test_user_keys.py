"""Users' public keys: imported and zeroized by our rpcs and Cisco's, listed, told, and gone with their users."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.caller import Caller
from agent.northbound.errors import ProviderError
from agent.pki.user_keys import parse_user_key
from agent.providers.system.users import ConfiguredUsers
from agent.ssh_settings import LoginUsers
from agent.storage.errors import StorageUnavailableError
from tests.providers.bench import ALICE
from tests.providers.test_system import LAPTOP, user, users

IMPORT = "/trustconf-keys:import-user-key"
ZEROIZE = "/trustconf-keys:zeroize-user-key"
CHANGED = "/trustconf-keys:user-key-changed"
AUDIT = "/trustconf-system:audit-event"
ACT = "/Cisco-IOS-XR-crypto-act:key-"
OPERATOR = Caller("bob", 9, "192.0.2.2", ("operators",))
ALL = {"all": [None]}

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKS5pliZxdoUOrv5jrnAnDI6jIW1e/wAg6rSGQLqBRp0 laptop"


def pem(public_key):
    return public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def ecdsa():
    return pem(ec.generate_private_key(ec.SECP256R1()).public_key())


#: A key of which nobody has the other half.
RSA = pem(rsa.RSAPublicNumbers(65537, 2**2047 + 1).public_key())


@pytest.fixture
def device(bench):
    """Alice is an administrator, Bob and Jane are others."""
    bench.commit(users(user("alice"), user("bob", groups=["operators"]), user("jane", groups=[])))
    return bench


def imported(bench):
    return bench.state().get("trustconf-keys:keys", {}).get("user-key", [])


def places(bench):
    return [(key["user"], key["number"]) for key in imported(bench)]


def blobs(bench, name):
    found = login_users(bench).find_user(name)
    return found and [blob for _, blob in found.authorized_keys]


def login_users(bench):
    return LoginUsers(ConfiguredUsers(bench), bench.services.user_key_store)


def refused(bench, path, request=None, caller=ALICE):
    with pytest.raises(ProviderError) as refusal:
        bench.call(path, request, caller=caller)
    return refusal.value


# Import --------------------------------------------------------------------------------------------------------------


def test_an_imported_key_is_in_the_reply_and_in_the_state_and_opens_logins(device):
    reply = device.call(IMPORT, {"key": ED25519})

    assert reply == {
        "user": "alice",
        "number": 1,
        "type": "trustconf-keys:ed25519",
        "size": 256,
        "fingerprint": parse_user_key(ED25519.encode()).fingerprint,
        "imported": "2026-03-01T12:00:00Z",
        "public-key": ED25519,
    }
    assert imported(device) == [reply]
    [configured] = [blob for _, _, blob in LAPTOP]
    assert blobs(device, "alice") == [configured, base64.b64decode(ED25519.split()[1])]
    assert blobs(device, "jane") == [configured]


def test_a_key_in_binary_for_somebody_else_in_another_place(device):
    key = parse_user_key(ecdsa().encode())

    for number, data in ((2, key.blob), (4, parse_user_key(RSA.encode()).public_key_der)):
        binary = base64.b64encode(data).decode()
        device.call(IMPORT, {"user": "jane", "key-number": number, "key-data": binary})

    assert places(device) == [("jane", 2), ("jane", 4)]
    assert key.blob in blobs(device, "jane")


def test_a_fifth_key_is_refused(device):
    for number in (1, 2, 3, 4):
        device.call(IMPORT, {"key-number": number, "key": ecdsa()})

    for number in (0, 5):
        with pytest.raises(Exception, match="up to four keys") as refusal:
            device.call(IMPORT, {"key-number": number, "key": ecdsa()})
        assert refusal.value.app_tag == "too-many-user-keys"
    assert len(imported(device)) == 4


def test_a_place_that_is_taken_is_replaced(device):
    device.call(IMPORT, {"key": ecdsa()})
    device.call(IMPORT, {"key": ED25519})

    assert [key["public-key"] for key in imported(device)] == [ED25519]


@pytest.mark.parametrize(
    ("request_", "tag", "app_tag", "path"),
    [
        ({"key": "hello"}, "invalid-value", "invalid-user-key", "key"),
        ({"key-data": "AAAA"}, "invalid-value", "invalid-user-key", "key-data"),
        ({"key": "-----BEGIN PRIVATE KEY-----"}, "invalid-value", "private-key-disclosed", "key"),
        ({"key": "ssh-dss AAAA me"}, "operation-not-supported", "user-key-not-supported", "key"),
        ({"key": ED25519, "type": "rsa"}, "invalid-value", "user-key-type", "type"),
        ({"key": ED25519, "user": "ghost"}, "data-missing", "user-not-found", "user"),
        ({"key": ED25519, "user": ""}, "data-missing", "user-not-found", "user"),
        ({"key": ED25519, "user": "alice' or '1'='1"}, "data-missing", "user-not-found", "user"),
    ],
)
def test_what_is_not_imported_is_refused_with_the_reason(device, request_, tag, app_tag, path):
    refusal = refused(device, IMPORT, request_)

    assert (refusal.tag, refusal.app_tag, refusal.path) == (tag, app_tag, path)
    assert imported(device) == []
    assert device.told(CHANGED) == []


def test_the_type_that_was_announced_is_the_keys(device):
    assert device.call(IMPORT, {"key": ED25519, "type": "ed25519"})["user"] == "alice"


def test_the_same_key_in_a_second_place_is_refused(device):
    device.call(IMPORT, {"key": ED25519, "key-number": 2})

    refusal = refused(device, IMPORT, {"key": ED25519})

    assert (refusal.tag, refusal.app_tag, refusal.path) == ("data-exists", "user-key-twice", "key")


def test_a_caller_who_is_not_configured_must_name_somebody(device):
    local = Caller("local", groups=("administrators",))

    assert refused(device, IMPORT, {"key": ED25519}, caller=local).app_tag == "user-not-found"
    assert device.call(IMPORT, {"key": ED25519, "user": "jane"}, caller=local)["user"] == "jane"


def test_who_is_no_administrator_has_only_own_keys(device):
    device.call(IMPORT, {"key": ecdsa(), "user": "jane"})
    assert device.call(IMPORT, {"key": ED25519}, caller=OPERATOR)["user"] == "bob"
    assert device.call(IMPORT, {"key": ecdsa(), "user": "bob", "key-number": 2}, caller=OPERATOR)["number"] == 2

    for path, request in (
        (IMPORT, {"user": "jane", "key": ecdsa()}),
        (IMPORT, {"user": "ghost", "key": ecdsa()}),
        (ZEROIZE, {"user": "jane", "key-number": 1}),
        (ZEROIZE, {"user": "jane", **ALL}),
        (ZEROIZE, {"all-users": [None]}),
        (f"{ACT}zeroize-authentication-rsa-all", {}),
    ):
        refusal = refused(device, path, request, OPERATOR)
        assert (refusal.tag, refusal.app_tag) == ("access-denied", "not-your-keys")
    assert places(device) == [("bob", 1), ("bob", 2), ("jane", 1)]
    assert len(device.call(ZEROIZE, ALL, caller=OPERATOR)["zeroized"]) == 2


# Zeroize -------------------------------------------------------------------------------------------------------------


def test_zeroizing_one_all_and_those_of_everybody(device):
    for name, number in (("alice", 1), ("alice", 2), ("bob", 1), ("bob", 3), ("jane", 1)):
        device.call(IMPORT, {"user": name, "key-number": number, "key": ecdsa()})

    assert device.call(ZEROIZE, {"key-number": 2}) == {"zeroized": [{"user": "alice", "number": 2}]}
    assert len(device.call(ZEROIZE, {"user": "bob", **ALL})["zeroized"]) == 2
    assert places(device) == [("alice", 1), ("jane", 1)]
    assert len(device.call(ZEROIZE, {"all-users": [None]})["zeroized"]) == 2
    assert imported(device) == []
    assert device.call(ZEROIZE, ALL) == device.call(ZEROIZE, {"all-users": [None]}) == {}


def test_zeroizing_what_is_not_there_says_so(device):
    refusal = refused(device, ZEROIZE, {"key-number": 1})

    assert (refusal.tag, refusal.app_tag, refusal.path) == ("data-missing", "user-key-not-found", "key-number")


def test_zeroizing_says_whose_and_which(device):
    for request in ({}, {"user": "alice"}, {"user": "alice", "all-users": [None]}):
        with pytest.raises(Exception, match=r"which|either user or all-users"):
            device.call(ZEROIZE, request)


# What is told --------------------------------------------------------------------------------------------------------


def test_imports_and_zeroizes_are_told_with_the_fingerprint(device):
    device.call(IMPORT, {"key": ED25519, "user": "jane", "key-number": 3})
    device.call(ZEROIZE, {"user": "jane", "key-number": 3})

    came, went = device.told(CHANGED)
    assert came == {
        "change": "imported",
        "user": "jane",
        "number": 3,
        "type": "trustconf-keys:ed25519",
        "size": 256,
        "fingerprint": parse_user_key(ED25519.encode()).fingerprint,
    }
    assert went == {**came, "change": "zeroized"}


def test_each_rpc_leaves_an_audit_event_with_the_user_whose_key_it_is(device):
    (device.services.import_folder._path / "k.pem").write_text(RSA)
    device.call(IMPORT, {"key": ED25519})
    device.call(IMPORT, {"key": ecdsa(), "user": "jane"})
    refused(device, IMPORT, {"key": ED25519, "user": "ghost"})
    device.call(ZEROIZE, {"key-number": 1})
    device.call(ZEROIZE, {"all-users": [None]})
    device.call(f"{ACT}import-authentication-rsa", {"path": "k.pem"})
    refused(device, f"{ACT}import-authentication-rsa-username", {"path": "/etc/passwd", "username": "jane"})

    told = [(event["action"], event["target"], event["outcome"]) for event in device.told(AUDIT)]
    assert told == [
        ("import-user-key", "alice", "success"),
        ("import-user-key", "jane", "success"),
        ("import-user-key", "ghost", "failure"),
        ("zeroize-user-key", "alice", "success"),
        ("zeroize-user-key", "all users", "success"),
        ("key-import-authentication-rsa", "alice", "success"),
        ("key-import-authentication-rsa-username", "jane", "failure"),
    ]


# Users and keys ------------------------------------------------------------------------------------------------------


def test_keys_leave_with_their_user_in_the_same_commit(device):
    for name in ("alice", "jane"):
        device.call(IMPORT, {"user": name, "key": ecdsa()})

    device.commit(users(user("alice"), user("bob")))

    assert places(device) == [("alice", 1)]
    assert device.told(CHANGED)[-1]["change"] == "zeroized"
    device.commit(users(user("alice"), user("jane")))
    assert blobs(device, "jane") == [blob for _, _, blob in LAPTOP]


def test_keys_stay_when_the_commit_fails(device, monkeypatch):
    device.call(IMPORT, {"user": "jane", "key": ecdsa()})

    def fail(*arguments):
        raise StorageUnavailableError("full")

    monkeypatch.setattr(device.services.commit_log, "append", fail)
    with pytest.raises(StorageUnavailableError):
        device.commit(users(user("alice")))

    assert places(device) == [("jane", 1)]


def test_keys_stay_when_their_user_changes(device):
    device.call(IMPORT, {"user": "jane", "key": ecdsa()})

    device.commit(users(user("alice"), user("jane", keys=[], groups=["administrators"])))

    assert places(device) == [("jane", 1)]
    assert len(blobs(device, "jane")) == 1


def test_a_key_without_a_user_opens_nothing_and_is_not_inherited(device):
    """An import that passed by the commit that removed its user."""
    device.services.user_key_store.put("ghost", 1, parse_user_key(ED25519.encode()))
    assert blobs(device, "ghost") is None

    device.commit(users(user("alice"), user("ghost", keys=[])))

    assert blobs(device, "ghost") == []


def test_who_has_imported_keys_only_is_not_the_last_administrator(device):
    """Zeroizing must not be a way to lock everybody out."""
    device.call(IMPORT, {"key": ED25519})
    with pytest.raises(ProviderError) as refusal:
        device.commit(users(user("alice", keys=[])))
    assert refusal.value.app_tag == "last-administrator"


def test_configured_keys_open_logins_when_the_database_does_not_answer(device, monkeypatch, caplog):
    device.call(IMPORT, {"key": ED25519})

    def fail(*arguments, **options):
        raise StorageUnavailableError("the disk is gone")

    monkeypatch.setattr(device.services.user_key_store, "list", fail)

    assert blobs(device, "alice") == [blob for _, _, blob in LAPTOP]
    assert "imported keys of 'alice' can't be read: the disk is gone" in caplog.text


# FIPS mode -----------------------------------------------------------------------------------------------------------


def test_fips_mode_refuses_keys_that_it_does_not_have(device):
    device.commit({**users(user("alice")), "trustconf-keys:keys": {"fips-mode": {}}})
    short = pem(rsa.RSAPublicNumbers(65537, 2**1023 + 1).public_key())

    for key in (ED25519, short):
        refusal = refused(device, IMPORT, {"key": key})
        assert (refusal.tag, refusal.app_tag, refusal.path) == ("invalid-value", "not-fips-compliant", "key")
    assert device.call(IMPORT, {"key": RSA})["size"] == 2048


def test_fips_mode_waits_for_keys_that_it_does_not_have(device):
    device.call(IMPORT, {"key": ED25519, "user": "jane", "key-number": 2})
    fips = {"trustconf-keys:keys": {"fips-mode": {}}}

    with pytest.raises(ProviderError, match="ed25519 key 2 of user jane") as refusal:
        device.commit({**users(user("alice"), user("jane")), **fips})

    assert refusal.value.app_tag == "keys-not-fips-compliant"
    # With the user go the keys: one commit does both.
    device.commit({**users(user("alice")), **fips})
    assert device.services.key_store.is_fips_mode()
    assert imported(device) == []


# Cisco's names -------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(device):
    return device.services.import_folder._path


def test_ciscos_rpcs_import_files_of_the_import_folder(device, folder):
    (folder / "id_rsa.pub").write_text(RSA)
    (folder / "id.bin").write_bytes(parse_user_key(RSA.encode()).blob)

    assert device.call(f"{ACT}import-authentication-rsa", {"path": "id_rsa.pub"}) == {}
    for place, number in (("second", 2), ("third", 3), ("fourth", 4)):
        request = {"path": "id.bin", "username": "jane", "key-num": place}
        assert device.call(f"{ACT}import-authentication-rsa-username", request) == {}
        assert places(device) == [("alice", 1), ("jane", number)]
        device.call(f"{ACT}zeroize-authentication-rsa-username", {"username": "jane", "key-num": place})
    assert places(device) == [("alice", 1)]
    device.call(f"{ACT}zeroize-authentication-rsa")
    assert imported(device) == []


def test_ciscos_rpcs_are_for_rsa(device, folder):
    (folder / "ed25519.pub").write_text(ED25519)
    device.call(IMPORT, {"key": ED25519})
    device.call(IMPORT, {"key": RSA, "user": "jane"})

    refusal = refused(device, f"{ACT}import-authentication-rsa", {"path": "ed25519.pub", "key-num": "second"})
    assert (refusal.app_tag, refusal.path) == ("user-key-type", "path")
    assert refused(device, f"{ACT}zeroize-authentication-rsa").app_tag == "user-key-not-found"
    assert device.call(f"{ACT}zeroize-authentication-rsa-all") == {}
    assert places(device) == [("alice", 1)]


@pytest.mark.parametrize(
    ("path", "app_tag"),
    [
        ("/etc/passwd", "not-in-import-folder"),
        ("../master.key", "not-in-import-folder"),
        ("harddisk:/id_rsa.pub", "not-in-import-folder"),
        ("https://host/id_rsa.pub", "not-in-import-folder"),
        ("nothing.pub", "import-file-unusable"),
        ("link.pub", "import-file-unusable"),
        ("large.pub", "import-file-unusable"),
        ("text.pub", "invalid-user-key"),
    ],
)
def test_no_path_leads_out_of_the_import_folder(device, folder, path, app_tag):
    (folder / "link.pub").symlink_to(folder.parent / "master.key")
    (folder / "large.pub").write_bytes(b"x" * 20_000)
    (folder / "text.pub").write_text("what is in here is nobody's business")

    refusal = refused(device, f"{ACT}import-authentication-rsa", {"path": path})

    assert (refusal.app_tag, refusal.path) == (app_tag, "path")
    assert "business" not in refusal.message
    assert imported(device) == []
