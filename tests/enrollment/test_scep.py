"""Enrolling with SCEP at the front door: NETCONF to the agent, HTTP from it to a certification authority."""

from __future__ import annotations

from tests.enrollment.operator import Operator
from tests.peers.scep_responder import fingerprint


def test_the_whole_way_with_a_fingerprint(operator: Operator, scep_responder):
    responder = scep_responder(challenge="secret")
    operator.generate("first")
    operator.configure("first", responder.url, "first", extra="<subject-name>CN=router1,O=example</subject-name>")
    assert operator.state("first") == "not-authenticated"

    outcome = operator.call("authenticate", trustpoint="first", fingerprint=fingerprint(responder.ca.root))
    assert outcome["enrollment-state"] == "authenticated"

    outcome = operator.call("enroll", trustpoint="first", challenge_password="secret")
    assert outcome["enrollment-state"] == "granted"
    assert "CN=router1" in operator.certificates("first")["router"]["subject"]


def test_polling_goes_on_after_a_restart(timed_operator: Operator, scep_responder):
    operator, agent = timed_operator, timed_operator.agent
    responder = scep_responder(pending=2)
    operator.generate("slow")
    operator.configure("slow", responder.url, "slow", extra="<skip-challenge-password>true</skip-challenge-password>")
    operator.call("authenticate", trustpoint="slow", fingerprint=fingerprint(responder.ca.root))
    assert operator.call("enroll", trustpoint="slow")["enrollment-state"] == "pending"

    agent.restart()
    agent.advance(minutes=1)
    operator.wait_for_attempt("slow", 1)
    agent.advance(minutes=1)
    trustpoint = operator.wait_for("slow", "granted")
    assert "last-error" not in trustpoint
