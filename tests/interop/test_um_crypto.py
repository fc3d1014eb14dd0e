"""Cisco-IOS-XR-um-crypto-cfg from outside: configured as the tools for IOS XR do it, with candidate and locks."""

import subprocess

import pytest
from lxml import etree
from ncclient.operations import RPCError

from examples import journey

UM = "http://cisco.com/ns/yang/Cisco-IOS-XR-um-crypto-cfg"
NC = journey.NS["nc"]
NS = {**journey.NS, "um": UM, "keys": "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-cepki-new-oper"}


@pytest.fixture
def client(shared_agent):
    """A session on an agent that this module's configuration leaves as it was."""
    with shared_agent.connect() as m:
        yield m
        m.discard_changes()
        commit(m, f'<crypto xmlns="{UM}" xmlns:nc="{NC}" nc:operation="remove"/>')


def commit(m, *configuration):
    """As Terraform's provider commits: both datastores locked."""
    with m.locked("running"), m.locked("candidate"):
        journey.edit_candidate(m, "".join(configuration))
        try:
            m.commit()
        except RPCError:
            m.discard_changes()
            raise


def refused(m, *configuration):
    with pytest.raises(RPCError) as refusal:
        commit(m, *configuration)
    return refusal.value


def crypto(inside, operation="merge"):
    return f'<crypto xmlns="{UM}" xmlns:nc="{NC}" nc:operation="{operation}">{inside}</crypto>'


def generate(keys):
    return crypto(f"<key><generate>{keys}</generate></key>")


def running(m):
    return m.get_config("running", filter=("subtree", f'<crypto xmlns="{UM}"/>')).data_ele


class TestKeys:
    RSA = (
        "<rsa><label><label-name>user1</label-name><key-module-size>1024</key-module-size><general-keys/></label></rsa>"
    )

    def test_the_public_key_in_the_configuration_is_the_one_that_openssl_and_collectors_read(self, client):
        commit(client, generate(f"{self.RSA}<ecdsa><nistp256/></ecdsa>"))

        pem = running(client).findtext(".//um:pubkey", namespaces=NS)
        text = subprocess.run(
            ["openssl", "pkey", "-pubin", "-noout", "-text"],
            input=pem, text=True, capture_output=True, check=True, timeout=60,
        ).stdout  # fmt: skip
        assert "Public-Key: (1024 bit)" in text
        state = client.get(("subtree", f'<crypto-cepki xmlns="{NS["keys"]}"/>')).data_ele
        listed = state.xpath(".//keys:key-label/../*[2]", namespaces=NS)
        assert sorted(etree.QName(leaf.getparent()).localname for leaf in listed) == ["nistp256-key", "rsa-key"]

    def test_a_key_is_in_one_of_the_two_modules(self, client):
        commit(client, generate(self.RSA))
        ours = f'<keys xmlns="{NS["tck"]}"><rsa-key><label>user1</label></rsa-key></keys>'

        refusal = refused(client, ours)

        assert (refusal.tag, refusal.app_tag) == ("invalid-value", "key-configured-twice")
        assert "trustconf-keys" in refusal.message
        assert "um-crypto-cfg" in refusal.message
        assert "user1" in refusal.path

    def test_rpcs_do_not_touch_a_key_of_the_configuration(self, client):
        commit(client, generate("<ed25519/>"))

        with pytest.raises(RPCError) as refusal:
            journey.zeroize_key(client, "ed25519", "the_default")

        assert refusal.value.app_tag == "key-owned-by-configuration"

    def test_fips_mode(self, client):
        commit(client, crypto("<fips-mode/>"))

        refusal = refused(client, generate(self.RSA))

        assert refusal.app_tag == "not-fips-compliant"
        assert refusal.path.endswith("key-module-size")
