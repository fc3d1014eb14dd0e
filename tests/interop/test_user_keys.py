"""Users' public keys at the front door: what ssh-keygen makes is imported by ncclient and then opens a NETCONF session;
what is zeroized or removed opens none."""

from __future__ import annotations

import base64
import subprocess
from xml.sax.saxutils import escape

import pytest
from ncclient import manager
from ncclient.operations import RPCError
from ncclient.transport.errors import AuthenticationError

from agent.pki.keys import KeyType
from examples import journey
from tests.agent_process import ADMIN
from tests.interop import raw_netconf
from tests.pki.user_keys import MAKING, TYPES_AND_FORMS, blob_of, fingerprint_of, line_of, make_key, public_key

TCK, SYS, TCS, NC = (journey.NS[prefix] for prefix in ("tck", "sys", "tcs", "nc"))
ACT = "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-act"
BINARY = ("blob", "der", "pkcs1-der")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A key of each type, and some more."""
    folder = tmp_path_factory.mktemp("keys")
    more = {name: make_key(folder / name, KeyType.ED25519, name) for name in ("a", "b", "c", "d", "e")}
    return {**{key_type: make_key(folder / key_type.value, key_type) for key_type in MAKING}, **more}


@pytest.fixture(scope="module")
def admin(shared_agent):
    with shared_agent.connect() as m:
        yield m


@pytest.fixture
def jane(admin):
    """A user without any credential, fresh for each test."""
    return add_user(admin, "jane")


def add_user(m, name, *, group="administrators", content=""):
    configure(
        m,
        f'<user nc:operation="replace"><name>{name}</name>{content}<group xmlns="{TCS}">{group}</group></user>',
        remove=name,
    )
    return name


def configure(m, user, *, remove=None):
    """Commit a <user>, after one of that name was removed by a commit of its own."""
    if remove is not None:
        configure(m, f'<user nc:operation="remove"><name>{remove}</name></user>')
    journey.edit_candidate(m, f'<system xmlns="{SYS}" xmlns:nc="{NC}"><authentication>{user}</authentication></system>')
    m.commit()


def import_key(m, data, user=None, number=None, form="key", more=""):
    text = base64.b64encode(data).decode() if form == "key-data" else escape(data.decode())
    return journey.rpc(
        m,
        f'<import-user-key xmlns="{TCK}">'
        + (f"<user>{user}</user>" if user else "")
        + (f"<key-number>{number}</key-number>" if number else "")
        + f"{more}<{form}>{text}</{form}></import-user-key>",
    )


def zeroize(m, which, user=None):
    whose = f"<user>{user}</user>" if user else ""
    return journey.rpc(m, f'<zeroize-user-key xmlns="{TCK}">{whose}{which}</zeroize-user-key>')


def act(m, rpc, leaves=""):
    return journey.rpc(m, f'<{rpc} xmlns="{ACT}">{leaves}</{rpc}>')


def listed(m, user):
    reply = m.get(("subtree", f'<keys xmlns="{TCK}"><user-key><user>{user}</user></user-key></keys>'))
    return [
        (
            int(entry.findtext("tck:number", namespaces=journey.NS)),
            entry.findtext("tck:fingerprint", namespaces=journey.NS),
        )
        for entry in reply.data_ele.iterfind(".//tck:user-key", journey.NS)
    ]


def session(agent, user, key):
    return manager.connect(
        host="127.0.0.1", port=agent.port, username=user, key_filename=str(key), hostkey_verify=False,
        allow_agent=False, look_for_keys=False, timeout=60,
    )  # fmt: skip


def logs_in(agent, user, key):
    """Whether that key opens a NETCONF session that answers."""
    try:
        with session(agent, user, key) as m:
            return m.get_config("running", filter=("subtree", f'<system xmlns="{SYS}"/>')).ok
    except AuthenticationError:
        return False


# Every type and form -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key_type", "form"), TYPES_AND_FORMS)
def test_a_key_in_any_form_opens_a_session_until_it_is_zeroized(shared_agent, admin, keys, jane, key_type, form):
    key = keys[key_type]
    assert not logs_in(shared_agent, jane, key)

    leaf = "key-data" if form in BINARY else "key"
    reply = import_key(admin, public_key(key, form), jane, form=leaf, more=f"<type>{key_type.value}</type>")

    assert reply.findtext("tck:fingerprint", namespaces=journey.NS) == fingerprint_of(key)
    assert logs_in(shared_agent, jane, key)
    zeroize(admin, "<key-number>1</key-number>", jane)
    assert not logs_in(shared_agent, jane, key)


@pytest.mark.parametrize("key_type", MAKING)
def test_openssh_opens_a_session_with_an_imported_key(shared_agent, admin, keys, jane, key_type):
    import_key(admin, line_of(keys[key_type]), jane)
    command = shared_agent.ssh_command("-s", f"{jane}@127.0.0.1", "netconf")
    command[command.index("-i") + 1] = str(keys[key_type])

    request = raw_netconf.rpc("<get-config><source><running/></source></get-config>")

    answer = subprocess.run(
        command, input=raw_netconf.hello() + raw_netconf.chunk(request), capture_output=True, timeout=60, check=False
    ).stdout

    [reply] = raw_netconf.messages(answer)
    assert raw_netconf.error_tags(reply) == []


@pytest.mark.parametrize("key_type", MAKING)
def test_a_configured_authorized_key_opens_a_session_until_it_is_removed(shared_agent, admin, keys, key_type):
    algorithm, data, _ = line_of(keys[key_type]).decode().split()
    key = f"<algorithm>{algorithm}</algorithm><key-data>{data}</key-data>"
    bob = add_user(admin, "bob", content=f"<authorized-key><name>k</name>{key}</authorized-key>")
    assert logs_in(shared_agent, bob, keys[key_type])

    gone = '<authorized-key nc:operation="delete"><name>k</name></authorized-key>'
    configure(admin, f"<user><name>{bob}</name>{gone}</user>")

    assert not logs_in(shared_agent, bob, keys[key_type])


# Whose and how many --------------------------------------------------------------------------------------------------


def test_without_a_user_the_key_is_the_callers(shared_agent, admin, keys):
    import_key(admin, line_of(keys["a"]))
    assert logs_in(shared_agent, ADMIN, keys["a"])
    assert logs_in(shared_agent, ADMIN, shared_agent.key_file), "beside the configured key"

    with session(shared_agent, ADMIN, keys["a"]) as m:
        zeroize(m, "<all/>")
        assert m.get_config("running").ok, "sessions that are open stay"
    assert not logs_in(shared_agent, ADMIN, keys["a"])
    assert logs_in(shared_agent, ADMIN, shared_agent.key_file)


def test_four_keys_and_no_fifth(shared_agent, admin, keys, jane):
    for number, name in enumerate("abcd", start=1):
        import_key(admin, line_of(keys[name]), jane, number)
    assert all(logs_in(shared_agent, jane, keys[name]) for name in "abcd")
    with pytest.raises(RPCError) as refusal:
        import_key(admin, line_of(keys["e"]), jane, 5)
    assert (refusal.value.tag, refusal.value.app_tag) == ("invalid-value", "too-many-user-keys")
    assert "replace one of them" in refusal.value.message
    assert not logs_in(shared_agent, jane, keys["e"])

    import_key(admin, line_of(keys["e"]), jane, 3)

    assert [logs_in(shared_agent, jane, keys[name]) for name in "abcde"] == [True, True, False, True, True]
    assert listed(admin, jane) == [(n, fingerprint_of(keys[name])) for n, name in enumerate("abed", start=1)]


def test_a_key_opens_nothing_but_its_users_logins(shared_agent, admin, keys, jane):
    add_user(admin, "guest", group="spectators")
    for name in ("guest", jane):
        import_key(admin, line_of(keys["a"]), name)

    assert logs_in(shared_agent, jane, keys["a"])
    assert not logs_in(shared_agent, "guest", keys["a"]), "not a member of the administrators"
    assert not logs_in(shared_agent, ADMIN, keys["a"])
    with pytest.raises(RPCError) as refusal:
        import_key(admin, line_of(keys["b"]), "nobody")
    assert (refusal.value.tag, refusal.value.app_tag) == ("data-missing", "user-not-found")
    assert refusal.value.path.endswith("user")


def test_keys_leave_with_their_user(shared_agent, admin, keys, jane):
    import_key(admin, line_of(keys["a"]), jane)
    assert logs_in(shared_agent, jane, keys["a"])

    configure(admin, f'<user nc:operation="delete"><name>{jane}</name></user>')
    assert not logs_in(shared_agent, jane, keys["a"])
    assert listed(admin, jane) == []

    add_user(admin, "jane")
    assert not logs_in(shared_agent, jane, keys["a"]), "who is made anew does not inherit it"


@pytest.mark.parametrize(
    ("data", "app_tag", "said"),
    [
        (b"this is no key", "invalid-user-key", "as a line of OpenSSH"),
        (b"ssh-dss AAAAB3NzaC1kc3MAAAA= me", "user-key-not-supported", "DSA"),
        (b'command="/bin/sh" %s', "invalid-user-key", "Options before a key"),
    ],
)
def test_what_is_no_key_is_refused_with_what_to_do(admin, keys, jane, data, app_tag, said):
    with pytest.raises(RPCError) as refusal:
        import_key(admin, data.replace(b"%s", line_of(keys["a"])), jane)

    assert refusal.value.app_tag == app_tag
    assert said in refusal.value.message
    assert refusal.value.path.endswith("key")


def test_a_private_key_that_was_sent_is_nowhere_afterwards(shared_agent, admin, tmp_path, jane):
    secret = make_key(tmp_path / "k", KeyType.ED25519).read_bytes()
    with pytest.raises(RPCError) as refusal:
        import_key(admin, secret, jane)

    assert "This is a private key" in refusal.value.message
    line = secret.splitlines()[3]
    assert line.decode() not in shared_agent.log
    for path in shared_agent.state.rglob("*"):
        assert not path.is_file() or line not in path.read_bytes(), path


def test_subscribers_are_told(shared_agent, admin, keys, jane):
    with shared_agent.connect() as subscriber:
        subscriber.create_subscription(filter=("subtree", f'<user-key-changed xmlns="{TCK}"/>'))
        import_key(admin, line_of(keys["a"]), jane, 2)
        configure(admin, f'<user nc:operation="delete"><name>{jane}</name></user>')

        for change in ("imported", "zeroized"):
            _, event = subscriber.take_notification(timeout=30).notification_ele
            told = [event.findtext(f"tck:{leaf}", namespaces=journey.NS) for leaf in ("change", "user", "number")]
            assert told == [change, jane, "2"]
            assert event.findtext("tck:fingerprint", namespaces=journey.NS) == fingerprint_of(keys["a"])


# Cisco's names -------------------------------------------------------------------------------------------------------


def test_ciscos_rpcs_import_a_file_of_the_import_folder(shared_agent, admin, keys, jane):
    (shared_agent.state / "import" / "id_rsa.bin").write_bytes(blob_of(keys[KeyType.RSA]))

    act(
        admin,
        "key-import-authentication-rsa-username",
        f"<path>id_rsa.bin</path><username>{jane}</username><key-num>fourth</key-num>",
    )

    assert listed(admin, jane) == [(4, fingerprint_of(keys[KeyType.RSA]))]
    assert logs_in(shared_agent, jane, keys[KeyType.RSA])
    shown = shared_agent.exec("show crypto key mypubkey authentication rsa").stdout
    assert f"Key label: {jane}\nType      : RSA public key authentication\nNumber    : 4\nSize      : 1024\n" in shown
    act(admin, "key-zeroize-authentication-rsa-all")
    assert not logs_in(shared_agent, jane, keys[KeyType.RSA])


def test_ciscos_rpcs_without_a_user_are_about_the_caller(shared_agent, admin, keys):
    (shared_agent.state / "import" / "id_rsa.pub").write_bytes(line_of(keys[KeyType.RSA]))

    act(admin, "key-import-authentication-rsa", "<path>id_rsa.pub</path>")
    assert logs_in(shared_agent, ADMIN, keys[KeyType.RSA])

    act(admin, "key-zeroize-authentication-rsa")
    assert not logs_in(shared_agent, ADMIN, keys[KeyType.RSA])


@pytest.mark.parametrize("path", ["{state}/admin_key.pub", "../admin_key.pub", "link", "nothing"])
def test_ciscos_rpcs_open_no_other_file(shared_agent, admin, path):
    """The administrator's own key would be a fine one, but for its place."""
    link = shared_agent.state / "import" / "link"
    if not link.is_symlink():
        link.symlink_to("../admin_key.pub")

    with pytest.raises(RPCError) as refusal:
        act(admin, "key-import-authentication-rsa", f"<path>{path.format(state=shared_agent.state)}</path>")

    assert refusal.value.app_tag in ("not-in-import-folder", "import-file-unusable")
    assert "folder 'import'" in refusal.value.message
    assert refusal.value.path.endswith("path")


# What lasts ----------------------------------------------------------------------------------------------------------


def test_an_import_that_was_answered_outlives_a_loss_of_power(agent, keys):
    with agent.connect() as m:
        add_user(m, "jane")
        import_key(m, line_of(keys["a"]), "jane", 2)
        import_key(m, line_of(keys["b"]), "jane", 3)
        zeroize(m, "<key-number>3</key-number>", "jane")
    agent.kill()
    agent.start()

    assert logs_in(agent, "jane", keys["a"])
    assert not logs_in(agent, "jane", keys["b"])
    with agent.connect() as m:
        assert listed(m, "jane") == [(2, fingerprint_of(keys["a"]))]
