"""get, get-config and get-schema, as a client sees them."""

import pytest
from lxml import etree

from agent.netconf.namespaces import MONITORING, base
from tests.netconf.models import EX, OTHER, canonical, schema
from tests.netconf.rig import edit, get_config, subtree, users


def content(element):
    """What is inside <data>, comparable."""
    return canonical(b"".join(etree.tostring(child) for child in element))


@pytest.fixture
def filled(client):
    client.ok(edit(users("fred", "wilma") + f'<top xmlns="{OTHER}"><marker>m</marker></top>', "running"))
    client.ok(edit(users("barney")))
    return client


class TestGetConfig:
    def test_each_datastore_has_its_own_content(self, filled):
        running = content(filled.data(get_config("running")))
        assert running == canonical(users("fred", "wilma") + f'<top xmlns="{OTHER}"><marker>m</marker></top>')
        assert "barney" in str(content(filled.data(get_config("candidate"))))

    def test_there_is_no_state_in_it(self, filled):
        assert not len(filled.data(get_config(inside=subtree(f'<clock xmlns="{EX}"/>'))))

    def test_a_subtree_filter(self, filled):
        found = filled.data(get_config(inside=subtree(users("fred"))))
        assert content(found) == canonical(users("fred"))

    def test_an_empty_filter_selects_nothing(self, filled):
        assert not len(filled.data(get_config(inside=subtree(""))))
        assert not len(filled.data(get_config(inside="<filter/>")))

    def test_an_xpath_filter(self, filled):
        found = filled.data(
            get_config(inside=f'<filter type="xpath" xmlns:e="{EX}" select="/e:top/e:users/e:user[e:name=\'wilma\']"/>')
        )
        assert content(found) == canonical(users("wilma"))

    def test_an_xpath_filter_that_selects_a_leaf_gives_the_keys_too(self, filled):
        filled.ok(
            edit(f'<top xmlns="{EX}"><users><user><name>fred</name><type>x</type></user></users></top>', "running")
        )
        found = filled.data(get_config(inside=f'<filter type="xpath" xmlns:e="{EX}" select="//e:type"/>'))
        assert content(found) == canonical(
            f'<top xmlns="{EX}"><users><user><name>fred</name><type>x</type></user></users></top>'
        )

    @pytest.mark.parametrize("select", ["", "][", "/x:top", "1 + 1", "//e:user[foo()]"])
    def test_a_bad_xpath_is_refused(self, filled, select):
        error = filled.error(get_config(inside=f'<filter type="xpath" xmlns:e="{EX}" select="{select}"/>'))
        assert error.tag == "invalid-value"

    def test_an_xpath_filter_needs_select(self, filled):
        error = filled.error(get_config(inside='<filter type="xpath"/>'))
        assert error.tag == "missing-attribute"
        assert error.info == {base("bad-attribute"): "select", base("bad-element"): "filter"}

    def test_an_unknown_filter_type(self, filled):
        error = filled.error(get_config(inside='<filter type="regex"/>'))
        assert error.tag == "bad-attribute"
        assert error.info == {base("bad-attribute"): "type", base("bad-element"): "filter"}

    def test_a_filter_type_in_the_base_namespace_counts(self, filled):
        assert not len(filled.data(get_config(inside=f'<filter xmlns:n="{base("")[1:-1]}" n:type="subtree"/>')))

    @pytest.mark.parametrize(
        ("operation", "tag", "bad"),
        [
            ("<get-config/>", "missing-element", "source"),
            ("<get-config><source/></get-config>", "missing-element", "source"),
            (get_config("nowhere"), "unknown-element", "nowhere"),
            ("<get-config><source><running/><candidate/></source></get-config>", "bad-element", "candidate"),
        ],
    )
    def test_a_wrong_source(self, client, operation, tag, bad):
        error = client.error(operation)
        assert (error.tag, error.info) == (tag, {base("bad-element"): bad})

    def test_startup_is_not_supported(self, client):
        assert client.error(get_config("startup")).tag == "operation-not-supported"


class TestGet:
    def test_configuration_and_state_together(self, filled):
        found = str(content(filled.data("<get/>")))
        assert "fred" in found
        assert "ticks" in found
        assert "netconf-state" in found

    def test_state_is_asked_only_where_the_filter_can_match(self, rig, filled):
        filled.data(f"<get>{subtree(users('fred'))}</get>")
        assert rig.asked == []
        filled.data(f'<get>{subtree(f"""<clock xmlns="{EX}"><ticks/></clock>""")}</get>')
        assert [query.children for query in rig.asked] == [frozenset({"ticks"})]

    def test_entries_of_keyless_lists_all_come(self, filled):
        found = filled.data(f'<get>{subtree(f"""<clock xmlns="{EX}"><beat><loud>true</loud></beat></clock>""")}</get>')
        assert content(found) == canonical(
            f'<clock xmlns="{EX}"><beat><at>1</at><loud>true</loud></beat>'
            "<beat><at>1</at><loud>true</loud></beat></clock>"
        )

    def test_an_xpath_filter_on_state(self, rig, filled):
        found = filled.data(f'<get><filter type="xpath" xmlns:e="{EX}" select="/e:clock/e:ticks"/></get>')
        assert content(found) == canonical(f'<clock xmlns="{EX}"><ticks>5</ticks></clock>')


class TestGetSchema:
    def ask(self, client, inside):
        return client.rpc(f'<get-schema xmlns="{MONITORING}">{inside}</get-schema>')[0]

    def test_every_listed_schema_can_be_fetched(self, client):
        listed = client.data(
            f'<get>{subtree(f"""<netconf-state xmlns="{MONITORING}"><schemas/></netconf-state>""")}</get>'
        )
        entries = list(listed.iter(f"{{{MONITORING}}}schema"))
        assert len(entries) == len(schema().modules)
        for entry in entries:
            name, version = (entry.findtext(f"{{{MONITORING}}}{leaf}") for leaf in ("identifier", "version"))
            found = self.ask(client, f"<identifier>{name}</identifier><version>{version}</version>")
            assert found.tag == f"{{{MONITORING}}}data"
            assert found.text == schema().modules[name].text.replace("\f", "\ufffd")

    @pytest.mark.parametrize("form", ["yang", "ncm:yang", "  ncm:yang "])
    def test_the_version_may_be_left_out_and_the_format_written_in_both_ways(self, client, form):
        inside = f'<identifier>example-config</identifier><format xmlns:ncm="{MONITORING}">{form}</format>'
        assert self.ask(client, inside).text.startswith("module example-config {")

    @pytest.mark.parametrize(
        "inside",
        [
            "<identifier>nothing</identifier>",
            "<identifier>../../etc/passwd</identifier>",
            "<identifier>example-config</identifier><version>2001-01-01</version>",
            "<identifier>example-config</identifier><version/>",
            "<identifier>example-config</identifier><format>yin</format>",
            '<identifier>example-config</identifier><format xmlns:o="urn:o">o:yang</format>',
        ],
    )
    def test_what_is_not_there(self, client, inside):
        error = client.error(f'<get-schema xmlns="{MONITORING}">{inside}</get-schema>')
        assert error.tag == "invalid-value"

    def test_the_identifier_is_needed(self, client):
        error = client.error(f'<get-schema xmlns="{MONITORING}"/>')
        assert (error.tag, error.info) == ("missing-element", {base("bad-element"): "identifier"})
