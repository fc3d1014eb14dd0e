"""Editing, committing and locking through the protocol: each refusal with what RFC 6241 and RFC 7950 want in it."""

import pytest

from agent.netconf.namespaces import BASE, YANG, base
from tests.netconf.models import EX
from tests.netconf.rig import edit, get_config, subtree, users

LOCK = "<lock><target><{}/></target></lock>"
UNLOCK = "<unlock><target><{}/></target></unlock>"


def names(client, datastore="running"):
    return [leaf.text for leaf in client.data(get_config(datastore, subtree(users()))).iter(f"{{{EX}}}name")]


def top(content):
    return f'<top xmlns="{EX}">{content}</top>'


class TestEditConfig:
    def test_candidate_then_commit(self, client):
        client.ok(edit(users("fred")))
        assert (names(client), names(client, "candidate")) == ([], ["fred"])
        client.ok("<commit/>")
        assert names(client) == ["fred"]

    def test_config_in_no_namespace_as_many_clients_send_it(self, client):
        client.ok(edit(users("fred")).replace("<config ", '<config xmlns="" '))
        assert names(client, "candidate") == ["fred"]

    def test_running_at_once(self, client):
        client.ok(edit(users("fred"), "running"))
        assert names(client) == ["fred"]

    def test_discard_changes(self, client):
        client.ok(edit(users("fred")))
        client.ok("<discard-changes/>")
        assert names(client, "candidate") == []

    @pytest.mark.parametrize(("operation", "left"), [("merge", ["a", "b"]), ("replace", ["b"]), ("none", ["a"])])
    def test_the_default_operation(self, client, operation, left):
        client.ok(edit(users("a")))
        reply = client.rpc(edit(users("b"), options=f"<default-operation>{operation}</default-operation>"))
        if operation == "none":
            assert reply[0].tag == base("rpc-error")
        assert sorted(names(client, "candidate")) == left

    def test_test_only_changes_nothing(self, client):
        client.ok(edit(users("fred"), options="<test-option>test-only</test-option>"))
        assert names(client, "candidate") == []

    @pytest.mark.parametrize("option", ["stop-on-error", "continue-on-error", "rollback-on-error"])
    def test_whatever_the_error_option_nothing_is_half_done(self, client, option):
        config = top("<users><user><name>new</name></user></users><rule><name>x</name><limit>0</limit></rule>")
        assert client.error(edit(config, options=f"<error-option>{option}</error-option>")).tag == "invalid-value"
        assert names(client, "candidate") == []

    @pytest.mark.parametrize(
        "options",
        [
            "<default-operation>create</default-operation>",
            "<test-option>never</test-option>",
            "<error-option>ignore</error-option>",
        ],
    )
    def test_a_bad_option(self, client, options):
        error = client.error(edit(users("fred"), options=options))
        assert (error.type, error.tag) == ("protocol", "invalid-value")
        assert "must be one of" in error.message

    def test_url_is_not_supported(self, client):
        error = client.error("<edit-config><target><candidate/></target><url>ftp://x/y</url></edit-config>")
        assert error.tag == "operation-not-supported"

    def test_without_config(self, client):
        error = client.error("<edit-config><target><candidate/></target></edit-config>")
        assert (error.tag, error.info) == ("missing-element", {base("bad-element"): "config"})

    def test_create_of_what_is_there_and_delete_of_what_is_not(self, client):
        client.ok(edit(users("fred")))
        create = client.error(edit(users("fred", attributes=' nc:operation="create"')))
        assert (create.type, create.tag) == ("application", "data-exists")
        assert create.path == "/ex:top/ex:users/ex:user[ex:name='fred']"
        assert create.nsmap["ex"] == EX
        delete = client.error(edit(users("wilma", attributes=' nc:operation="delete"')))
        assert delete.tag == "data-missing"
        client.ok(edit(users("wilma", attributes=' nc:operation="remove"')))

    def test_a_value_outside_its_type(self, client):
        error = client.error(edit(top("<rule><name>x</name><limit>101</limit></rule>")))
        assert (error.type, error.tag, error.app_tag) == ("application", "invalid-value", "limit-range")
        assert "A limit is 1 to 100." in error.message
        assert error.path == "/ex:top/ex:rule[ex:name='x']/ex:limit"

    def test_unknown_names_and_namespaces(self, client):
        error = client.error(edit(top("<nonsense/>")))
        assert (error.tag, error.info) == ("unknown-element", {base("bad-element"): "nonsense"})
        error = client.error(edit('<top xmlns="urn:x"/>'))
        assert error.tag == "unknown-namespace"
        assert error.info == {base("bad-element"): "top", base("bad-namespace"): "urn:x"}

    def test_a_missing_key(self, client):
        error = client.error(edit(top("<rule><limit>1</limit></rule>")))
        assert (error.tag, error.info) == ("missing-element", {base("bad-element"): "name"})

    def test_a_bad_operation_attribute(self, client):
        error = client.error(edit(users("x", attributes=' nc:operation="sideways"')))
        assert error.tag == "bad-attribute"
        assert error.info == {base("bad-attribute"): "operation", base("bad-element"): "user"}

    def test_state_can_not_be_configured(self, client):
        error = client.error(edit(f'<clock xmlns="{EX}"><ticks>1</ticks></clock>'))
        assert error.tag in ("bad-element", "unknown-element")
        assert base("bad-element") in error.info


class TestValidateAndCommit:
    def test_a_broken_must_is_told_with_its_own_message_and_tag(self, client):
        client.ok(edit(top("<marker/>")))
        for operation in ("<validate><source><candidate/></source></validate>", "<commit/>"):
            error = client.error(operation)
            assert (error.type, error.tag, error.app_tag) == ("application", "operation-failed", "marker-needs-rule")
            assert error.message == "A marker needs a rule; add one."
            assert error.path == "/ex:top"
        assert not len(client.data(get_config()))

    def test_validate_an_inline_configuration(self, client):
        config = f"<config>{top('<marker/>')}</config>"
        assert client.error(f"<validate><source>{config}</source></validate>").app_tag == "marker-needs-rule"
        client.ok(f"<validate><source><config>{users('fred')}</config></source></validate>")

    def test_test_then_set_keeps_a_bad_edit_out(self, client):
        error = client.error(edit(top("<marker/>"), options="<test-option>test-then-set</test-option>"))
        assert error.app_tag == "marker-needs-rule"
        assert not len(client.data(get_config("candidate")))

    @pytest.mark.parametrize("name", ["confirmed", "persist", "persist-id", "confirm-timeout"])
    def test_confirmed_commit_is_not_supported_and_says_so(self, client, name):
        client.ok(edit(users("fred")))
        error = client.error(f"<commit><{name}/></commit>")
        assert error.tag == "operation-not-supported"
        assert "onfirmed commit" in error.message
        assert names(client) == []

    def test_a_commit_without_changes(self, client):
        client.ok("<commit/>")


class TestCopyAndDelete:
    def test_copy_running_over_the_candidate(self, client):
        client.ok(edit(users("fred"), "running"))
        client.ok(edit(users("wilma")))
        client.ok("<copy-config><target><candidate/></target><source><running/></source></copy-config>")
        assert names(client, "candidate") == ["fred"]

    def test_an_inline_configuration_replaces_running(self, client):
        client.ok(edit(users("fred"), "running"))
        source = f"<source><config>{users('wilma')}</config></source>"
        client.ok(f"<copy-config><target><running/></target>{source}</copy-config>")
        assert names(client) == ["wilma"]

    def test_onto_itself(self, client):
        error = client.error("<copy-config><target><running/></target><source><running/></source></copy-config>")
        assert error.tag == "invalid-value"

    @pytest.mark.parametrize("target", ["running", "candidate", "startup"])
    def test_nothing_can_be_deleted(self, client, target):
        error = client.error(f"<delete-config><target><{target}/></target></delete-config>")
        assert error.tag == "operation-not-supported"


class TestLocks:
    def test_the_holder_is_named(self, rig, client):
        other = rig.client()
        client.ok(LOCK.format("candidate"))
        error = other.error(LOCK.format("candidate"))
        assert (error.type, error.tag) == ("protocol", "lock-denied")
        assert error.info == {base("session-id"): str(client.session.session_id)}

    def test_others_can_not_edit_commit_or_discard(self, rig, client):
        other = rig.client()
        client.ok(LOCK.format("candidate"))
        for operation in (edit(users("x")), "<commit/>", "<discard-changes/>"):
            assert other.error(operation).tag == "in-use"
        client.ok(edit(users("x")))
        client.ok(UNLOCK.format("candidate"))
        other.ok(edit(users("y")))

    def test_a_modified_candidate_can_not_be_locked(self, rig, client):
        rig.client().ok(edit(users("x")))
        error = client.error(LOCK.format("candidate"))
        assert (error.tag, error.info) == ("lock-denied", {base("session-id"): "0"})

    def test_unlock_without_a_lock(self, client):
        assert client.error(UNLOCK.format("running")).tag == "operation-failed"

    @pytest.mark.parametrize(("target", "tag"), [("startup", "operation-not-supported"), ("moon", "unknown-element")])
    def test_an_unknown_target_is_an_error_and_no_crash(self, client, target, tag):
        assert client.error(LOCK.format(target)).tag == tag
        client.ok(LOCK.format("running"))


def test_error_info_is_in_its_namespace_when_the_client_uses_prefixes(client):
    client.write(
        f'<nc:rpc xmlns:nc="{BASE}" message-id="7"><nc:edit-config><nc:target><nc:candidate/></nc:target>'
        f'<nc:config><top xmlns="{EX}"><nonsense/></top></nc:config></nc:edit-config></nc:rpc>'
    )
    (info,) = client.read().iter(base("error-info"))
    assert [(child.tag, child.text) for child in info] == [(base("bad-element"), "nonsense")]
    assert YANG not in info[0].tag
