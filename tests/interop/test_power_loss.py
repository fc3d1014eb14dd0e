"""SIGKILL at random instants during commits and key generation: what was acknowledged is there, and nothing is half."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest
from ncclient import manager
from ncclient.transport.errors import TransportError

from examples import journey
from tests.agent_process import ADMIN, AgentProcess

SYSTEM = "urn:ietf:params:xml:ns:yang:ietf-system"
TRUSTPOINTS = "urn:trustconf:yang:trustconf-trustpoints"
#: A commit changes two modules at once; after a restart both must tell of the same commit.
COMMIT = (
    f'<system xmlns="{SYSTEM}"><contact>commit {{n}}</contact></system>'
    f'<trustpoints xmlns="{TRUSTPOINTS}"><trustpoint><name>t</name><description>commit {{n}}</description>'
    "</trustpoint></trustpoints>"
)


class Work:
    """What clients were told is done: the number of the last commit, and the keys."""

    def __init__(self) -> None:
        self.committed = 0
        self.attempted = 0
        self.keys: set[str] = set()
        #: The key of the operation that may have been under way.
        self.unsure = ""

    def commit_until_the_end(self, m: manager.Manager) -> None:
        try:
            while True:
                self.attempted += 1
                journey.edit_candidate(m, COMMIT.format(n=self.attempted))
                m.commit()
                self.committed = self.attempted
        except (TransportError, OSError, EOFError):
            return

    def generate_until_the_end(self, m: manager.Manager, prefix: str) -> None:
        number = 0
        try:
            while True:
                number += 1
                label = f"{prefix}-{number}"
                self.unsure = label
                journey.generate_key(m, "ed25519", label)
                self.keys.add(label)
                if number % 3 == 0:
                    journey.zeroize_key(m, "ed25519", label)
                    self.keys.discard(label)
        except (TransportError, OSError, EOFError):
            return


def shown_keys(m: manager.Manager) -> set[str]:
    reply = m.get(("subtree", f'<keys xmlns="{journey.NS["tck"]}"/>'))
    labels = set()
    for pair in reply.data_ele.iterfind(".//tck:key-pair", journey.NS):
        # A key that is there is there whole.
        assert pair.findtext("tck:public-key", namespaces=journey.NS)
        labels.add(pair.findtext("tck:label", namespaces=journey.NS))
    return labels


def shown_commit(m: manager.Manager) -> int:
    data = m.get_config("running").data_ele
    contact = data.findtext(f".//{{{SYSTEM}}}contact") or "commit 0"
    description = data.findtext(f".//{{{TRUSTPOINTS}}}description") or "commit 0"
    assert contact == description, "half of a commit"
    return int(contact.split()[1])


def kill_and_check(tmp_path: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    agent = AgentProcess(tmp_path / "state").start()
    try:
        work = Work()
        for number in range(rounds):
            commits = journey.connect("127.0.0.1", agent.port, ADMIN, agent.key_file)
            keys = journey.connect("127.0.0.1", agent.port, ADMIN, agent.key_file)
            threads = [
                threading.Thread(target=work.commit_until_the_end, args=(commits,)),
                threading.Thread(target=work.generate_until_the_end, args=(keys, f"round{number}")),
            ]
            for thread in threads:
                thread.start()
            time.sleep(chance.uniform(0.05, 0.6))  # the instant of the power loss
            agent.kill()
            for thread in threads:
                thread.join(timeout=30)
                assert not thread.is_alive()
            agent.start()
            with agent.connect() as m:
                commit = shown_commit(m)
                assert work.committed <= commit <= work.attempted
                labels = shown_keys(m)
                # One key operation may have been under way, unacknowledged; all others hold.
                assert work.keys - {work.unsure} <= labels
                assert labels - {work.unsure} <= work.keys
                work.keys = labels
                work.committed = work.attempted = commit
    finally:
        agent.kill()


@pytest.mark.timeout(300)
def test_sigkill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    kill_and_check(tmp_path, rounds=8, seed=20)


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
def test_sigkill_200_times(tmp_path: Path) -> None:
    kill_and_check(tmp_path, rounds=200, seed=200)
