"""The proxy breaks what it is told to break, and our client has its error for each."""

from __future__ import annotations

import threading

import pytest

from agent.clock import SystemClock
from agent.pki.scep import errors
from agent.pki.scep.grants import Granted
from tests.peers.fault_proxy import HttpFault
from tests.pki.scep.applicant import Applicant, OneShot

#: Seconds that the client waits; nothing is said about how long it took.
PATIENCE = 0.5

#: The error of a POST, and of GetCACert; None: it succeeds.
EXPECTED = {
    HttpFault.NO_ANSWER: (errors.CaUnreachableError, errors.CaUnreachableError),
    HttpFault.CUT: (errors.CaUnreachableError, errors.CaUnreachableError),
    HttpFault.TRUNCATED: (errors.MalformedMessageError, errors.MalformedMessageError),
    HttpFault.DRIP: (errors.CaTimeoutError, errors.CaTimeoutError),
    HttpFault.STALL: (errors.CaTimeoutError, errors.CaTimeoutError),
    HttpFault.HOLD: (errors.CaTimeoutError, errors.CaTimeoutError),
    HttpFault.OVERSIZED: (errors.AnswerTooLargeError, errors.AnswerTooLargeError),
    HttpFault.ENDLESS: (errors.AnswerTooLargeError, errors.AnswerTooLargeError),
    HttpFault.REPLAY: (errors.WrongTransactionError, None),
    HttpFault.ERROR_404: (errors.HttpStatusError, errors.HttpStatusError),
    HttpFault.ERROR_500: (errors.HttpStatusError, errors.HttpStatusError),
    HttpFault.REDIRECT: (errors.RedirectRefusedError, None),
    HttpFault.REDIRECT_LOOP: (errors.RedirectRefusedError, errors.RedirectRefusedError),
    HttpFault.REDIRECT_TO_FILE: (errors.RedirectRefusedError, errors.RedirectRefusedError),
    HttpFault.NOISE: (errors.CaUnreachableError, errors.CaUnreachableError),
}


def applicant(proxy, timeout=20):
    return Applicant(OneShot(timeout), url=proxy.url, clock=SystemClock())


@pytest.mark.parametrize("fault", HttpFault)
def test_faults(scep_responder, fault_proxy, fault):
    proxy = fault_proxy(scep_responder().url)
    device = applicant(proxy)
    device.enroll()
    device.client._transport.timeout = PATIENCE
    of_message, of_certificates = EXPECTED[fault]
    proxy.break_with(fault, when="PKIOperation")
    with pytest.raises(of_message):
        device.enroll()
    proxy.mend()
    proxy.break_with(fault, when="GetCACert")
    if of_certificates is None:
        assert applicant(proxy).ca == device.ca
    else:
        with pytest.raises(of_certificates):
            applicant(proxy, PATIENCE)
    assert set(proxy.broken) == {fault}
    proxy.mend()
    assert isinstance(applicant(proxy).enroll(), Granted)


def test_a_fault_ends_by_itself(scep_responder, fault_proxy):
    proxy = fault_proxy(scep_responder().url)
    device = applicant(proxy)
    proxy.break_with(HttpFault.ERROR_500, times=2)
    for _ in range(2):
        with pytest.raises(errors.HttpStatusError):
            device.enroll()
    assert isinstance(device.enroll(), Granted)


def test_an_answer_is_held_until_it_is_released(scep_responder, fault_proxy):
    proxy = fault_proxy(scep_responder().url)
    device = applicant(proxy)
    proxy.break_with(HttpFault.HOLD, when="PKIOperation")
    outcomes = []
    waiting = threading.Thread(target=lambda: outcomes.append(device.enroll()))
    waiting.start()
    proxy.wait_for_fault()
    assert outcomes == []
    proxy.release()
    waiting.join(20)
    assert isinstance(outcomes[0], Granted)


def test_the_server_is_gone(scep_responder, fault_proxy):
    responder = scep_responder()
    proxy = fault_proxy(responder.url)
    device = applicant(proxy)
    responder.close()
    with pytest.raises(errors.HttpStatusError) as caught:
        device.enroll()
    assert caught.value.status == 502


def test_before_the_real_server(scepserver, fault_proxy):
    proxy = fault_proxy(scepserver.url)
    assert applicant(proxy).ca.issuer == scepserver.ca
    assert proxy.passed == 2
