"""How tools find out what the device is and what it can: YANG Suite and other explorers, Ansible, NAPALM."""

import re
from urllib.parse import parse_qs

import pytest
from lxml import etree
from ncclient import manager as ncclient_manager
from ncclient.operations import RPCError
from ncclient.xml_ import to_ele

from tests.agent_process import ADMIN

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
BASE_1_1 = "urn:ietf:params:xml:ns:netconf:base:1.1"
NS = {
    "nc": BASE,
    "ncm": "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring",
    "yanglib": "urn:ietf:params:xml:ns:yang:ietf-yang-library",
    "sys": "urn:ietf:params:xml:ns:yang:ietf-system",
    "tcs": "urn:trustconf:yang:trustconf-system",
    "rbh": "http://cisco.com/ns/yang/Cisco-IOS-XR-linux-os-reboot-history-oper",
}


@pytest.fixture(scope="module")
def m(shared_agent):
    with shared_agent.connect() as manager:
        yield manager


def get(m, path):
    """A container at the top, by a subtree filter."""
    prefix, name = path.split(":")
    return m.get(("subtree", f'<{name} xmlns="{NS[prefix]}"/>')).data_ele.find(path, NS)


def texts(element, path):
    return element.xpath(f"{path}/text()", namespaces=NS)


@pytest.fixture(scope="module")
def library(m):
    return get(m, "yanglib:yang-library")


@pytest.fixture(scope="module")
def module_capabilities(m):
    """{module: revision} of the hello."""
    found = {}
    for capability in m.server_capabilities:
        parameters = parse_qs(capability.partition("?")[2])
        if "module" in parameters:
            found[parameters["module"][0]] = parameters.get("revision", [""])[0]
    return found


class TestSchemaDiscovery:
    def test_the_library_capability_and_the_library_have_one_content_id(self, m, library):
        [capability] = [uri for uri in m.server_capabilities if "capability:yang-library:1.1" in uri]
        announced = parse_qs(capability.partition("?")[2])
        assert announced["revision"] == ["2019-01-04"]
        assert announced["content-id"] == texts(library, "yanglib:content-id")
        assert texts(get(m, "yanglib:modules-state"), "yanglib:module-set-id") == announced["content-id"]

    def test_hello_library_modules_state_and_schemas_agree(self, m, library, module_capabilities):
        implemented = {
            module.findtext("yanglib:name", namespaces=NS): module.findtext("yanglib:revision", "", NS)
            for module in library.iterfind("yanglib:module-set/yanglib:module", NS)
        }
        assert implemented == module_capabilities
        imported = {
            (module.findtext("yanglib:name", namespaces=NS), module.findtext("yanglib:revision", namespaces=NS))
            for module in library.iterfind("yanglib:module-set/yanglib:import-only-module", NS)
        }
        everything = implemented.items() | imported
        legacy = {
            (
                module.findtext("yanglib:name", namespaces=NS),
                module.findtext("yanglib:revision", "", NS) or "",
            ): module.findtext("yanglib:conformance-type", namespaces=NS)
            for module in get(m, "yanglib:modules-state").iterfind("yanglib:module", NS)
        }
        assert {module for module, kind in legacy.items() if kind == "implement"} == set(implemented.items())
        assert {module for module, kind in legacy.items() if kind == "import"} == imported
        schemas = m.get(("subtree", f'<netconf-state xmlns="{NS["ncm"]}"><schemas/></netconf-state>')).data_ele
        listed = {
            (schema.findtext("ncm:identifier", namespaces=NS), schema.findtext("ncm:version", "", NS) or "")
            for schema in schemas.iterfind(".//ncm:schema", NS)
        }
        assert listed >= everything

    def test_all_modules_of_the_hello_are_in_the_datastores(self, library):
        datastores = texts(library, "yanglib:datastore/yanglib:name")
        assert {name.rpartition(":")[2] for name in datastores} == {"running", "candidate", "operational"}
        assert set(texts(library, "yanglib:datastore/yanglib:schema")) == set(
            texts(library, "yanglib:schema/yanglib:name")
        )

    @pytest.mark.parametrize("version", [None, "2014-08-06"])
    def test_get_schema(self, m, version):
        text = m.get_schema("ietf-system", version=version, format="yang").data
        assert re.search(r"^module ietf-system \{", text, re.MULTILINE)
        assert "revision 2014-08-06" in text
        assert "container system {" in text

    @pytest.mark.parametrize(
        "arguments", [("no-such-module",), ("ietf-system", "1999-01-01"), ("ietf-system", None, "yin"), ("../../x",)]
    )
    def test_schemas_that_are_not_there(self, m, arguments):
        with pytest.raises(RPCError) as refusal:
            m.get_schema(*arguments)
        assert refusal.value.tag == "invalid-value"
        assert refusal.value.message

    def test_the_streams_of_events(self, m):
        found = m.get(("subtree", '<netconf xmlns="urn:ietf:params:xml:ns:netmod:notification"><streams/></netconf>'))
        assert found.data_ele.xpath("//*[local-name()='stream']/*[local-name()='name']/text()") == ["NETCONF"]


class TestAnsible:
    def test_the_network_os_is_seen_in_the_capabilities(self, m):
        # ansible.netcommon's netconf plugin for iosxr looks for this text in the capabilities, one by one.
        assert any(re.search("IOS-XR", capability) for capability in m.server_capabilities)

    @pytest.mark.parametrize("device", ["default", "iosxr", "iosxe"])
    def test_device_handlers_of_ncclient(self, shared_agent, device):
        with ncclient_manager.connect(
            host="127.0.0.1", port=shared_agent.port, username=ADMIN, key_filename=str(shared_agent.key_file),
            hostkey_verify=False, allow_agent=False, look_for_keys=False, device_params={"name": device}, timeout=60,
        ) as m:  # fmt: skip
            config = f'<config xmlns="{BASE}"><system xmlns="{NS["sys"]}"><contact>{device}</contact></system></config>'
            m.edit_config(target="candidate", config=config, default_operation="merge")
            m.commit()
            data = m.get_config("running", ("subtree", f'<system xmlns="{NS["sys"]}"><contact/></system>')).data_ele
            assert texts(data, "sys:system/sys:contact") == [device]


class TestNapalm:
    """NAPALM's driver for IOS XR writes its <get> in the namespace of base:1.1, filter included."""

    @pytest.mark.parametrize("namespace", [BASE, BASE_1_1])
    def test_get_with_a_subtree_of_several_modules(self, m, namespace):
        rpc = (
            f'<get xmlns="{namespace}"><filter>'
            f'<system-state xmlns="{NS["sys"]}"><platform><os-name/></platform>'
            f'<agent xmlns="{NS["tcs"]}"><uptime/><name/></agent></system-state>'
            f'<reboot-history xmlns="{NS["rbh"]}"/>'
            "</filter></get>"
        )
        data = m.dispatch(to_ele(rpc)).xml
        state = etree.fromstring(data.encode()).find("nc:data/sys:system-state", NS)
        assert [etree.QName(child).localname for child in state] == ["platform", "agent"]
        assert texts(state, "sys:platform/sys:os-name") == ["Linux"]
        assert {etree.QName(leaf).localname for leaf in state.find("tcs:agent", NS)} == {"uptime", "name"}

    def test_get_config_with_its_filter(self, m):
        rpc = (
            f'<get-config xmlns="{BASE_1_1}"><source><running/></source><filter type="subtree">'
            f'<system xmlns="{NS["sys"]}"><authentication><user><name>{ADMIN}</name></user></authentication></system>'
            "</filter></get-config>"
        )
        data = etree.fromstring(m.dispatch(to_ele(rpc)).xml.encode())
        assert texts(data, ".//sys:user/sys:name") == [ADMIN]
        assert texts(data, ".//tcs:group") == ["administrators"]


class TestFilters:
    """What people type: the same selection by a subtree and by an XPath."""

    @pytest.mark.parametrize(
        ("subtree", "xpath", "count"),
        [
            ("<netconf-state xmlns='{ncm}'><sessions/></netconf-state>", "/ncm:netconf-state/ncm:sessions", None),
            (
                "<netconf-state xmlns='{ncm}'><schemas><schema><identifier>ietf-system</identifier></schema></schemas>"
                "</netconf-state>",
                "/ncm:netconf-state/ncm:schemas/ncm:schema[ncm:identifier='ietf-system']",
                1,
            ),
            (
                "<system xmlns='{sys}'><authentication><user><name>admin</name><group xmlns='{tcs}'/></user>"
                "</authentication></system>",
                "/sys:system/sys:authentication/sys:user[sys:name='admin']/tcs:group",
                1,
            ),
            (
                "<modules-state xmlns='{yanglib}'><module><name>ietf-system</name><revision/></module></modules-state>",
                "/yanglib:modules-state/yanglib:module[yanglib:name='ietf-system']/yanglib:revision",
                1,
            ),
            ("<system xmlns='{sys}'><hostname>nobody</hostname></system>", "/sys:system[sys:hostname='nobody']", 0),
            ("<nothing xmlns='urn:nobody'/>", "/sys:system/sys:nothing", 0),
        ],
    )
    def test_get_by_subtree_and_by_xpath(self, m, subtree, xpath, count):
        by_subtree = m.get(("subtree", subtree.format(**NS))).data_ele
        namespaces = {prefix: uri for prefix, uri in NS.items() if f"{prefix}:" in xpath}
        by_xpath = m.get(("xpath", (namespaces, xpath))).data_ele
        found = by_xpath.xpath(f".{xpath}", namespaces=NS)
        if count is None:
            assert found
        else:
            assert len(found) == count
        if count:
            key = lambda data: etree.tostring(data, method="c14n2", strip_text=True)  # noqa: E731
            assert key(by_subtree) == key(by_xpath)

    @pytest.mark.parametrize(
        ("xpath", "tag"),
        [
            ("/sys:system[", "invalid-value"),
            ("/nope:system", "invalid-value"),
            ("no-such-function()", "invalid-value"),
            ("count(/sys:system)", "invalid-value"),
        ],
    )
    def test_expressions_that_can_not_be(self, m, xpath, tag):
        with pytest.raises(RPCError) as refusal:
            m.get_config("running", ("xpath", ({"sys": NS["sys"]}, xpath)))
        assert refusal.value.tag == tag
        assert refusal.value.message
