"""Enrolling with a server, whatever may come between a request and its end. The ways that go well, and the protocols,
are tested at the front door (tests/enrollment)."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.pki.enrollment.errors import (
    ChallengeMissingError,
    EnrollmentRejectedError,
    EnrollmentUnderWayError,
    NothingToRestoreError,
)
from agent.pki.errors import KeyChangedError, NotAuthenticatedError
from agent.pki.fingerprints import Fingerprint
from agent.pki.keys import KeyType, KeyUsage
from agent.pki.trustpoint_store import Slot
from agent.storage.errors import StorageUnavailableError
from tests.pki.enrollment.played_ca import KEY, LIMIT, NAME, grant, refuse, vanish, wait

PASSWORD = "open sesame"


def authenticated(enroller, configs, ca, key_store, **options):
    key_store.generate(KEY.type, KEY.label, **({"size": 1024} | options))
    der = ca.root.certificate.public_bytes(Encoding.DER)
    enroller.authenticating.fetch(configs.config, Fingerprint.of(der)).result(LIMIT)


def enroll(enroller, configs, *, regenerate=False):
    return enroller.enrolling.request(configs.config, PASSWORD, regenerate=regenerate).result(LIMIT)


def state(enroller):
    return enroller.context.state(NAME)[0].value


def own(trustpoint_store, slot=Slot.CURRENT):
    return [view for view in trustpoint_store.certificates(NAME, slot) if view.role.value.startswith("router")]


def later(clock, ear, to, *, minutes=1):
    clock.advance(timedelta(minutes=minutes))
    ear.wait_for(to)


def test_what_must_be_there_first(enroller, configs, ca, key_store):
    with pytest.raises(NotAuthenticatedError):
        enroll(enroller, configs)
    authenticated(enroller, configs, ca, key_store)
    with pytest.raises(ChallengeMissingError):
        enroller.enrolling.request(configs.config, "", regenerate=False)
    ca.script = [wait]
    enroll(enroller, configs)
    with pytest.raises(EnrollmentUnderWayError):
        enroll(enroller, configs)


def test_polls_are_counted_and_come_to_an_end(enroller, configs, ca, key_store, clock, ear):
    authenticated(enroller, configs, ca, key_store)
    ca.script = [wait]
    enroll(enroller, configs)
    for number in (1, 2):
        clock.advance(timedelta(minutes=1))
        asked_again(ca, number + 1, enroller, number)
    later(clock, ear, "rejected")
    assert [what for what, _ in ca.asked] == ["ask", "ask again", "ask again", "ask again"]
    assert "asked again 3 times" in enroller.context.records.status(NAME).last_error


def asked_again(ca, times, enroller, attempts):
    """Until the server was asked so many times and the next time is planned."""
    done = threading.Event()
    for _ in range(int(LIMIT / 0.01)):
        enrollment = enroller.context.records.find(NAME)
        if len(ca.asked) == times and enrollment is not None and enrollment.attempts == attempts:
            return
        done.wait(0.01)
    raise AssertionError(ca.asked)


def test_a_request_that_never_arrived_is_sent_again_with_its_password(enroller, configs, ca, key_store, clock, ear):
    authenticated(enroller, configs, ca, key_store)
    ca.script = [vanish, grant]
    enroll(enroller, configs)
    assert state(enroller) == "requesting"
    later(clock, ear, "granted")
    (_, first), (what, second) = ca.asked
    assert what == "ask"
    assert PASSWORD.encode() in second.message
    assert second.record.transaction_id == first.record.transaction_id


def test_after_a_restart_it_asks_without_the_password(restart, enroller, configs, ca, key_store, clock, ear):
    authenticated(enroller, configs, ca, key_store)
    ca.script = [vanish, grant]
    enroll(enroller, configs)
    again = restart()
    again.enrolling.resume()
    later(clock, ear, "granted")
    what, order = ca.asked[-1]
    assert what == "ask again"
    assert PASSWORD.encode() not in order.message


def test_a_certificate_for_a_key_that_was_replaced_meanwhile(enroller, configs, ca, key_store, ear, clock):
    authenticated(enroller, configs, ca, key_store)
    ca.script = [wait, grant]
    enroll(enroller, configs)
    key_store.generate(KEY.type, KEY.label, size=1024)
    later(clock, ear, "rejected")
    assert "another key pair" in enroller.context.records.status(NAME).last_error


def test_an_answer_to_an_enrollment_that_was_cancelled(enroller, configs, ca, key_store, trustpoint_store):
    authenticated(enroller, configs, ca, key_store)
    asking, go_on = threading.Event(), threading.Event()

    def hold():
        asking.set()
        assert go_on.wait(LIMIT)

    ca.before_answering = hold
    future = enroller.enrolling.request(configs.config, PASSWORD, regenerate=False)
    assert asking.wait(LIMIT)
    assert enroller.enrolling.cancel(NAME)
    go_on.set()
    assert future.result(LIMIT) is None
    assert state(enroller) == "authenticated"
    assert not own(trustpoint_store)


def test_the_old_certificate_serves_until_the_new_one_is_there(enroller, configs, ca, key_store, trustpoint_store):
    authenticated(enroller, configs, ca, key_store)
    enroll(enroller, configs)
    before = own(trustpoint_store)
    key = key_store.find(KEY.type, KEY.label)
    ca.script = [refuse]
    with pytest.raises(EnrollmentRejectedError, match="never"):
        enroll(enroller, configs, regenerate=True)
    assert own(trustpoint_store) == before
    assert key_store.find(KEY.type, KEY.label) == key
    assert state(enroller) == "rejected"
    trustpoint_store.signer(NAME)


def test_a_new_key_goes_into_service_with_its_certificate_and_back(enroller, configs, ca, key_store, trustpoint_store):
    authenticated(enroller, configs, ca, key_store)
    enroll(enroller, configs)
    old_key, old = key_store.find(KEY.type, KEY.label), own(trustpoint_store)
    enroll(enroller, configs, regenerate=True)
    new_key, new = key_store.find(KEY.type, KEY.label), own(trustpoint_store)
    assert new_key.public_key_der != old_key.public_key_der
    assert new != old
    for key, certificates in ((old_key, old), (new_key, new)):
        enroller.importing.restore(configs.config)
        assert own(trustpoint_store) == certificates
        assert key_store.find(KEY.type, KEY.label).public_key_der == key.public_key_der
        trustpoint_store.signer(NAME)


def test_a_zeroized_key_does_not_come_back(enroller, configs, ca, key_store, database):
    authenticated(enroller, configs, ca, key_store)
    enroll(enroller, configs)
    enroll(enroller, configs, regenerate=True)
    key_store.zeroize(KEY.type, KEY.label)
    assert not database.query("SELECT 1 FROM kept_key_parts")
    with pytest.raises(NothingToRestoreError):
        enroller.importing.restore(configs.config)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_renewal_is_signed_by_the_old_key_to_its_end(
    restarted, restart, enroller, configs, ca, key_store, clock, ear, trustpoint_store
):
    authenticated(enroller, configs, ca, key_store)
    enroll(enroller, configs)
    [old] = trustpoint_store.stored(NAME)[1:]
    ca.script = [wait, grant]
    enroll(enroller, configs, regenerate=True)
    if restarted:
        restart().enrolling.resume()
    later(clock, ear, "granted")
    _, order = ca.asked[-1]
    assert order.signer.certificate == old.certificate
    assert order.signer.key.public_key() == old.certificate.public_key()


def test_usage_keys_wait_for_each_other(enroller, configs, ca, key_store, clock, ear, trustpoint_store):
    authenticated(enroller, configs, ca, key_store, usage=KeyUsage.USAGE)
    ca.script = [grant, wait, grant]
    enroll(enroller, configs)
    assert state(enroller) == "pending"
    assert not own(trustpoint_store)
    assert len(trustpoint_store.certificates(NAME, Slot.GRANTED)) == 1
    later(clock, ear, "granted")
    assert [view.role.value for view in own(trustpoint_store)] == ["router-signature", "router-encryption"]
    assert len(ca.asked) == 3, "what is granted is not asked for again"


def test_one_refusal_ends_the_enrollment_of_both_usage_keys(enroller, configs, ca, key_store, trustpoint_store):
    authenticated(enroller, configs, ca, key_store, usage=KeyUsage.USAGE)
    ca.script = [grant, refuse]
    with pytest.raises(EnrollmentRejectedError):
        enroll(enroller, configs)
    assert not trustpoint_store.certificates(NAME, Slot.GRANTED)
    assert not own(trustpoint_store)


def test_a_turn_that_breaks_off_is_made_again(enroller, configs, ca, key_store, clock, ear, monkeypatch):
    authenticated(enroller, configs, ca, key_store)
    real = enroller.context.records.find
    broken = iter([False, False, False, True])

    def find(name, transaction=None):
        if next(broken, False):
            raise StorageUnavailableError("disk full")
        return real(name, transaction)

    monkeypatch.setattr(type(enroller.context.records), "find", lambda self, *arguments: find(*arguments))
    with pytest.raises(StorageUnavailableError):
        enroll(enroller, configs)
    later(clock, ear, "granted")


def test_another_key_in_the_configuration_meanwhile(enroller, configs, ca, key_store, clock, ear):
    authenticated(enroller, configs, ca, key_store)
    ca.script = [wait, grant]
    enroll(enroller, configs)
    key_store.generate(KeyType.RSA, "other", size=1024)
    configs.change(keypair=type(KEY)(KeyType.RSA, "other"))
    later(clock, ear, "rejected")


def test_a_trustpoint_that_is_not_configured_any_more(enroller, configs, ca, key_store, clock):
    authenticated(enroller, configs, ca, key_store)
    ca.script = [wait]
    enroll(enroller, configs)
    configs.config = None
    clock.advance(timedelta(minutes=1))
    done = threading.Event()
    for _ in range(int(LIMIT / 0.01)):
        if enroller.context.records.find(NAME) is None:
            break
        done.wait(0.01)
    assert state(enroller) == "unconfigured"
    assert len(ca.asked) == 1


def test_an_imported_certificate_for_a_replaced_key(enroller, configs, ca, key_store, trustpoint_store):
    authenticated(enroller, configs, ca, key_store)
    ca.script = [wait]
    enroll(enroller, configs)
    _, order = ca.asked[-1]
    certificate = grant(order, ca.root).certificate
    key_store.generate(KEY.type, KEY.label, size=1024)
    with pytest.raises(KeyChangedError):
        enroller.importing.certificate(configs.config, [certificate])
    assert state(enroller) == "pending"
    assert not own(trustpoint_store)


def test_a_certificate_whose_key_was_replaced_counts_for_nothing(enroller, configs, ca, key_store):
    authenticated(enroller, configs, ca, key_store)
    enroll(enroller, configs)
    assert state(enroller) == "granted"
    key_store.generate(KEY.type, KEY.label, size=1024)
    assert state(enroller) == "authenticated"
    assert "replaced" in enroller.context.state(NAME)[1]
    enroll(enroller, configs)
    assert state(enroller) == "granted"
