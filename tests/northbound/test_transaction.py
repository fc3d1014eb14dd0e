"""What providers are told of a commit: one record for each registered node, whole, before and after."""

import pytest

from agent.northbound.contract import NoConfigHandler
from agent.northbound.registry import Registry
from agent.northbound.transaction import ProviderParticipants, TreeConfigView
from agent.yang.diff import diff
from agent.yang.xml_codec import decode
from tests.datastore.rig import config, port, schema, speed

PORT = "/test-device:device/port"
LIGHT = {"colour": "green"}


def tree(inside=""):
    return decode(config(inside), schema().root)


class Listener(NoConfigHandler):
    def __init__(self):
        self.changes = []

    def validate(self, changes, view):
        self.changes += changes


def told(path, before, after):
    """The changes that a provider at `path` is told of, as (path, operation, keys, before, after)."""
    listener = Listener()
    registry = Registry(schema())
    registry.config(path, listener)
    old, new = tree(before), tree(after)
    ProviderParticipants(registry).begin(old, new, diff(old, new)).validate()
    return [
        (change.path, change.operation, dict(change.keys), change.before, change.after) for change in listener.changes
    ]


class TestList:
    def test_an_entry_that_comes_and_goes_with_the_defaults_in_use(self):
        entry = {"name": "a", "speed": 10, "light": LIGHT}
        assert told(PORT, "", port("a")) == [(f"{PORT}[name='a']", "create", {"name": "a"}, None, entry)]
        assert told(PORT, port("a"), "") == [(f"{PORT}[name='a']", "delete", {"name": "a"}, entry, None)]

    def test_each_entry_on_its_own_and_once_however_much_of_it_changed(self):
        before = speed("a", 1) + port("b") + port("c")
        after = port("a", "<speed>2</speed><light><colour>red</colour></light>") + port("b") + port("d")
        assert [change[:3] for change in told(PORT, before, after)] == [
            (f"{PORT}[name='a']", "modify", {"name": "a"}),
            (f"{PORT}[name='c']", "delete", {"name": "c"}),
            (f"{PORT}[name='d']", "create", {"name": "d"}),
        ]

    def test_a_change_below_the_entry_modifies_it(self):
        address = "<address><ip>192.0.2.1</ip></address>"
        ((_, operation, _, before, after),) = told(PORT, port("a"), port("a", address))
        assert operation == "modify"
        assert before == {"name": "a", "speed": 10, "light": LIGHT}
        assert after == {**before, "address": [{"ip": "192.0.2.1"}]}

    def test_a_change_beside_the_entries_is_none(self):
        assert told(PORT, port("a"), port("a") + "<tag>x</tag>") == []

    @pytest.mark.parametrize("name", ["it's", 'a "b"', "]", "a b"])
    def test_any_key_makes_a_path_that_can_be_used(self, name):
        ((path, _, keys, _, after),) = told(PORT, "", port(name))
        assert keys == {"name": name}
        assert TreeConfigView(tree(port(name))).get(path) == after

    def test_entries_inside_what_is_created_or_deleted_as_a_whole(self):
        both = port("a", "<address><ip>1</ip></address><address><ip>2</ip></address>")
        addresses = f"{PORT}/address"
        paths = [f"{PORT}[name='a']/address[ip='{ip}']" for ip in (1, 2)]
        assert told(addresses, "", both) == [
            (path, "create", {"ip": ip}, None, {"ip": ip}) for path, ip in zip(paths, "12", strict=True)
        ]
        assert [change[:2] for change in told(addresses, both, "")] == [(path, "delete") for path in paths]
        assert [change[:2] for change in told(addresses, both, port("a"))] == [(path, "delete") for path in paths]


class TestContainer:
    DEVICE = "/test-device:device"

    def test_one_without_presence_is_always_there(self):
        nothing = {"mode": "plain"}
        full = {"mode": "full"}
        assert told(self.DEVICE, "", "<mode>full</mode>") == [(self.DEVICE, "modify", {}, nothing, full)]
        assert told(self.DEVICE, "<mode>full</mode>", "") == [(self.DEVICE, "modify", {}, full, nothing)]

    def test_one_with_presence_comes_and_goes(self):
        path = f"{self.DEVICE}/presence"
        note = "<presence><note>n</note></presence>"
        assert told(path, "", "<presence/>") == [(path, "create", {}, None, {})]
        assert told(path, note, "") == [(path, "delete", {}, {"note": "n"}, None)]
        assert told(path, "<presence/>", note) == [(path, "modify", {}, {}, {"note": "n"})]

    def test_the_changes_of_many_nodes_below_are_one(self):
        assert len(told(self.DEVICE, port("a") + "<tag>x</tag>", speed("a", 3) + port("b") + "<tag>y</tag>")) == 1


class TestConfigView:
    VIEW = TreeConfigView(tree(speed("a", 5) + port("b") + "<tag>x</tag><tag>y</tag>"))
    DEVICE = "/test-device:device"

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("/port[name='a']", {"name": "a", "speed": 5, "light": LIGHT}),
            ("/port[name='b']/speed", 10),
            ("/port[name='b']/light", LIGHT),
            ("/port[name='b']/light/colour", "green"),
            ("/mode", "plain"),
            ("/tag", ["x", "y"]),
            ("/tuning", {}),
            # What is not there and has no default.
            ("/port[name='z']", None),
            ("/password", None),
            ("/presence", None),
            ("/step", None),
        ],
    )
    def test_reads_values_with_the_defaults_in_use(self, path, value):
        assert self.VIEW.get(self.DEVICE + path) == value

    def test_a_list_is_all_its_entries(self):
        assert [entry["name"] for entry in self.VIEW.get(PORT)] == ["a", "b"]

    @pytest.mark.parametrize("path", ["/nothing:here", "device", PORT + "[nothing='a']", PORT + "[name="])
    def test_what_is_no_path_is_a_fault_of_the_caller(self, path):
        with pytest.raises(ValueError, match="not a data path"):
            self.VIEW.get(path)
