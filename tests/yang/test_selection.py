"""Cutting trees and uniting them: the answer is right, shared where it can be, and the originals are untouched."""

from hypothesis import given
from hypothesis import strategies as st

from agent.yang.paths import parse
from agent.yang.selection import Selection, extract, merge, select
from tests.netconf.models import EX, canonical, schema, shown, tree

USERS = f"""<top xmlns="{EX}"><users>
  <user><name>fred</name><type>admin</type><company-info><id>1</id></company-info><role>a</role><role>b</role></user>
  <user><name>wilma</name><type>guest</type></user></users></top>"""
CLOCK = f'<clock xmlns="{EX}">%s</clock>'


def node(path):
    return schema().find(path)


USER = node("/example-config:top/users/user")


def of_user(*selections):
    return Selection(USER.data_parent.data_parent, children=(Selection(USER.data_parent, children=selections),))


def users(content):
    return canonical(f'<top xmlns="{EX}"><users>{content}</users></top>')


class TestSelect:
    def test_nothing(self):
        assert shown(select(tree(USERS), ())) == canonical("")

    def test_whole_subtrees_are_shared(self):
        root = tree(USERS)
        top = node("/example-config:top")
        assert select(root, (Selection(top, everything=True),)).get(top) is root.get(top)

    def test_an_entry_by_key_is_shared(self):
        root = tree(USERS)
        found = select(root, (of_user(Selection(USER, matches=((USER.child("name"), "fred"),), everything=True)),))
        assert extract_user(found, "fred") is extract_user(root, "fred")

    def test_keys_come_with_what_is_selected(self):
        found = select(tree(USERS), (of_user(Selection(USER, children=(Selection(USER.child("type")),))),))
        assert shown(found) == users(
            "<user><name>fred</name><type>admin</type></user><user><name>wilma</name><type>guest</type></user>"
        )

    def test_entries_without_anything_selected_are_left_out(self):
        info = USER.child("company-info")
        found = select(tree(USERS), (of_user(Selection(USER, children=(Selection(info),))),))
        assert shown(found) == users("<user><name>fred</name><company-info><id>1</id></company-info></user>")

    def test_selections_of_one_node_add_up(self):
        name, kind = USER.child("name"), USER.child("type")
        found = select(
            tree(USERS),
            (
                of_user(Selection(USER, matches=((name, "fred"),), children=(Selection(kind),))),
                of_user(Selection(USER, matches=((kind, "guest"),), everything=True)),
            ),
        )
        assert shown(found) == users(
            "<user><name>fred</name><type>admin</type></user><user><name>wilma</name><type>guest</type></user>"
        )

    def test_a_value_of_a_leaf_list(self):
        role = USER.child("role")
        found = select(
            tree(USERS),
            (of_user(Selection(USER, matches=((role, "b"),), children=(Selection(role, ((role, "b"),)),))),),
        )
        assert shown(found) == users("<user><name>fred</name><role>b</role></user>")

    def test_the_tree_itself_is_not_changed(self):
        root = tree(USERS)
        before = shown(root)
        select(root, (of_user(Selection(USER, children=(Selection(USER.child("type")),))),))
        assert shown(root) == before


def extract_user(root, name):
    return root.get(node("/example-config:top")).get(USER.data_parent).get(USER).entries[(name,)]


class TestExtract:
    def cut(self, *paths):
        return shown(extract(tree(USERS), [parse(path, schema().root) for path in paths]))

    def test_a_leaf_comes_with_its_ancestors_and_their_keys(self):
        assert self.cut("/example-config:top/users/user[name='fred']/type") == users(
            "<user><name>fred</name><type>admin</type></user>"
        )

    def test_what_is_not_there_is_left_out(self):
        assert self.cut("/example-config:top/users/user[name='barney']/type") == canonical("")

    def test_a_subtree_and_a_part_of_it_in_either_order(self):
        paths = ["/example-config:top/users/user[name='fred']", "/example-config:top/users/user[name='fred']/type"]
        assert self.cut(*paths) == self.cut(*reversed(paths)) == self.cut(paths[0])

    def test_single_values_of_a_leaf_list(self):
        assert self.cut("/example-config:top/users/user[name='fred']/role[.='b']") == users(
            "<user><name>fred</name><role>b</role></user>"
        )

    def test_the_root_is_everything(self):
        assert self.cut("/") == shown(tree(USERS))


class TestMerge:
    def test_with_nothing_it_is_the_same_tree(self):
        root, nothing = tree(USERS), tree("")
        assert merge(root, nothing) is root
        assert merge(nothing, root) is root

    def test_entries_are_united_by_key(self):
        more = f'<top xmlns="{EX}"><users><user><name>fred</name><full-name>F</full-name></user>'
        more += "<user><name>barney</name></user></users></top>"
        assert shown(merge(tree(USERS), tree(more))) == users(
            "<user><name>fred</name><type>admin</type><full-name>F</full-name>"
            "<company-info><id>1</id></company-info><role>a</role><role>b</role></user>"
            "<user><name>wilma</name><type>guest</type></user><user><name>barney</name></user>"
        )

    def test_of_two_values_the_second_counts(self):
        first, second = (tree(CLOCK % f"<ticks>{number}</ticks>") for number in (1, 2))
        assert shown(merge(first, second)) == canonical(CLOCK % "<ticks>2</ticks>")

    def test_keyless_entries_all_stay_even_equal_ones(self):
        beats = "<beat><at>1</at></beat><beat><at>1</at></beat>"
        assert shown(merge(tree(CLOCK % beats), tree(CLOCK % beats))) == canonical(CLOCK % (beats * 2))

    @given(st.lists(st.sets(st.sampled_from("abcdef")), min_size=3, max_size=3))
    def test_it_does_not_matter_how_three_trees_are_put_together(self, sets):
        a, b, c = (tree(f'<top xmlns="{EX}"><users>{entries(names)}</users></top>') for names in sets)
        assert shown(merge(merge(a, b), c)) == shown(merge(a, merge(b, c)))


def entries(names):
    return "".join(f"<user><name>{name}</name></user>" for name in sorted(names))
