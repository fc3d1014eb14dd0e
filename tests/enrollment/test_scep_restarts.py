"""Enrollments that outlive the process: after a restart, after a kill, after many kills at any instant."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ncclient import NCClientError
from ncclient.operations import RPCError

from tests.agent_process import AgentProcess
from tests.enrollment.operator import Operator, Record
from tests.enrollment.scep import NON_RSA, SKIP_CHALLENGE, authenticated, enrolled, loaded, retry
from tests.peers.fault_proxy import HttpFault
from tests.peers.scep_responder import ScepResponder
from tests.peers.scep_rules import FOREVER

CHALLENGE = "correct-horse-battery-staple"
KEYS = ("rsa", "ecdsa-nistp256", "ed25519")


def killed(agent: AgentProcess) -> None:
    agent.kill()
    agent.start()


def test_polling_goes_on_after_a_restart_and_a_kill(timed_operator: Operator, scep_responder):
    """With keys of every kind: those that SCEP can't sign with have a temporary one, which must outlive it too."""
    operator, agent = timed_operator, timed_operator.agent
    responder = scep_responder(challenge=CHALLENGE, pending=FOREVER)
    for kind in KEYS:
        authenticated(operator, kind, responder, type=kind, extra="", enrollment=NON_RSA)
        outcome = operator.call("enroll", trustpoint=kind, challenge_password=CHALLENGE)
        assert outcome["enrollment-state"] == "pending"

    agent.restart()
    agent.advance(minutes=1)
    for kind in KEYS:
        assert operator.wait_for_attempt(kind, 1)["enrollment-state"] == "pending"
    killed(agent)
    responder.ca.approve()
    agent.advance(minutes=2)
    for kind in KEYS:
        assert "last-error" not in operator.wait_for(kind, "granted")
        own = loaded(operator.certificates(kind)["router"])
        own.verify_directly_issued_by(responder.ca.issuer.certificate)
    assert len({request.transaction_id for request in responder.ca.requests}) == len(KEYS)
    operator.call("enroll", trustpoint="rsa")


def test_a_request_that_nobody_got_is_sent_again(timed_operator: Operator, scep_responder, fault_proxy):
    operator, agent = timed_operator, timed_operator.agent
    responder = scep_responder()
    proxy = fault_proxy(responder.url)
    for name, extra in (("skips", SKIP_CHALLENGE), ("has", "")):
        authenticated(operator, name, responder, url=proxy.url, extra=extra)
    proxy.break_with(HttpFault.ERROR_500)
    assert operator.call("enroll", trustpoint="skips")["enrollment-state"] == "requesting"
    operator.call("enroll", trustpoint="has", challenge_password=CHALLENGE)
    assert responder.ca.requests == []
    killed(agent)
    proxy.mend()
    agent.advance(minutes=2)
    # One is sent as it was. The other one's password is gone, and it can only be polled for.
    operator.wait_for("skips", "granted")
    refused = operator.wait_for("has", "rejected")["last-error"]
    assert "challenge passwords are not stored: enroll again" in refused
    operator.call("enroll", trustpoint="has", challenge_password=CHALLENGE)
    assert operator.state("has") == "granted"


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[AgentProcess]:
    agent = AgentProcess(tmp_path / "state", on_a_clock=True).start()
    yield agent
    agent.kill()


class Work:
    """Somebody who enrolls with and without new key pairs while time goes by, until the power is lost."""

    def __init__(self, agent: AgentProcess) -> None:
        self._agent = agent
        self._thread = threading.Thread(target=self._work)
        self._begun = threading.Event()

    def start(self) -> None:
        """Returns when the work has begun."""
        self._thread.start()
        assert self._begun.wait(30)

    def join(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _work(self) -> None:
        regenerate = True
        operator = Operator(self._agent)
        operator.trustpoint("victim")
        self._begun.set()
        with contextlib.suppress(NCClientError, OSError, EOFError, AssertionError):
            while True:
                try:
                    operator.call("enroll", trustpoint="victim", regenerate_key_pair=regenerate)
                    regenerate = not regenerate
                except RPCError as error:
                    if error.tag != "in-use":
                        raise
                self._agent.advance(minutes=1)


def is_granted_or_later(operator: Operator, trustpoint: Record) -> bool:
    """Whether it has come to its end, and let time go by if not: after a kill the agent's time is that of the machine
    again, and the next poll may be planned for later."""
    if trustpoint["enrollment-state"] != "granted":
        operator.agent.advance(minutes=10)
        return False
    return True


def check(operator: Operator, responder: ScepResponder) -> None:
    """Old or new, certificate and key belong together; then the enrollment comes to its end."""
    trustpoint = operator.trustpoint("victim")
    assert trustpoint["enrollment-state"] in ("requesting", "pending", "granted"), trustpoint.get("last-error")
    assert [one["role"] for one in trustpoint["certificate"]] == ["ca", "router"]
    own = loaded(trustpoint["certificate"][1])
    assert own.serial_number in responder.ca.issued
    # It is exported only with its key.
    operator.call("export-pkcs12", trustpoint="victim", password="export-me")
    is_under_way = "request" in trustpoint
    assert is_under_way == (trustpoint["enrollment-state"] != "granted")
    if is_under_way:
        operator.wait_until("victim", lambda found: is_granted_or_later(operator, found))
        operator.call("export-pkcs12", trustpoint="victim", password="export-me")
    assert operator.call("restore-certificates", trustpoint="victim")["enrollment-state"] == "granted"
    operator.call("export-pkcs12", trustpoint="victim", password="export-me")


def kill_and_check(agent: AgentProcess, responder: ScepResponder, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    operator = Operator(agent)
    enrolled(operator, "victim", responder, enrollment=retry(100))
    # So that there always is a previous one.
    operator.call("enroll", trustpoint="victim")
    responder.rules.pending = 1
    for _ in range(rounds):
        work = Work(agent)
        work.start()
        time.sleep(chance.uniform(0, 0.5))  # the instant of the power loss
        agent.kill()
        work.join()
        agent.start()
        check(operator, responder)
    operator.close()


def test_power_is_lost_while_enrolling(victim: AgentProcess, scep_responder):
    kill_and_check(victim, scep_responder(), rounds=5, seed=5)


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
def test_power_is_lost_200_times(victim: AgentProcess, scep_responder):
    kill_and_check(victim, scep_responder(), rounds=200, seed=200)
