"""What enrolling with SCEP costs: the CPU of one enrollment, and what a NETCONF client notices of many at once.

The certification authority is a process of its own (tests/peers), so that its work is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.clock import SystemClock
from agent.core import Core
from agent.storage.state_folder import StateFolder
from scripts.bench_client import RawClient, rpc, sessions
from scripts.bench_table import InProcess, Table, timed
from tests.agent_process import AgentProcess
from tests.peers.scep_responder import scep_responder_process

TCT = "urn:trustconf:yang:trustconf-trustpoints"
TCK = "urn:trustconf:yang:trustconf-keys"
MANY = 500
SMALL = rpc(
    '<get><filter type="subtree"><system-state xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><platform/>'
    "</system-state></filter></get>"
)
GENERATE = rpc(f'<generate-key-pair xmlns="{TCK}"><type>rsa</type><label>bench</label></generate-key-pair>')


def _config(url: str, count: int) -> bytes:
    trustpoints = "".join(
        f"<trustpoint><name>tp-{number}</name><enrollment><url>{url}</url></enrollment>"
        f"<keypair><label>bench</label></keypair><subject-name>CN=router-{number}</subject-name>"
        "<skip-challenge-password>true</skip-challenge-password></trustpoint>"
        for number in range(count)
    )
    config = f'<config><trustpoints xmlns="{TCT}">{trustpoints}</trustpoints></config>'
    return rpc(f"<edit-config><target><candidate/></target>{config}</edit-config>")


def _authenticate(number: int, fingerprint: str) -> bytes:
    leaves = f"<trustpoint>tp-{number}</trustpoint><fingerprint>{fingerprint}</fingerprint>"
    return rpc(f'<authenticate xmlns="{TCT}">{leaves}</authenticate>')


def _enroll(number: int) -> bytes:
    return rpc(f'<enroll xmlns="{TCT}"><trustpoint>tp-{number}</trustpoint></enroll>')


@contextmanager
def _authority(*options: str) -> Iterator[tuple[str, str]]:
    """The url of a certification authority, and its fingerprint."""
    with scep_responder_process(*options) as (url, *said):
        yield url, next(line.split()[1] for line in said if line.startswith("sha256 "))


def _prepare(client: InProcess | RawClient, url: str, fingerprint: str, count: int) -> None:
    client.ask(GENERATE)
    client.ask(_config(url, count))
    client.ask(rpc("<commit/>"))
    for number in range(count):
        client.ask(_authenticate(number, fingerprint))


def one_enrollment(table: Table, folder: Path, repeat: int) -> None:
    """CPU of the whole process for each enrollment, one after the other."""
    state = StateFolder(folder / "enrollment")
    with _authority() as (url, fingerprint), state.lock(), Core.open(state, SystemClock()) as core:
        core.start()
        client = InProcess(core)
        _prepare(client, url, fingerprint, repeat)
        requests = [_enroll(number) for number in range(repeat)]

        def enroll(number: int) -> None:
            reply = client.ask(requests[number])
            assert b">granted<" in reply, reply.decode()

        table.times("enrollment with SCEP, CPU of the agent", timed(repeat, enroll, time.process_time))


def many_enrollments(table: Table, folder: Path) -> None:
    """The time of a small get while MANY trustpoints are polled at once."""
    agent = AgentProcess(folder / "many", on_a_clock=True).start()
    try:
        with _authority("--pending", "1") as (url, fingerprint), sessions(agent, 2) as (client, other):
            _prepare(client, url, fingerprint, MANY)
            for number in range(MANY):
                client.ask(_enroll(number))
            table.times("get of a few leaves, nothing else to do", timed(200, lambda _: other.ask(SMALL)))
            begin = time.perf_counter()
            agent.advance(minutes=2)
            seconds: list[float] = []
            while _pending(client):
                seconds += timed(200, lambda _: other.ask(SMALL))
            table.value(f"{MANY} trustpoints enrolled at once", time.perf_counter() - begin, "seconds")
            table.times("get of a few leaves meanwhile", seconds)
    finally:
        agent.kill()


def _pending(client: RawClient) -> bool:
    states = (
        f'<get><filter type="subtree"><trustpoints xmlns="{TCT}"><trustpoint><enrollment-state/></trustpoint>'
        "</trustpoints></filter></get>"
    )
    return b">pending<" in client.ask(rpc(states))
