"""Editing as ncclient's users do it: every operation, every option, and the refusals as the client sees them."""

import pytest
from lxml import etree
from ncclient.operations import RPCError

NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
SYS = "urn:ietf:params:xml:ns:yang:ietf-system"
TCS = "urn:trustconf:yang:trustconf-system"
TCT = "urn:trustconf:yang:trustconf-trustpoints"
TCK = "urn:trustconf:yang:trustconf-keys"
TRUSTPOINT = "/tct:trustpoints/tct:trustpoint[tct:name='tp']"
NS = {"nc": NC, "sys": SYS, "tcs": TCS, "tct": TCT}
CA_KEYPAIR = (
    f'<ca-keypair><type xmlns:k="{TCK}">k:ed25519</type><label>system-root-key</label></ca-keypair>'  # a mandatory pair
)


@pytest.fixture(scope="module")
def manager(shared_agent):
    with shared_agent.connect() as manager:
        yield manager


@pytest.fixture
def m(manager):
    """The module's session; what a test left in the candidate and among the trustpoints goes."""
    yield manager
    manager.discard_changes()
    edit(manager, f'<trustpoints xmlns="{TCT}" nc:operation="remove"/>', "running")


def generate_keys(m):
    """The key pairs that a trustpoint with CA_KEYPAIR has."""
    for key_type, label in (("ed25519", "system-root-key"), ("rsa", "the_default")):
        m.dispatch(
            etree.fromstring(
                f'<generate-key-pair xmlns="{TCK}"><type>{key_type}</type><label>{label}</label></generate-key-pair>'
            )
        )


def config(content):
    return f'<config xmlns="{NC}" xmlns:nc="{NC}">{content}</config>'


def trustpoint(content="", operation="merge", name="tp"):
    return (
        f'<trustpoints xmlns="{TCT}"><trustpoint nc:operation="{operation}"><name>{name}</name>{content}</trustpoint>'
        "</trustpoints>"
    )


def system(content):
    return f'<system xmlns="{SYS}">{content}</system>'


def source(content):
    return etree.fromstring(f'<source xmlns="{NC}">{content}</source>')


def edit(m, content, target="candidate", **options):
    return m.edit_config(config(content), target=target, **options)


def refused(call, *arguments, **options):
    with pytest.raises(RPCError) as refusal:
        call(*arguments, **options)
    return refusal.value


def leaves(m, source="candidate"):
    """The trustpoint's leaves in a datastore, None when it is not there."""
    data = m.get_config(source, ("subtree", f'<trustpoints xmlns="{TCT}"/>')).data_ele
    found = data.find(".//tct:trustpoint", NS)
    return found if found is None else {etree.QName(leaf).localname: leaf.text for leaf in found if not len(leaf)}


class TestOperations:
    def test_create_then_create_again(self, m):
        edit(m, trustpoint("<description>one</description>", "create"))
        error = refused(edit, m, trustpoint("<description>two</description>", "create"))
        assert (error.type, error.tag, error.severity) == ("application", "data-exists", "error")
        assert error.path == TRUSTPOINT
        assert leaves(m) == {"name": "tp", "description": "one"}

    def test_merge_keeps_and_replace_does_not(self, m):
        edit(m, trustpoint("<description>d</description><serial-number>false</serial-number>"))
        edit(m, trustpoint("<description>e</description>"))
        assert leaves(m) == {"name": "tp", "description": "e", "serial-number": "false"}
        edit(m, trustpoint("<ip-address>192.0.2.1</ip-address>", "replace"))
        assert leaves(m) == {"name": "tp", "ip-address": "192.0.2.1"}

    def test_delete_needs_an_instance_and_remove_does_not(self, m):
        edit(m, trustpoint(operation="remove"))
        error = refused(edit, m, trustpoint(operation="delete"))
        assert (error.type, error.tag) == ("application", "data-missing")
        assert error.path == TRUSTPOINT
        edit(m, trustpoint())
        edit(m, trustpoint(operation="delete"))
        assert leaves(m) is None

    def test_a_leaf_is_deleted_alone(self, m):
        edit(m, trustpoint("<description>d</description><ip-address>192.0.2.1</ip-address>"))
        edit(m, trustpoint('<description nc:operation="delete"/>'))
        assert leaves(m) == {"name": "tp", "ip-address": "192.0.2.1"}

    def test_default_operation_none_creates_nothing(self, m):
        text = f'<trustpoints xmlns="{TCT}"><trustpoint><name>tp</name>%s</trustpoint></trustpoints>'
        error = refused(edit, m, text % '<description nc:operation="merge">d</description>', default_operation="none")
        assert error.tag == "data-missing"
        edit(m, trustpoint())
        edit(m, text % '<description nc:operation="merge">d</description>', default_operation="none")
        assert leaves(m) == {"name": "tp", "description": "d"}

    def test_default_operation_replace_is_about_the_whole_datastore(self, m):
        edit(m, system("<hostname>kept</hostname>"))
        edit(m, f'<trustpoints xmlns="{TCT}"><trustpoint><name>tp</name></trustpoint></trustpoints>',
             default_operation="replace")  # fmt: skip
        assert leaves(m) == {"name": "tp"}
        assert "hostname" not in m.get_config("candidate").xml

    def test_an_edit_of_running_counts_at_once(self, m):
        edit(m, system("<hostname>direct</hostname>"), "running")
        for source in ("running", "candidate"):
            names = m.get_config(source).data_ele.xpath("//sys:hostname/text()", namespaces=NS)
            assert names == ["direct"], source


class TestErrors:
    """Type, tag, path and app-tag of RFC 6241 appendix A and RFC 7950 section 15."""

    @pytest.mark.parametrize(
        ("content", "tag", "path", "info"),
        [
            (trustpoint("<lifetime><certificate>7</certificate></lifetime>"), "invalid-value",
             f"{TRUSTPOINT}/tct:lifetime/tct:certificate", {}),
            (trustpoint("<serial-number>perhaps</serial-number>"), "invalid-value",
             f"{TRUSTPOINT}/tct:serial-number", {}),
            (trustpoint("<message-digest>md7</message-digest>"), "invalid-value",
             f"{TRUSTPOINT}/tct:message-digest", {}),
            (trustpoint("<colour>red</colour>"), "unknown-element", TRUSTPOINT, {"bad-element": "colour"}),
            (trustpoint("<configured>true</configured>"), "bad-element",
             f"{TRUSTPOINT}/tct:configured", {"bad-element": "configured"}),
            (f'<trustpoints xmlns="{TCT}"><trustpoint/></trustpoints>', "missing-element",
             "/tct:trustpoints/tct:trustpoint", {"bad-element": "name"}),
            ('<x xmlns="urn:nobody"/>', "unknown-namespace", None,
             {"bad-element": "x", "bad-namespace": "urn:nobody"}),
            (trustpoint(operation="explode"), "bad-attribute", None,
             {"bad-attribute": "operation", "bad-element": "trustpoint"}),
        ],
    )  # fmt: skip
    def test_what_one_edit_can_be_wrong_in(self, m, content, tag, path, info):
        error = refused(edit, m, content)
        assert (error.type, error.tag, error.severity) == ("application", tag, "error")
        if path is not None:
            assert error.path == path
        assert error.message
        found = etree.fromstring(error.info.encode()) if error.info else ()
        assert {etree.QName(child).localname: child.text for child in found}.items() >= info.items()
        assert leaves(m) is None

    def test_must(self, m):
        edit(m, trustpoint("<enrollment><url>self</url></enrollment>"))
        for call in (m.commit, m.validate):
            error = refused(call)
            assert (error.type, error.tag, error.app_tag) == ("application", "operation-failed", "ca-keypair-missing")
            assert error.path == TRUSTPOINT
            assert "set ca-keypair" in error.message
        assert leaves(m, "running") is None

    def test_mandatory(self, m):
        edit(m, trustpoint("<ca-keypair><label>system-root-key</label></ca-keypair>"))
        error = refused(m.commit)
        assert (error.type, error.tag) == ("application", "data-missing")
        assert error.path == f"{TRUSTPOINT}/tct:ca-keypair/tct:type"

    def test_every_fault_is_told_at_once(self, m):
        for name in ("tp", "other"):
            edit(m, trustpoint("<enrollment><url>self</url></enrollment>", name=name))
        error = refused(m.validate)
        assert {each.app_tag for each in error.errlist} == {"ca-keypair-missing"}
        assert {each.path for each in error.errlist} == {TRUSTPOINT, TRUSTPOINT.replace("'tp'", "'other'")}

    def test_the_value_of_a_password_does_not_come_back(self, m):
        user = "<authentication><user><name>eve</name><password>%s</password></user></authentication>"
        error = refused(edit, m, system(user % "sesame"))
        assert error.tag == "invalid-value"
        assert "sesame" not in etree.tostring(error.xml, encoding=str)
        edit(m, system(user % "$0$sesame"))
        assert "sesame" not in m.get_config("candidate").xml
        assert (
            m.get_config("candidate")
            .data_ele.xpath("//sys:user[sys:name='eve']/sys:password", namespaces=NS)[0]
            .text.startswith("$6$")
        )


class TestOptions:
    VALID = trustpoint("<description>good</description>")
    #: Good XML of good types that a rule across nodes forbids.
    INVALID = trustpoint("<enrollment><url>self</url></enrollment>")

    def test_test_only_changes_nothing(self, m):
        for target in ("candidate", "running"):
            edit(m, self.VALID, target, test_option="test-only")
            assert refused(edit, m, self.INVALID, target, test_option="test-only").app_tag == "ca-keypair-missing"
            assert leaves(m, target) is None

    def test_test_then_set_refuses_what_set_leaves_to_the_commit(self, m):
        assert refused(edit, m, self.INVALID, test_option="test-then-set").app_tag == "ca-keypair-missing"
        assert leaves(m) is None
        edit(m, self.INVALID, test_option="set")
        assert leaves(m) == {"name": "tp"}

    @pytest.mark.parametrize("error_option", ["stop-on-error", "continue-on-error", "rollback-on-error"])
    @pytest.mark.parametrize("target", ["candidate", "running"])
    def test_an_edit_is_all_or_nothing(self, m, target, error_option):
        both = self.VALID + system("<hostname>good</hostname><no-such-leaf/>")
        assert refused(edit, m, both, target, error_option=error_option).tag == "unknown-element"
        assert leaves(m, target) is None

    def test_unknown_options_are_refused_with_their_place(self, m):
        rpc = (
            f'<edit-config xmlns="{NC}"><target><candidate/></target><error-option>hope</error-option>'
            f"{config(self.VALID)}</edit-config>"
        )
        error = refused(m.rpc, etree.fromstring(rpc))
        assert (error.type, error.tag) == ("protocol", "invalid-value")
        assert "rollback-on-error" in error.message


class TestWholeDatastores:
    def test_discard_changes(self, m):
        edit(m, trustpoint())
        m.discard_changes()
        assert leaves(m) is None

    def test_commit_makes_running_what_the_candidate_is(self, m):
        edit(m, trustpoint(f"<enrollment><url>self</url></enrollment>{CA_KEYPAIR}"))
        error = refused(m.validate, "candidate")
        assert (error.tag, error.app_tag) == ("invalid-value", "key-not-found"), "they are generated first"
        generate_keys(m)
        m.validate("candidate")
        assert leaves(m, "running") is None
        m.commit()
        assert leaves(m, "running") == {"name": "tp"}

    def test_copy_config_between_datastores_and_from_the_request(self, m):
        edit(m, trustpoint("<description>copied</description>"))
        m.copy_config("candidate", "running")
        assert leaves(m, "running")["description"] == "copied"
        edit(m, trustpoint("<description>other</description>"))
        m.copy_config("running", "candidate")
        assert leaves(m)["description"] == "copied"
        m.copy_config(source(config(trustpoint("<description>inline</description>"))), "candidate")
        assert leaves(m) == {"name": "tp", "description": "inline"}
        assert "hostname" not in m.get_config("candidate").xml

    def test_running_can_not_lose_its_last_administrator(self, m):
        error = refused(m.copy_config, source(config("")), "running")
        assert (error.tag, error.app_tag) == ("operation-failed", "last-administrator")

    def test_validate_of_a_configuration_in_the_request(self, m):
        good = m.get_config("running").data_ele
        inline = etree.Element(f"{{{NC}}}config")
        inline.extend(good)
        m.validate(inline)
        inline.append(etree.fromstring(config(TestOptions.INVALID))[0])
        assert refused(m.validate, inline).app_tag == "ca-keypair-missing"

    def test_delete_config_has_nothing_that_it_may_delete(self, m):
        for target in ("candidate", "running", "startup"):
            assert refused(m.delete_config, target).tag == "operation-not-supported"
        assert refused(m.copy_config, "running", "startup").tag == "operation-not-supported"
