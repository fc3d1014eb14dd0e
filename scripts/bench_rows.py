"""What scripts/bench measures, row by row. Times are milliseconds unless a row says otherwise.

The list is that of trustpoints: about 210 bytes of XML an entry, rules to check in each, a provider behind it.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lxml import etree

from agent.caller import Caller
from agent.clock import SystemClock
from agent.core import Core
from agent.daemon import OBJECTS_PER_COLLECTION
from agent.storage.state_folder import StateFolder
from scripts.bench_client import RawClient, rate, rpc, sessions
from scripts.bench_enrollment import many_enrollments, one_enrollment
from scripts.bench_inventory import inventory
from scripts.bench_packages import beside_package_managers
from scripts.bench_table import InProcess, Table, timed
from tests.agent_process import AgentProcess

SMALL, LARGE = 10, 10_000
NAMESPACE = "urn:trustconf:yang:trustconf-trustpoints"
MEBIBYTE = 1024 * 1024
COMMIT = rpc("<commit/>")
VALIDATE = rpc("<validate><source><candidate/></source></validate>")
SMALL_FILTER = (
    '<filter type="subtree"><system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><hostname/></system></filter>'
)


def entry(number: int, description: str) -> str:
    return (
        f"<trustpoint><name>trustpoint-{number}</name><description>{description}</description>"
        f"<keypair><label>key-{number}</label></keypair>"
        f"<subject-name>CN=device-{number}</subject-name></trustpoint>"
    )


def trustpoints(content: str) -> str:
    return f'<trustpoints xmlns="{NAMESPACE}">{content}</trustpoints>'


def edit(content: str) -> str:
    return f"<edit-config><target><candidate/></target><config>{trustpoints(content)}</config></edit-config>"


def filling(count: int) -> str:
    return edit("".join(entry(number, "one of many") for number in range(count)))


def one_leaf(round_number: int) -> str:
    return edit(f"<trustpoint><name>trustpoint-5</name><description>round {round_number}</description></trustpoint>")


def get_config(inside: str = "") -> str:
    return f"<get-config><source><running/></source>{inside}</get-config>"


def by_subtree(number: int) -> str:
    return (
        f'<filter type="subtree">{trustpoints(f"<trustpoint><name>trustpoint-{number}</name></trustpoint>")}</filter>'
    )


def by_xpath(number: int) -> str:
    return (
        f'<filter type="xpath" xmlns:t="{NAMESPACE}"'
        f" select=\"/t:trustpoints/t:trustpoint[t:name='trustpoint-{number}']\"/>"
    )


def engine(table: Table, folder: Path, repeat: int) -> None:
    for count in (SMALL, LARGE):
        state = StateFolder(folder / f"engine-{count}")
        with state.lock(), Core.open(state, SystemClock()) as core:
            client = InProcess(core)
            client.ask(rpc(filling(count)))
            client.ask(COMMIT)
            table.times(f"engine: edit + validate + commit of one leaf, {count:,} entries", _edits(client, repeat))
            if count == LARGE:
                _filters(table, core, client, repeat)


def _asking(
    client: InProcess | RawClient, requests: Sequence[bytes], clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    return timed(len(requests), lambda number: client.ask(requests[number]), clock)


def _edits(client: InProcess | RawClient, repeat: int) -> list[float]:
    requests = [rpc(one_leaf(number)) for number in range(repeat)]

    def change(number: int) -> None:
        client.ask(requests[number])
        client.ask(VALIDATE)
        client.ask(COMMIT)

    return timed(repeat, change)


def _filters(table: Table, core: Core, client: InProcess, repeat: int) -> None:
    for kind, make in (("subtree", by_subtree), ("XPath", by_xpath)):
        for name, wrap in (("get-config", get_config), ("get", lambda inside: f"<get>{inside}</get>")):
            # Another entry each time, so that nothing can be remembered.
            requests = [rpc(wrap(make(number * 7 % LARGE))) for number in range(repeat)]
            seconds = _asking(client, requests, time.thread_time)
            table.times(f"engine: {name} of one entry of {LARGE:,} by {kind}, CPU", seconds)
    everything = rpc(get_config())
    first = timed(1, lambda _: client.ask(everything), time.thread_time)
    table.times(f"engine: get-config of all {LARGE:,} entries for the first time, CPU", first)
    again = timed(10, lambda _: client.ask(everything), time.thread_time)
    table.times(f"engine: get-config of all {LARGE:,} entries again, CPU", again)
    document = etree.fromstring(f"<config>{trustpoints(''.join(entry(n, 'other') for n in range(LARGE)))}</config>")
    caller = Caller("bench")
    table.times(
        f"engine: edit-config of {LARGE:,} entries, CPU",
        timed(3, lambda _: core.datastores.edit("candidate", document, caller=caller), time.thread_time),
    )


def start(table: Table, agent: AgentProcess, name: str, repeat: int = 1) -> None:
    def restart(_: int) -> None:
        agent.restart()

    table.times(f"start until ready, {name}", timed(repeat, restart))


def memory(table: Table, agent: AgentProcess, name: str) -> None:
    assert agent.process is not None
    status = Path(f"/proc/{agent.process.pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    table.value(f"memory {name}", int(resident.split()[1]) / 1024, "MiB")


def through_ssh(table: Table, folder: Path, repeat: int) -> None:
    agent = AgentProcess(folder / "state")
    try:
        table.times("start until ready, first (makes host keys)", timed(1, lambda _: agent.start()))
        start(table, agent, "second", 3)
        memory(table, agent, "after the start")
        _sessions_and_rates(table, agent, repeat)
        for count in (SMALL, LARGE):
            _list_of(table, agent, count, repeat)
        memory(table, agent, f"with {LARGE:,} entries")
        start(table, agent, f"with {LARGE:,} entries")
        table.times("end after SIGTERM", timed(1, lambda _: agent.stop()))
    finally:
        agent.kill()


def _sessions_and_rates(table: Table, agent: AgentProcess, repeat: int) -> None:
    def connect(_: int) -> None:
        RawClient(agent).close()

    table.times("session from TCP to the hello, with the OpenSSH client", timed(min(repeat, 40), connect))
    small = rpc(get_config(SMALL_FILTER))
    total = 20 * repeat
    with sessions(agent, 1) as (client,):
        table.times("get-config of one leaf", timed(repeat, lambda _: client.ask(small)))
        table.value("get-config of one leaf, 1 session", rate([client], small, total), "requests/s")
        table.value("get-config of one leaf, pipelined", rate([client], small, total, in_flight=32), "requests/s")
    for count in (8, 50):
        with sessions(agent, count) as clients:
            table.value(f"get-config of one leaf, {count} sessions", rate(clients, small, total), "requests/s")


def _list_of(table: Table, agent: AgentProcess, count: int, repeat: int) -> None:
    with sessions(agent, 1) as (client,):
        client.ask(rpc(filling(count)))
        client.ask(COMMIT)
        table.times(f"edit + validate + commit of one leaf, {count:,} entries", _edits(client, repeat))
        if count == LARGE:
            for kind, make in (("subtree", by_subtree), ("XPath", by_xpath)):
                requests = [rpc(get_config(make(number * 7 % LARGE))) for number in range(repeat)]
                table.times(f"get-config of one entry of {LARGE:,} by {kind}", _asking(client, requests))
            everything = rpc(get_config())
            size = len(client.ask(everything))
            seconds = timed(5, lambda _: client.ask(everything))
            table.value(f"get-config of all {LARGE:,} entries", size / 1e6 / statistics.median(seconds), "MB/s")


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures the agent.")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    repeat = 30 if parser.parse_args().quick else 300
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        engine(table, Path(folder), repeat)
        through_ssh(table, Path(folder), repeat)
        one_enrollment(table, Path(folder), repeat)
        many_enrollments(table, Path(folder))
        beside_package_managers(table, Path(folder))
        inventory(table, Path(folder))


if __name__ == "__main__":
    main()
