"""Subtree filters: the examples of RFC 6241 section 6.4, and each kind of node of section 6.2."""

import pytest
from lxml import etree

from agent.netconf.errors import RequestError
from agent.netconf.filters import compile_filter
from agent.yang.selection import select
from agent.yang.tree import AnyNode, Inner, Leaf, ListNode
from tests.cost import count_steps
from tests.netconf.models import EX, OTHER, canonical, schema, shown, tree

ROOT = "<name>root</name><type>superuser</type><full-name>Charlie Root</full-name>"
ROOT_COMPANY = "<company-info><dept>1</dept><id>1</id></company-info>"
FRED = "<name>fred</name><type>admin</type><full-name>Fred Flintstone</full-name>"
BARNEY = "<name>barney</name><type>admin</type><full-name>Barney Rubble</full-name>"
ALL = f"""
<top xmlns="{EX}">
  <users>
    <user>{ROOT}{ROOT_COMPANY}</user>
    <user>{FRED}<company-info><dept>2</dept><id>2</id></company-info><role>miner</role><role>bowler</role></user>
    <user>{BARNEY}<company-info><dept>2</dept><id>3</id></company-info>
      <colour xmlns:e="{EX}">e:red</colour><shoe-size xmlns="{OTHER}">42</shoe-size></user>
  </users>
  <hosts>
    <host><site>a</site><number>1</number><address>10.0.0.1</address></host>
    <host><site>a</site><number>2</number><address>10.0.0.2</address></host>
    <host><site>b</site><number>1</number></host>
  </hosts>
  <rule><name>z</name><limit>3</limit></rule>
  <rule><name>a</name></rule>
  <marker/>
</top>
<top xmlns="{OTHER}"><marker>here</marker></top>
"""


def filtered(filter_children, max_nodes=1000, data=ALL):
    element = etree.fromstring(f"<filter>{filter_children}</filter>")
    return shown(select(tree(data), compile_filter(element, schema(), max_nodes)))


def users(content):
    return f'<top xmlns="{EX}"><users>{content}</users></top>'


def entry_names(root):
    top, users_node = schema().find("/example-config:top"), schema().find("/example-config:top/users")
    return [key[0] for key in root.get(top).get(users_node).get(users_node.child("user")).entries]


class TestExamplesOfTheRfc:
    def test_6_4_1_no_filter_content_selects_nothing(self):
        assert filtered("") == canonical("")

    def test_6_4_2_select_an_entire_subtree(self):
        everything = filtered(f'<top xmlns="{EX}"><users/></top>')
        assert everything == shown(tree(users(ALL.partition("<users>")[2].partition("</users>")[0])))

    def test_6_4_2_containers_without_content_select_the_whole_just_as_well(self):
        assert filtered(users("<user/>")) == filtered(f'<top xmlns="{EX}"><users/></top>')

    def test_6_4_3_select_all_name_elements(self):
        assert filtered(users("<user><name/></user>")) == canonical(
            users("<user><name>root</name></user><user><name>fred</name></user><user><name>barney</name></user>")
        )

    def test_6_4_4_one_specific_user(self):
        assert filtered(users("<user><name>root</name></user>")) == canonical(
            users(f"<user>{ROOT}{ROOT_COMPANY}</user>")
        )

    def test_6_4_5_specific_elements_of_a_specific_user(self):
        assert filtered(users("<user><name>fred</name><type/><full-name/></user>")) == canonical(
            users(f"<user>{FRED}</user>")
        )

    def test_6_4_6_multiple_subtrees(self):
        assert filtered(
            users(
                "<user><name>root</name><company-info/></user>"
                "<user><name>fred</name><company-info><id/></company-info></user>"
                "<user><name>barney</name><type>admin</type><company-info><dept/></company-info></user>"
            )
        ) == canonical(
            users(
                f"<user><name>root</name>{ROOT_COMPANY}</user>"
                "<user><name>fred</name><company-info><id>2</id></company-info></user>"
                "<user><name>barney</name><type>admin</type><company-info><dept>2</dept></company-info></user>"
            )
        )


class TestContentMatch:
    @pytest.mark.parametrize("name", ["fred", "  fred\n"])
    def test_white_space_around_the_value_does_not_count(self, name):
        assert filtered(users(f"<user><name>{name}</name><type/></user>")) == canonical(
            users("<user><name>fred</name><type>admin</type></user>")
        )

    def test_it_works_on_other_leaves_than_keys(self):
        assert filtered(users("<user><type>superuser</type><full-name/></user>")) == canonical(
            users("<user><name>root</name><type>superuser</type><full-name>Charlie Root</full-name></user>")
        )

    def test_all_matches_must_hold(self):
        assert filtered(users("<user><name>fred</name><type>superuser</type></user>")) == canonical("")
        assert filtered(users("<user><name>fred</name><name>root</name></user>")) == canonical("")

    def test_values_are_compared_in_canonical_form(self):
        host = f'<top xmlns="{EX}"><hosts><host><site>a</site><number>%s</number></host></hosts></top>'
        assert filtered(host % "+002") == filtered(host % "2") != canonical("")

    def test_identities_are_compared_by_module_whatever_the_prefix(self):
        shape = users('<user><colour xmlns:any="%s">any:red</colour><shoe-size xmlns=""/></user>')
        barney = select(tree(ALL), compile_filter(etree.fromstring(f"<filter>{shape % EX}</filter>"), schema(), 100))
        assert entry_names(barney) == ["barney"]
        assert filtered(shape % OTHER) == canonical("")

    def test_a_value_that_the_type_does_not_allow_matches_nothing(self):
        assert filtered(users("<user><company-info><dept>many</dept></company-info></user>")) == canonical("")

    def test_an_unknown_leaf_with_content_is_never_true(self):
        assert filtered(users("<user><name>fred</name><shoe>1</shoe></user>")) == canonical("")

    def test_in_a_container_below_an_entry(self):
        assert filtered(users("<user><company-info><id>3</id></company-info></user>")) == canonical(
            users("<user><name>barney</name><company-info><dept>2</dept><id>3</id></company-info></user>")
        )

    def test_one_value_of_a_leaf_list(self):
        assert filtered(users("<user><role>bowler</role><type/></user>")) == canonical(
            users("<user><name>fred</name><type>admin</type><role>bowler</role></user>")
        )

    def test_on_a_top_level_leaf_of_a_container(self):
        assert filtered(f'<top xmlns="{OTHER}"><marker>here</marker></top>') == canonical(
            f'<top xmlns="{OTHER}"><marker>here</marker></top>'
        )
        assert filtered(f'<top xmlns="{OTHER}"><marker>there</marker></top>') == canonical("")

    def test_one_of_several_keys(self):
        assert filtered(f'<top xmlns="{EX}"><hosts><host><site>a</site><number/></host></hosts></top>') == canonical(
            f'<top xmlns="{EX}"><hosts><host><site>a</site><number>1</number></host>'
            "<host><site>a</site><number>2</number></host></hosts></top>"
        )


class TestNamespaces:
    def test_another_namespace_is_another_node(self):
        assert filtered(f'<top xmlns="{OTHER}"/>') == canonical(f'<top xmlns="{OTHER}"><marker>here</marker></top>')
        assert filtered('<top xmlns="urn:unknown"/>') == canonical("")

    def test_without_a_namespace_all_are_meant(self):
        assert filtered("<top><marker/></top>") == canonical(
            f'<top xmlns="{EX}"><marker/></top><top xmlns="{OTHER}"><marker>here</marker></top>'
        )

    def test_without_a_namespace_an_augmenting_leaf_is_found_too(self):
        assert filtered("<top><users><user><name>barney</name><shoe-size/></user></users></top>") == canonical(
            users(f'<user><name>barney</name><shoe-size xmlns="{OTHER}">42</shoe-size></user>')
        )

    def test_an_augmenting_leaf_needs_its_own_namespace(self):
        assert filtered(users("<user><name>barney</name><shoe-size/></user>")) == canonical(
            users("<user><name>barney</name></user>")
        )


class TestAttributes:
    def test_no_ordinary_node_has_any(self):
        assert filtered(users('<user kind="x"/>')) == canonical("")
        assert filtered(users('<user><name kind="x">fred</name></user>')) == canonical("")

    def test_anydata_may_have(self):
        top = schema().find("/example-config:top")
        notes = top.child("notes")
        node = AnyNode(notes, f'<notes xmlns="{EX}" kind="private">hello</notes>'.encode())
        root = Inner(schema().root, {top: Inner(top, {notes: node})})

        def found(kind):
            element = etree.fromstring(f'<filter><top xmlns="{EX}"><notes kind="{kind}"/></top></filter>')
            return shown(select(root, compile_filter(element, schema(), 100)))

        assert found("public") == canonical("")
        assert found("private") == canonical(f'<top xmlns="{EX}"><notes kind="private">hello</notes></top>')


class TestUnion:
    def test_overlapping_subtrees_are_not_doubled(self):
        assert filtered(users("<user><name>fred</name></user>") + users("<user><name>fred</name><type/></user>")) == (
            filtered(users("<user><name>fred</name></user>"))
        )

    def test_a_user_ordered_list_keeps_its_order(self):
        rules = f'<top xmlns="{EX}"><rule><name>a</name></rule><rule><name>z</name></rule></top>'
        assert filtered(rules) == filtered(f'<top xmlns="{EX}"><rule/></top>')

    def test_nothing_is_left_of_containers_in_which_nothing_was_selected(self):
        assert filtered(users("<nobody/>")) == canonical("")
        assert filtered(f'<top xmlns="{EX}">text</top>') == canonical("")


def test_a_filter_has_a_limited_size():
    with pytest.raises(RequestError) as refusal:
        filtered(users("<user/>" * 20), max_nodes=10)
    assert refusal.value.errors[0].tag == "too-big"


def many_users(count):
    """A tree with `count` users, made without a parser."""
    top, user = schema().find("/example-config:top"), schema().find("/example-config:top/users/user")
    users_node, name, full = user.data_parent, user.child("name"), user.child("full-name")
    entries = {
        (text,): Inner(user, {name: Leaf(name, text), full: Leaf(full, "x")}, (text,))
        for text in (f"user-{number}" for number in range(count))
    }
    return Inner(schema().root, {top: Inner(top, {users_node: Inner(users_node, {user: ListNode(user, entries)})})})


def test_one_entry_of_ten_thousand_is_found_by_its_key():
    few, many = many_users(10), many_users(10_000)
    element = etree.fromstring(f"<filter>{users('<user><name>user-7</name></user>')}</filter>")

    def once(root):
        return select(root, compile_filter(element, schema(), 1000))

    for root in (few, many):
        assert shown(once(root)) == canonical(users("<user><name>user-7</name><full-name>x</full-name></user>"))
    assert count_steps(lambda: once(many)) == count_steps(lambda: once(few))


def test_a_hostile_filter_of_many_alternatives_is_no_product():
    def cost(entries, alternatives):
        root = many_users(entries)
        wanted = "".join(f"<user><full-name>f{number}</full-name><type/></user>" for number in range(alternatives))
        element = etree.fromstring(f"<filter>{users(wanted)}</filter>")
        assert shown(select(root, compile_filter(element, schema(), 100_000))) == canonical("")
        return count_steps(lambda: select(root, compile_filter(element, schema(), 100_000)))

    # Ten times the entries and ten times the alternatives are ten times the work, not a hundred times.
    assert cost(1_000, 600) < 11 * cost(100, 60)
