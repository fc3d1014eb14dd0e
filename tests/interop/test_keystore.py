"""The keystore as clients of RFC 9642 have it: read, asked for requests, never written."""

import base64
import contextlib
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7
from lxml import etree
from ncclient.operations import RPCError
from ncclient.xml_ import to_ele

from agent.clock import yang_date_and_time
from agent.modules_implemented import FEATURES, IMPLEMENTED_MODULES
from agent.yang.compiler import compile_schema
from agent.yang.modules import default_search_path
from examples import certificate_request, journey
from tests.interop.raw_netconf import BASE, chunk, error_tags, hello, local, messages, rpc, talk
from tests.pki.request_infos import request_info, verified_by_openssl
from tests.yang.yanglint import complaints_about_notification

KS = "urn:ietf:params:xml:ns:yang:ietf-keystore"
CT = "urn:ietf:params:xml:ns:yang:ietf-crypto-types"
NS = {"ks": KS, "ct": CT, "yl": "urn:ietf:params:xml:ns:yang:ietf-yang-library"}
LEAF_WARNING = f"//ks:certificate[ks:name='{journey.TRUSTPOINT}:router']/ks:certificate-expiration"
SCRIPT = Path(certificate_request.__file__)


@pytest.fixture(scope="module")
def m(shared_agent):
    """A session with an agent that has an enrolled trustpoint and a key besides."""
    with shared_agent.connect() as manager:
        enroll_system_trustpoint(manager)
        journey.generate_key(manager, "ecdsa-nistp256", "lab")
        yield manager


def enroll_system_trustpoint(manager):
    journey.set_names(manager, "ios", "cisco.com")
    for label in ("system-root-key", "system-enroll-key"):
        journey.generate_key(manager, "ecdsa-nistp256", label)
    journey.configure_trustpoint(manager, "ecdsa-nistp256")
    journey.authenticate(manager)
    journey.enroll(manager)


def inside(content):
    return f'<keystore xmlns="{KS}"><asymmetric-keys>{content}</asymmetric-keys></keystore>'


def action(name, info, csr_format="ct:p10-csr-format"):
    content = (
        f"<asymmetric-key><name>{name}</name><generate-csr>"
        f'<csr-format xmlns:ct="{CT}">{csr_format}</csr-format><csr-info>{base64.b64encode(info).decode()}</csr-info>'
        "</generate-csr></asymmetric-key>"
    )
    return f'<action xmlns="urn:ietf:params:xml:ns:yang:1">{inside(content)}</action>'


def names(data):
    return [name.text for name in data.iterfind(".//ks:asymmetric-key/ks:name", NS)]


def refused(call):
    with pytest.raises(RPCError) as caught:
        call()
    return caught.value


def test_hello_and_yang_library_tell_of_both_modules(m):
    told = [text for text in m.server_capabilities if text.startswith((KS, CT))]
    assert len(told) == 2
    assert any("module=ietf-keystore&revision=2024-10-10" in text for text in told)
    listing = m.get(("subtree", f'<yang-library xmlns="{NS["yl"]}"><module-set/></yang-library>')).data_ele
    (keystore,) = listing.xpath("//yl:module[yl:name='ietf-keystore']", namespaces=NS)
    assert [leaf.text for leaf in keystore.iterfind("yl:feature", NS)] == [
        "central-keystore-supported",
        "asymmetric-keys",
    ]
    assert keystore.findtext("yl:deviation", namespaces=NS) == "trustconf-deviations"
    assert "container keystore" in m.get_schema("ietf-keystore", version="2024-10-10").data


def test_the_keys_and_their_certificates(m):
    data = m.get(("subtree", f'<keystore xmlns="{KS}"/>')).data_ele
    assert names(data) == [f"ecdsa-nistp256:{label}" for label in ("system-root-key", "system-enroll-key", "lab")]
    root, leaf, lab = data.iterfind(".//ks:asymmetric-key", NS)
    assert lab.find("ks:certificates", NS) is None
    assert lab.find("ks:hidden-private-key", NS).text is None
    prefix, _, identity = lab.findtext("ks:public-key-format", namespaces=NS).rpartition(":")
    assert (lab.find("ks:public-key-format", NS).nsmap[prefix or None], identity) == (
        CT,
        "subject-public-key-info-format",
    )
    certificates = [
        pkcs7.load_der_pkcs7_certificates(base64.b64decode(entry.findtext(".//ks:cert-data", namespaces=NS)))
        for entry in (root, leaf)
    ]
    assert [len(bag) for bag in certificates] == [1, 2]
    assert leaf.findtext(".//ks:certificate/ks:name", namespaces=NS) == f"{journey.TRUSTPOINT}:router"


def test_nothing_of_it_is_configuration(m):
    assert len(m.get_config("running", ("subtree", f'<keystore xmlns="{KS}"/>')).data_ele) == 0


@pytest.mark.parametrize(
    "expression",
    [
        "/ks:keystore/ks:asymmetric-keys/ks:asymmetric-key[ks:name='ecdsa-nistp256:system-enroll-key']",
        "//ks:asymmetric-key[ks:certificates/ks:certificate/ks:name='system-trustpoint:router']",
        "//ks:certificate[ks:name='system-trustpoint:router']/ks:cert-data",
    ],
)
def test_by_xpath(m, expression):
    data = m.get(("xpath", (NS, expression))).data_ele
    assert names(data) == ["ecdsa-nistp256:system-enroll-key"]


def test_the_example_has_a_request_signed(m, shared_agent):
    made = subprocess.run(
        [
            sys.executable, SCRIPT, "--port", str(shared_agent.port), "--key", shared_agent.key_file,
            "ecdsa-nistp256:lab", "router1.example.com", "router1",
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    der = subprocess.run(["openssl", "req", "-outform", "DER"], input=made.stdout.encode(), capture_output=True).stdout
    text = verified_by_openssl(der)
    assert "Subject: CN = router1.example.com" in text
    assert "DNS:router1.example.com, DNS:router1" in text


def test_a_request_over_literal_bytes(m, shared_agent):
    public_key = certificate_request.read_public_key(m, "ecdsa-nistp256:lab")
    wanted = request_info(public_key, "raw")
    (reply,) = messages(talk(shared_agent, hello() + chunk(rpc(action("ecdsa-nistp256:lab", wanted)))))
    assert [child.tag for child in reply] == [f"{{{KS}}}p10-csr"]
    assert "Subject: CN = raw" in verified_by_openssl(base64.b64decode(reply[0].text))


@pytest.mark.parametrize(
    ("name", "info", "csr_format", "tag", "app_tag"),
    [
        ("ecdsa-nistp256:lab", b"no request", "ct:p10-csr-format", "invalid-value", "invalid-csr-info"),
        ("ecdsa-nistp256:system-root-key", None, "ct:p10-csr-format", "invalid-value", "csr-key-mismatch"),
        ("ecdsa-nistp256:none", None, "ct:p10-csr-format", "data-missing", None),
        ("none", None, "ct:p10-csr-format", "data-missing", None),
        ("ecdsa-nistp256:lab", None, "ct:cmc-csr-format", "invalid-value", None),
        ("ecdsa-nistp256:lab", None, "ct:csr-format", "invalid-value", None),
    ],
)
def test_what_is_not_signed(m, name, info, csr_format, tag, app_tag):
    info = info or request_info(certificate_request.read_public_key(m, "ecdsa-nistp256:lab"))
    error = refused(lambda: m.dispatch(to_ele(action(name, info, csr_format))))
    assert (error.tag, error.app_tag) == (tag, app_tag)
    if app_tag is not None:
        assert error.path.endswith(f"/ks:asymmetric-key[ks:name='{name}']/ks:generate-csr/ks:csr-info")


@pytest.mark.parametrize(
    "content",
    [
        "<asymmetric-key><name>mine</name></asymmetric-key>",
        "<asymmetric-key><name>ecdsa-nistp256:lab</name><public-key>AAAA</public-key></asymmetric-key>",
        '<asymmetric-key nc:operation="delete"><name>ecdsa-nistp256:lab</name></asymmetric-key>',
    ],
)
def test_it_can_not_be_edited(m, content):
    config = f'<config xmlns="{BASE}" xmlns:nc="{BASE}">{inside(content)}</config>'
    error = refused(lambda: m.edit_config(config, target="candidate"))
    assert error.tag == "bad-element"
    assert "state data" in error.message
    assert "keystore" in etree.tostring(to_ele(error.info)).decode()


def test_no_private_key_can_be_put_in(m):
    content = "<asymmetric-key><name>mine</name><cleartext-private-key>AAAA</cleartext-private-key></asymmetric-key>"
    config = f'<config xmlns="{BASE}">{inside(content)}</config>'
    assert refused(lambda: m.edit_config(config, target="running")).tag == "bad-element"


def test_an_action_needs_the_key_of_its_entry(shared_agent, m):
    without = action("x", b"x").replace("<name>x</name>", "")
    (reply,) = messages(talk(shared_agent, hello() + chunk(rpc(without))))
    assert local(reply[0]) == "rpc-error"
    assert error_tags(reply) == ["missing-element"]


# The last one: it makes the certificates of this module's agent short-lived.
def test_a_certificate_that_ends_soon_is_told_of(shared_agent, m, tmp_path):
    filters = {
        "subtree": ("subtree", inside("<asymmetric-key><certificates/></asymmetric-key>")),
        "xpath": ("xpath", (NS, LEAF_WARNING)),
        "none of these": ("xpath", (NS, "//ks:certificate[ks:name='other:router']")),
    }
    with contextlib.ExitStack() as sessions:
        subscribers = {name: sessions.enter_context(shared_agent.connect()) for name in filters}
        for name, subscriber in subscribers.items():
            subscriber.create_subscription(filter=filters[name])
        journey.edit_candidate(
            m,
            f'<trustpoints xmlns="{journey.NS["tct"]}"><trustpoint><name>{journey.TRUSTPOINT}</name>'
            "<lifetime><certificate>30</certificate></lifetime></trustpoint></trustpoints>",
        )
        m.commit()
        journey.enroll(m)
        told = [subscribers[name].take_notification(timeout=30) for name in ("subtree", "xpath")]
        assert subscribers["none of these"].take_notification(block=False) is None
    assert len({etree.tostring(notification.notification_ele[1]) for notification in told}) == 1
    (entry,) = told[0].notification_ele.iterfind(".//ks:asymmetric-key", NS)
    assert entry.findtext("ks:name", namespaces=NS) == "ecdsa-nistp256:system-enroll-key"
    end = x509.load_pem_x509_certificate(journey.read_certificates(m)["router"].encode()).not_valid_after_utc
    assert entry.findtext(".//ks:expiration-date", namespaces=NS) == yang_date_and_time(end)
    schema = compile_schema(IMPLEMENTED_MODULES, default_search_path(), FEATURES)
    assert complaints_about_notification(tmp_path, schema, told[0].notification_xml.encode()) == ""


def test_the_warnings_come_by_the_schedule(agent_on_a_clock):
    with agent_on_a_clock.connect() as m:
        enroll_system_trustpoint(m)
    with agent_on_a_clock.connect() as subscriber:
        subscriber.create_subscription(filter=("xpath", (NS, LEAF_WARNING)))
        # The certificate has 300 days: nothing comes before its last 60, then one warning a week.
        for days, left in ((239, None), (1, 60), (7, 53), (53, 0)):
            agent_on_a_clock.advance(days=days, minutes=1)
            if left is None:
                continue
            time, warning = subscriber.take_notification(timeout=30).notification_ele
            end = datetime.fromisoformat(warning.findtext(".//ks:expiration-date", namespaces=NS))
            assert timedelta() <= datetime.fromisoformat(time.text) - (end - timedelta(days=left)) < timedelta(hours=12)
