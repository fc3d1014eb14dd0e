"""Operational data is asked for only where a filter can match, and providers are told what of it is wanted."""

import pytest

from agent.northbound.contract import StateQuery
from agent.northbound.registry import Registry
from agent.northbound.state import StateCollector
from agent.yang import json_codec
from agent.yang.selection import Selection
from tests.datastore.rig import schema

HEALTH = "/test-device:health"
PORT = "/test-device:device/port"
FANS = [{"row": 1, "column": 2, "speed": 900}, {"row": 2, "column": 2}]


class Sources:
    """One provider for each part of the health, and one for the ports; notes what each was asked."""

    def __init__(self):
        self.asked = {}
        self.answers = {
            f"{HEALTH}/power": {"volts": 12, "watts": 30},
            f"{HEALTH}/fan": FANS,
            f"{HEALTH}/event": [{"text": "one"}, {"text": "one"}],
            PORT: [{"name": "a", "counters": {"packets": 7}}],
        }
        registry = Registry(schema())
        for path in self.answers:
            registry.state(path, lambda query, path=path: self.answer(path, query))
        self.collector = StateCollector(schema(), registry)

    def answer(self, path, query):
        assert path not in self.asked, "asked twice"
        self.asked[path] = query
        return self.answers[path]

    def collect(self, *selections):
        return json_codec.encode(self.collector.collect(selections))


@pytest.fixture
def sources():
    return Sources()


def wanted(path, *matches, below=(), everything=False):
    """A selection of the node at `path`, with those of its ancestors around it. Matches are (leaf, text)."""
    node = schema().find(path)
    found = tuple((node.child(leaf), text) for leaf, text in matches)
    selection = Selection(node, found, tuple(Selection(node.child(name)) for name in below), everything)
    while node.data_parent.data_parent is not None:
        node = node.data_parent
        selection = Selection(node, children=(selection,))
    return selection


def test_without_a_filter_all_are_asked_for_everything(sources):
    assert json_codec.encode(sources.collector.collect(None)) == {
        "test-device:device": {"port": [{"name": "a", "counters": {"packets": 7}}]},
        "test-device:health": {
            "power": {"volts": 12, "watts": 30},
            "fan": FANS,
            "event": [{"text": "one"}, {"text": "one"}],
        },
    }
    assert sources.asked == dict.fromkeys(sources.answers, StateQuery())


def test_only_who_can_match_is_asked(sources):
    assert sources.collect(wanted(f"{HEALTH}/power/volts")) == {
        "test-device:health": {"power": {"volts": 12, "watts": 30}}
    }
    assert sources.asked == {f"{HEALTH}/power": StateQuery(children=frozenset({"volts"}))}


def test_nobody_is_asked_for_configuration_alone(sources):
    assert sources.collect(wanted("/test-device:device/mode"), wanted("/test-device:device/tag")) == {}
    assert sources.asked == {}


@pytest.mark.parametrize("selection", [wanted(HEALTH), wanted(HEALTH, below=["power"], everything=True)])
def test_a_whole_subtree_asks_all_below_for_everything(sources, selection):
    sources.collect(selection)
    assert sources.asked == dict.fromkeys((path for path in sources.answers if path.startswith(HEALTH)), StateQuery())


def test_keys_that_a_filter_names_are_passed_on(sources):
    sources.collect(wanted(f"{HEALTH}/fan", ("row", "1"), ("column", "2"), below=["speed"]))
    assert sources.asked == {
        f"{HEALTH}/fan": StateQuery(keys={"row": "1", "column": "2"}, children=frozenset({"speed"}))
    }


def test_who_has_much_below_can_ask_what_is_wanted_there(sources):
    sources.collect(wanted(f"{PORT}/counters", below=["packets"]))
    query = sources.asked[PORT]
    assert query.below("name") is None
    assert query.below("counters").children == {"packets"}
    assert query.below("counters", "packets") == StateQuery()
    assert query.below("counters", "errors") is None
    assert StateQuery().below("counters", "packets") == StateQuery()


def test_other_matches_are_not(sources):
    sources.collect(wanted(f"{HEALTH}/fan", ("row", "1"), ("speed", "900"), below=["speed"]))
    assert sources.asked[f"{HEALTH}/fan"].keys == {"row": "1"}


def test_of_several_entries_only_the_keys_that_they_share(sources):
    sources.collect(
        wanted(f"{HEALTH}/fan", ("row", "1"), ("column", "2"), below=["row"]),
        wanted(f"{HEALTH}/fan", ("row", "2"), ("column", "2"), below=["speed"]),
    )
    query = sources.asked[f"{HEALTH}/fan"]
    assert query == StateQuery(keys={"column": "2"}, children=frozenset({"row", "speed"}))
    assert query.wants("speed")
    assert not query.wants("column")


def test_one_that_wants_all_entries_wins(sources):
    sources.collect(
        wanted(f"{HEALTH}/fan", ("row", "1"), ("column", "2"), below=["row"]), wanted(f"{HEALTH}/fan", below=["speed"])
    )
    assert sources.asked[f"{HEALTH}/fan"].keys == {}


def test_one_that_wants_whole_entries_wins(sources):
    sources.collect(wanted(f"{HEALTH}/fan", below=["row"]), wanted(f"{HEALTH}/fan", ("row", "1")))
    assert sources.asked[f"{HEALTH}/fan"] == StateQuery()


def test_state_inside_a_configuration_list_is_supplied_at_the_list(sources):
    found = sources.collect(wanted(f"{PORT}/counters/packets"))
    assert found == {"test-device:device": {"port": [{"name": "a", "counters": {"packets": 7}}]}}
    assert sources.asked == {PORT: StateQuery(children=frozenset({"counters"}))}


@pytest.mark.parametrize("answer", [None, {}])
def test_a_container_that_is_not_there(sources, answer):
    sources.answers[f"{HEALTH}/power"] = answer
    assert sources.collect(wanted(f"{HEALTH}/power")) == {}


def test_a_list_may_come_one_by_one(sources):
    sources.answers[f"{HEALTH}/fan"] = (fan for fan in FANS)
    assert sources.collect(wanted(f"{HEALTH}/fan")) == {"test-device:health": {"fan": FANS}}


def test_what_a_provider_raises_passes_through(sources):
    sources.answers[f"{HEALTH}/fan"] = (1 // 0 for _ in FANS)
    with pytest.raises(ZeroDivisionError):
        sources.collect(wanted(f"{HEALTH}/fan"))
