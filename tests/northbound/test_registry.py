"""The registrations are compared with the schema before the agent serves anybody."""

import pytest

from agent.northbound.contract import NoConfigHandler
from agent.northbound.registry import RegistrationError, Registry
from tests.datastore.rig import schema

HEALTH = "/test-device:health"
COUNTERS = "/test-device:device/port/counters"
OPERATIONS = ("/test-device:ping", "/test-device:device/port/blink")


def answer(*arguments):
    return None


def complete(*, without=()):
    registry = Registry(schema())
    for path in (HEALTH, COUNTERS):
        if path not in without:
            registry.state(path, answer)
    for path in OPERATIONS:
        if path not in without:
            registry.rpc(path, answer)
    return registry


def test_nothing_is_missing():
    complete().check()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (HEALTH, "no provider for state /test-device:health"),
        (COUNTERS, "no provider for state /test-device:device/port/counters"),
        ("/test-device:ping", "no provider for rpc /test-device:ping"),
        ("/test-device:device/port/blink", "no provider for rpc /test-device:device/port/blink"),
    ],
)
def test_what_nobody_answers(path, message):
    with pytest.raises(RegistrationError) as error:
        complete(without=[path]).check()
    assert str(error.value) == message


def test_all_faults_are_told_at_once():
    registry = complete(without=[HEALTH, "/test-device:ping"])
    registry.config("/test-device:gone", NoConfigHandler())
    registry.notification("/test-device:silence")
    with pytest.raises(RegistrationError) as error:
        registry.check()
    assert str(error.value).split("; ") == [
        "a provider registered for /test-device:gone, which is not in the schema",
        "a provider registered for /test-device:silence, which is not in the schema",
        "no provider for rpc /test-device:ping",
        "no provider for state /test-device:health",
    ]


@pytest.mark.parametrize(
    ("register", "path"),
    [
        (lambda registry, path: registry.config(path, NoConfigHandler()), "/test-device:device/port"),
        (lambda registry, path: registry.state(path, answer), HEALTH),
        (lambda registry, path: registry.rpc(path, answer), "/test-device:ping"),
        (lambda registry, path: registry.rewrite(path, answer), "/test-device:device/password"),
    ],
)
def test_two_providers_for_one_path(register, path):
    registry = Registry(schema())
    register(registry, path)
    with pytest.raises(RegistrationError, match=f"two providers registered for {path}"):
        register(registry, path)


def test_parts_may_make_up_a_state_subtree():
    registry = complete(without=[HEALTH])
    registry.state(f"{HEALTH}/power", answer)
    with pytest.raises(RegistrationError) as error:
        registry.check()
    assert str(error.value).split("; ") == [
        "no provider for state /test-device:health/fan",
        "no provider for state /test-device:health/event",
    ]
    registry.state(f"{HEALTH}/fan", answer)
    registry.state(f"{HEALTH}/event", answer)
    registry.check()


def test_only_the_registered_leaf_is_rewritten():
    registry = Registry(schema())
    registry.rewrite("/test-device:device/password", str.upper)
    device = schema().find("/test-device:device")
    assert registry.rewrite_leaf(device.child("password"), "secret") == "SECRET"
    assert registry.rewrite_leaf(device.child("main-port"), "a") == "a"
    assert registry.rewriters.keys() == {device.child("password")}


def test_a_notification_that_is_in_the_schema():
    registry = Registry(schema())
    registry.notification("/test-device:alarm")
    assert registry.notifications == {schema().find("/test-device:alarm")}
