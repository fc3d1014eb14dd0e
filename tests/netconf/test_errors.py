"""The table that turns exceptions into rpc-errors: complete, and as RFC 6241 appendix A and RFC 7950 section 15 say."""

import pytest

from agent.datastore import errors as datastore
from agent.netconf.errors import TABLE, Info, Place, RequestError, RpcError, translate
from agent.netconf.namespaces import BASE, YANG, base
from agent.northbound.errors import PROVIDER_TAGS, ProviderError
from agent.yang import errors as yang
from agent.yang.paths import parse
from tests.netconf.models import EX, schema
from tests.netconf.rig import edit

ROOT = Place(schema().root)
USER = "/example-config:top/users/user[name='fred']"
USER_XPATH = "/ex:top/ex:users/ex:user[ex:name='fred']"


def path(text=USER):
    return parse(text, schema().root)


def one(error, place=ROOT):
    (result,) = translate(error, place)
    return result


def leaf_classes(base):
    children = base.__subclasses__()
    return {base} if not children else set().union(*map(leaf_classes, children))


@pytest.mark.parametrize("base", [yang.DataError, datastore.DatastoreError])
def test_every_refusal_of_the_rooms_below_is_in_the_table(base):
    assert {kind for kind in leaf_classes(base) if kind.__module__.startswith("agent.")} <= set(TABLE)


@pytest.mark.parametrize(
    ("kind", "tag", "app_tag", "info"),
    [
        ("must", "operation-failed", "must-violation", []),
        ("unique", "operation-failed", "data-not-unique", [Info("non-unique", USER_XPATH, YANG, (("ex", EX),))]),
        ("too-many-elements", "operation-failed", "too-many-elements", []),
        ("too-few-elements", "operation-failed", "too-few-elements", []),
        ("instance-required", "data-missing", "instance-required", []),
        ("missing-choice", "data-missing", "missing-choice", [Info("missing-choice", "x", YANG)]),
        ("mandatory", "data-missing", None, [Info("bad-element", "x")]),
        ("choice", "bad-element", None, [Info("bad-element", "x")]),
        ("when", "unknown-element", None, [Info("bad-element", "x")]),
    ],
)
def test_constraints_as_rfc_7950_section_15_says(kind, tag, app_tag, info):
    non_unique = (path(),) if kind == "unique" else ()
    result = one(yang.ConstraintError(kind, "m", path(), bad_name="x", non_unique=non_unique))
    assert (result.type, result.tag, result.app_tag, list(result.info)) == ("application", tag, app_tag, info)
    assert (result.path, dict(result.prefixes)) == (USER_XPATH, {"ex": EX})


def test_every_kind_of_constraint_is_covered():
    for kind in yang.CONSTRAINT_KINDS:
        assert one(yang.ConstraintError(kind, "m")).tag


@pytest.mark.parametrize(
    ("error", "tag", "info"),
    [
        (yang.UnknownElementError("m", path(), bad_name="x"), "unknown-element", {"bad-element": "x"}),
        (
            yang.UnknownNamespaceError("m", path(), bad_name="x", bad_namespace="urn:x"),
            "unknown-namespace",
            {"bad-element": "x", "bad-namespace": "urn:x"},
        ),
        (
            yang.UnknownAttributeError("m", path(), bad_name="x"),
            "unknown-attribute",
            {"bad-attribute": "x", "bad-element": "user"},
        ),
        (
            yang.BadAttributeError("m", path(), bad_name="x"),
            "bad-attribute",
            {"bad-attribute": "x", "bad-element": "user"},
        ),
        (
            yang.MissingAttributeError("m", path(), bad_name="x"),
            "missing-attribute",
            {"bad-attribute": "x", "bad-element": "user"},
        ),
        (yang.MissingElementError("m", path(), bad_name="x"), "missing-element", {"bad-element": "x"}),
        (yang.BadElementError("m", path(), bad_name="x"), "bad-element", {"bad-element": "x"}),
        (yang.InvalidValueError("m", path()), "invalid-value", {}),
        (yang.DataExistsError("m", path()), "data-exists", {}),
        (yang.DataMissingError("m", path()), "data-missing", {}),
    ],
)
def test_data_errors_as_rfc_6241_appendix_a_says(error, tag, info):
    result = one(error)
    assert (result.tag, result.type, result.severity, result.message) == (tag, "application", "error", "m")
    assert {item.name: item.text for item in result.info} == info
    assert all(item.namespace == BASE for item in result.info)


@pytest.mark.parametrize(
    ("error", "tag", "info"),
    [
        (datastore.LockDeniedError("running", 7), "lock-denied", {"session-id": "7"}),
        (datastore.CandidateModifiedError(), "lock-denied", {"session-id": "0"}),
        (datastore.DatastoreInUseError("running", 7), "in-use", {}),
        (datastore.NotLockedError("running"), "operation-failed", {}),
        (datastore.UnsupportedDatastoreError("m"), "operation-not-supported", {}),
    ],
)
def test_datastore_errors(error, tag, info):
    result = one(error)
    assert (result.type, result.tag, {item.name: item.text for item in result.info}) == ("protocol", tag, info)
    assert result.message == error.message


def test_all_errors_of_a_validation_are_told():
    failure = yang.ValidationFailure([yang.InvalidValueError("a", path()), yang.ConstraintError("must", "b", path())])
    assert [(error.tag, error.message) for error in translate(failure, ROOT)] == [
        ("invalid-value", "a"),
        ("operation-failed", "b"),
    ]


@pytest.mark.parametrize("tag", sorted(PROVIDER_TAGS))
def test_what_a_provider_refuses(tag):
    result = one(ProviderError(tag, "m", path=USER, app_tag="x"))
    assert (result.tag, result.message, result.app_tag, result.path) == (tag, "m", "x", USER_XPATH)


def test_a_place_that_does_not_exist_is_left_out(caplog):
    assert one(ProviderError("in-use", "m", path="/nowhere:x")).path is None
    assert "/nowhere:x" in caplog.text


def test_the_error_at_hand_wins_over_its_ancestors():
    class OwnError(yang.InvalidValueError):
        pass

    assert one(OwnError("m")).tag == "invalid-value"


def test_a_ready_error_is_passed_on():
    error = RpcError("in-use", "m")
    assert translate(RequestError(error), ROOT) == (error,)


def test_references_differ_and_are_logged(caplog):
    texts = {one(RuntimeError("secret")).message for _ in range(3)}
    assert len(texts) == 3
    for text in texts:
        assert "secret" not in text
        assert text.rpartition(" ")[2] in caplog.text


@pytest.mark.parametrize(
    ("operation", "tag", "name"),
    [
        ("<edit-config><target/><config/></edit-config>", "missing-element", "target"),
        ("<validate><source/></validate>", "missing-element", "source"),
        (f'<action xmlns="{YANG}"/>', "missing-element", "action"),
        (edit("text"), "bad-element", "config"),
        (edit(f'text<top xmlns="{EX}"/>'), "bad-element", "config"),
        (edit(f'<top xmlns="{EX}">text</top>'), "bad-element", "top"),
    ],
)
def test_bad_element_is_always_the_name_of_an_element(client, operation, tag, name):
    error = client.error(operation)
    assert (error.tag, error.info) == (tag, {base("bad-element"): name})


def test_an_unknown_top_level_element_is_named(client):
    error = client.error(edit("<odd/>"))
    assert error.message.startswith("The top level has no element odd in the namespace ")
