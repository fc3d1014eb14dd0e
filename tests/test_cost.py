"""What one change and one answer cost does not depend on how much is configured beside them."""

import sqlite3

import pytest

from agent.clock import SystemClock
from agent.core import Core
from agent.storage.state_folder import StateFolder
from tests.cost import count_steps
from tests.netconf.rig import Client, edit, get_config, subtree

FEW, MANY = 10, 10_000
NAMESPACE = "urn:trustconf:yang:trustconf-trustpoints"
#: Steps that hash orders and the digits of numbers may add.
SLACK = 1.05
PAGE = 4096


def trustpoints(content):
    return f'<trustpoints xmlns="{NAMESPACE}">{content}</trustpoints>'


def described(name, text):
    return trustpoints(f"<trustpoint><name>{name}</name><description>{text}</description></trustpoint>")


def xpath(expression):
    return f'<filter type="xpath" xmlns:t="{NAMESPACE}" select="{expression}"/>'


class Agent:
    """A whole agent but its transports, with `count` trustpoints."""

    def __init__(self, folder, count):
        state = StateFolder(folder)
        self._lock = state.lock()
        self._lock.__enter__()
        self.core = Core.open(state, SystemClock())
        self.client = Client(self.core.server)
        self.client.hello(1)
        entries = (
            f"<trustpoint><name>t{number:05}</name><description>one of many</description>"
            f"<keypair><label>k{number:05}</label></keypair></trustpoint>"
            for number in range(count)
        )
        self.client.ok(edit(trustpoints("".join(entries))))
        self.client.ok("<commit/>")

    def close(self):
        self.core.close()
        self._lock.__exit__(None, None, None)

    def commit_one_leaf(self, text):
        self.client.ok(edit(described("t00005", text)))
        self.client.ok("<validate><source><candidate/></source></validate>")
        self.client.ok("<commit/>")

    def cost(self, action):
        """Steps of `action(round)` once everything that is remembered has been."""
        for number in range(2):
            action(number)
        return count_steps(lambda: action(2))

    def log_bytes(self, action):
        """What SQLite writes for `action`."""
        connection = sqlite3.connect(self.core.folder.database)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
        log = self.core.folder.database.with_name(self.core.folder.database.name + "-wal")
        assert log.stat().st_size == 0
        action()
        return log.stat().st_size


@pytest.fixture(scope="module")
def agents(tmp_path_factory):
    pair = [Agent(tmp_path_factory.mktemp("state") / str(count), count) for count in (FEW, MANY)]
    yield pair
    for agent in pair:
        agent.close()


def test_steps_are_counted():
    few, many = (count_steps(lambda count=count: [number + 1 for number in range(count)]) for count in (100, 1000))
    assert 9 * few < many < 10 * few


def test_a_commit_of_one_leaf_is_the_same_work(agents):
    few, many = (agent.cost(lambda number, agent=agent: agent.commit_one_leaf(f"round {number}")) for agent in agents)
    assert many <= few * SLACK


def test_an_edit_of_running_is_the_same_work(agents):
    few, many = (
        agent.cost(lambda number, agent=agent: agent.client.ok(edit(described("t00005", f"now {number}"), "running")))
        for agent in agents
    )
    assert many <= few * SLACK


def test_a_new_entry_and_its_deletion_are_the_same_work(agents):
    def come_and_go(client):
        client.ok(edit(described("new", "x"), "running"))
        gone = '<trustpoint nc:operation="delete"><name>new</name></trustpoint>'
        client.ok(edit(trustpoints(gone), "running"))

    few, many = (agent.cost(lambda _, agent=agent: come_and_go(agent.client)) for agent in agents)
    assert many <= few * SLACK


def test_a_commit_of_one_leaf_writes_the_same_few_pages(agents):
    few, many = (agent.log_bytes(lambda agent=agent: agent.commit_one_leaf("written")) for agent in agents)
    assert 0 < few < 8 * PAGE
    assert abs(many - few) < 3 * PAGE


@pytest.mark.parametrize(
    "operation",
    [lambda inside: get_config(inside=inside), lambda inside: f"<get>{inside}</get>"],
    ids=["config", "all"],
)
@pytest.mark.parametrize(
    "wanted",
    [
        subtree(trustpoints("<trustpoint><name>t00007</name></trustpoint>")),
        subtree(trustpoints("<trustpoint><name>t00007</name><keypair/></trustpoint>")),
        xpath("/t:trustpoints/t:trustpoint[t:name='t00007']"),
        xpath("/t:trustpoints/t:trustpoint[t:name='t00007']/t:keypair/t:label"),
    ],
)
def test_one_entry_is_found_with_the_same_work(agents, operation, wanted):
    few, many = (agent.cost(lambda _, agent=agent: agent.client.data(operation(wanted))) for agent in agents)
    assert many <= few * SLACK


def test_what_was_read_before_and_has_not_changed_is_not_written_anew(agents):
    _, many = agents
    first = count_steps(lambda: many.client.rpc(get_config()))
    many.commit_one_leaf("after the first reading")
    again = count_steps(lambda: many.client.rpc(get_config()))
    assert again < first / 3
