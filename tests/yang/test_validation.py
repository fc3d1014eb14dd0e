"""Each rule of RFC 7950: what breaks it, what the error says, and that looking only at the change finds it too."""

import pytest
from lxml import etree

from agent.yang.diff import diff
from agent.yang.edit import apply_edit
from agent.yang.errors import ConstraintError, ValidationFailure
from agent.yang.tree import Inner, empty_root
from agent.yang.validation import Validator
from agent.yang.validation.report import MAX_ERRORS
from agent.yang.xml_codec import decode
from tests.yang.schemas import schema_of

V = "urn:trustconf:yang:validation-test"
SCHEMA = schema_of("validation")
VALIDATOR = Validator(SCHEMA)


def document(content):
    return etree.fromstring(f'<config xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0">{content}</config>')


def top(content):
    return f'<top xmlns="{V}" xmlns:v="{V}">{content}</top>'


def tree(content) -> Inner:
    return decode(document(top(content)), SCHEMA.root, config_only=True)


def edited(root, content):
    return apply_edit(root, document(top(content)))


def errors_of(call, *arguments) -> list:
    try:
        call(*arguments)
    except ValidationFailure as failure:
        return failure.errors
    return []


def refused(content, *, base=""):
    """The only error of `content`, found by full validation and by an edit of the valid `base` alike."""
    new = tree(content)
    full = errors_of(VALIDATOR.validate, new)
    old = tree(base) if base else empty_root(SCHEMA.root)
    assert errors_of(VALIDATOR.validate, old) == []
    incremental = errors_of(VALIDATOR.validate, new, old, diff(old, new))
    assert [str(error.path) for error in incremental] == [str(error.path) for error in full]
    assert len(full) == 1, [error.message for error in full]
    error = full[0]
    assert isinstance(error, ConstraintError)
    return error


def accepted(content):
    assert [error.message for error in errors_of(VALIDATOR.validate, tree(content))] == []


def item(name, content=""):
    return f"<item><name>{name}</name>{content}</item>"


FOLLOW = "<follow><must-have>x</must-have></follow>"
TWO = FOLLOW + "<checks><count>2</count></checks>"


def test_an_empty_configuration_is_valid():
    assert errors_of(VALIDATOR.validate, empty_root(SCHEMA.root)) == []


def test_must_speaks_in_the_words_of_the_module():
    error = refused(f"<limit>1</limit>{item('a')}{item('b', '<code>1</code>')}{TWO}")
    assert (error.kind, error.app_tag) == ("must", "limit-too-low")
    assert error.message == "Raise limit, or remove items."
    assert str(error.path) == "/validation-test:top/limit"


def test_must_on_a_default_in_use():
    error = refused("".join(item(f"i{n}", f"<code>{n}</code>") for n in range(5)) + TWO)
    assert str(error.path) == "/validation-test:top/limit"


def test_must_without_error_message_shows_the_rule_and_the_default_app_tag():
    schema = schema_of("torture")
    ns = "urn:trustconf:yang:torture-more"
    text = f'<compute xmlns="urn:trustconf:yang:torture"><add/><z xmlns="{ns}">13</z></compute>'
    body = decode(etree.fromstring(text), schema.root.child("compute").child("input"))
    (error,) = errors_of(Validator(schema).validate_operation, body, empty_root(schema.root))
    assert error.app_tag == "must-violation"
    assert error.message == "Unlucky."


def test_mandatory_below_a_container_that_needs_no_presence():
    error = refused(item("a"))
    assert (error.kind, error.bad_name) == ("mandatory", "must-have")
    assert str(error.path) == "/validation-test:top/follow/must-have"


def test_mandatory_under_a_when_counts_only_while_it_holds():
    accepted(item("a") + FOLLOW)
    error = refused(item("a") + item("b", "<code>1</code>") + FOLLOW, base=item("a") + FOLLOW)
    assert (error.kind, error.bad_name) == ("mandatory", "count")


def test_mandatory_in_a_case_counts_only_when_the_case_is_chosen():
    error = refused("<colour>b</colour>")
    assert (error.kind, error.bad_name) == ("mandatory", "side")


def test_min_elements_in_a_case():
    error = refused("<mode>full</mode><point>1</point>", base="<mode>full</mode>")
    assert (error.kind, error.app_tag) == ("too-few-elements", "too-few-elements")
    assert "at least 2 are needed; add 1" in error.message


def test_max_elements():
    tags = "".join(f"<tag>{alias}</tag>" for alias in "abcd")
    items = "".join(item(a, f"<alias>{a}</alias><code>{ord(a)}</code>") for a in "abcd")
    error = refused("<mode>full</mode>" + items + tags + TWO, base="<mode>full</mode>" + items + TWO)
    assert (error.kind, error.app_tag) == ("too-many-elements", "too-many-elements")
    assert "remove 1" in error.message


@pytest.mark.parametrize(
    "second", ["<code>7</code><group><rank>1</rank></group>", "<group><rank>1</rank></group>"], ids=["set", "default"]
)
def test_unique_counts_defaults(second):
    first = item("a", "<group><rank>1</rank></group>")
    base = first + item("b", "<group><rank>2</rank></group>") + TWO
    error = refused(first + item("b", second) + TWO, base=base)
    assert (error.kind, error.app_tag) == ("unique", "data-not-unique")
    assert "item b and a have the same code, group/rank (7 1)" in error.message
    assert {str(path) for path in error.non_unique} >= {"/validation-test:top/item[name='b']/code"}


def test_unique_is_found_when_a_default_makes_the_values_equal():
    first = item("a", "<code>9</code><group><rank>1</rank></group>")
    base = first + item("b", "<group><rank>1</rank></group>") + TWO
    refused(first.replace("<code>9</code>", "") + item("b", "<group><rank>1</rank></group>") + TWO, base=base)


def test_unique_does_not_count_entries_that_lack_a_leaf():
    accepted(item("a") + item("b") + TWO)


def test_a_false_when():
    error = refused("<area/>")
    assert error.kind == "when"
    assert "only allowed when ../mode = 'full'" in error.message


def test_a_when_that_becomes_false_elsewhere():
    accepted("<mode>full</mode><area/>")
    error = refused("<mode>simple</mode><area/>", base="<mode>full</mode><area/>")
    assert str(error.path) == "/validation-test:top/area"


def test_defaults_come_and_go_with_their_case():
    accepted("<centre><x>1</x></centre>")
    error = refused("<radius>13</radius>")
    assert str(error.path) == "/validation-test:top/centre"
    accepted("<side>1</side>")


def test_leafref_to_a_key():
    link = "<link><from>a</from><to>b</to></link>"
    error = refused(item("a") + FOLLOW + link, base=item("a") + FOLLOW)
    assert (error.kind, error.app_tag) == ("instance-required", "instance-required")
    assert "to refers to the name 'b', which does not exist" in error.message


def test_leafref_whose_target_is_deleted():
    both = item("a", "<next>b</next>") + item("b", "<code>1</code><kind>iron</kind>")
    text = f"<mode>full</mode>{both}{TWO}"
    accepted(text)
    old = tree(text)
    new = edited(old, '<item nc:operation="delete"><name>b</name></item><checks nc:operation="remove"/>').root
    found = {(error.kind, str(error.path)) for error in errors_of(VALIDATOR.validate, new, old, diff(old, new))}
    assert ("instance-required", "/validation-test:top/item[name='a']/next") in found
    assert found == {(error.kind, str(error.path)) for error in errors_of(VALIDATOR.validate, new)}


def test_leafref_with_a_predicate():
    items = item("a", "<group><rank>1</rank></group>") + item("b", "<code>1</code><group><rank>2</rank></group>") + TWO
    link = "<link><from>a</from><to>b</to>{}</link>"
    accepted(items + link.format("<rank>2</rank>"))
    error = refused(items + link.format("<rank>1</rank>"), base=items)
    assert str(error.path).endswith("/rank")


def test_leafref_to_a_default_in_use():
    link = "<link><from>a</from><to>a</to><code>7</code></link>"
    accepted(item("a") + FOLLOW + link)
    refused(item("a", "<code>8</code>") + FOLLOW + link, base=item("a") + FOLLOW + link)


def test_instance_identifier():
    area = "<mode>full</mode><area><two>a</two><watch>/v:top/v:item[v:name='a']</watch></area>"
    accepted(area + item("a") + FOLLOW)
    refused(area, base="<mode>full</mode>")


def test_identities_are_compared_whatever_the_prefix():
    text = item("a", '<kind xmlns:other="urn:trustconf:yang:validation-test">other:iron</kind><weight>high</weight>')
    accepted("<mode>full</mode>" + text + FOLLOW)
    error = refused(text + FOLLOW)
    assert error.message == "Metals need full mode."


def test_errors_are_told_together_in_document_order_up_to_a_limit():
    many = "".join(item(f"i{n}", "<next>zzz</next>") for n in range(50))
    errors = errors_of(VALIDATOR.validate, tree("<limit>99</limit>" + many + TWO))
    assert len(errors) == MAX_ERRORS
    errors = errors_of(VALIDATOR.validate, tree("<area/>" + item("a", "<next>a</next>")))
    names = [str(error.path).rpartition("/")[2] for error in errors]
    assert names == ["item[name='a']", "next", "area", "must-have"]


class TestOperations:
    def body(self, content, direction="input"):
        schema = SCHEMA.root.child("check").child(direction)
        return decode(etree.fromstring(f'<check xmlns="{V}">{content}</check>'), schema)

    def test_input_that_is_right(self):
        running = tree(item("a") + FOLLOW)
        VALIDATOR.validate_operation(self.body("<item>a</item><depth>4</depth>"), running)
        VALIDATOR.validate_operation(self.body("<all/>"), running)

    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            ("", "must"),
            ("<item>a</item>", "mandatory"),
            ("<all/><depth>1</depth>", "when"),
            ("<item>a</item><depth>5</depth>", "must"),
            ("<item>b</item><depth>1</depth>", "instance-required"),
        ],
    )
    def test_input_that_is_wrong(self, content, kind):
        running = tree(item("a") + FOLLOW)
        (error,) = errors_of(VALIDATOR.validate_operation, self.body(content), running)
        assert error.kind == kind

    def test_output(self):
        (error,) = errors_of(VALIDATOR.validate_operation, self.body("", "output"), empty_root(SCHEMA.root))
        assert (error.kind, error.bad_name) == ("mandatory", "result")


class TestPruning:
    """RFC 7950 section 8.3.2."""

    def test_what_a_changed_condition_leaves_behind_is_deleted(self):
        old = tree("<mode>full</mode><area><one>a</one></area>")
        new = edited(old, "<mode>simple</mode>").root
        pruned = VALIDATOR.prune_false_whens(new, old, diff(old, new))
        assert [str(path) for path in pruned.deleted] == ["/validation-test:top/area"]
        VALIDATOR.validate(pruned.root, old, diff(old, pruned.root))

    def test_what_the_same_edit_creates_is_refused(self):
        old = tree("<mode>strict</mode>")
        new = edited(old, "<mode>simple</mode><area/>").root
        pruned = VALIDATOR.prune_false_whens(new, old, diff(old, new))
        assert pruned.deleted == ()
        assert pruned.root is new
        assert [error.kind for error in errors_of(VALIDATOR.validate, new, old, diff(old, new))] == ["when"]

    def test_deletions_that_make_other_conditions_false(self):
        old = tree(item("a") + item("b", "<code>1</code>") + TWO)
        new = edited(old, '<item nc:operation="delete"><name>a</name></item>').root
        new = edited(new, '<item nc:operation="delete"><name>b</name></item>').root
        pruned = VALIDATOR.prune_false_whens(new, old, diff(old, new))
        assert {str(path) for path in pruned.deleted} == {
            "/validation-test:top/follow",
            "/validation-test:top/checks/count",
        }


def test_one_leaf_among_thousands_of_entries_costs_little():
    """No rule that the change can't affect is evaluated, no other entry is looked at."""
    schema = schema_of("interfaces")
    validator = Validator(schema)
    ns = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
    entries = "".join(f"<interface><name>e{n}</name><type>t:other</type></interface>" for n in range(2000))
    text = f'<config><interfaces xmlns="{ns}" xmlns:t="urn:ietf:params:xml:ns:yang:iana-if-type">{entries}'
    old = decode(etree.fromstring(text + "</interfaces></config>"), schema.root, config_only=True)
    entry = "<interface><name>e7</name><description>x</description></interface>"
    edit = apply_edit(old, etree.fromstring(f'<config><interfaces xmlns="{ns}">{entry}</interfaces></config>'))
    interfaces = schema.find("/ietf-interfaces:interfaces/interface")
    entries_node = edit.root.children[interfaces.parent].children[interfaces]
    watched = _Watched(entries_node.entries)
    entries_node.entries = watched
    validator.validate(edit.root, old, diff(old, edit.root, edit.touched))
    assert watched.walks == 0


class _Watched(dict):
    """Entries that notice being walked over."""

    walks = 0

    def __iter__(self):
        self.walks += 1
        return super().__iter__()

    def items(self):
        self.walks += 1
        return super().items()

    def values(self):
        self.walks += 1
        return super().values()
