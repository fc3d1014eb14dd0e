"""Cisco-IOS-XR-um-crypto-cfg from outside: configured as the tools for IOS XR do it, with candidate and locks; and
trustpoints in the words of Cisco's modules alone, as far as these have words."""

import subprocess

import pytest
from lxml import etree
from ncclient.operations import RPCError

from examples import journey
from tests.interop.test_cisco_collectors import act
from tests.interop.test_cisco_collectors import refused as refused_rpc
from tests.peers.scep_ca import Ra
from tests.peers.scep_responder import ScepResponder, fingerprint

UM = "http://cisco.com/ns/yang/Cisco-IOS-XR-um-crypto-cfg"
NC = journey.NS["nc"]
TCT = journey.NS["tct"]
NS = {
    **journey.NS,
    "um": UM,
    "keys": "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-cepki-new-oper",
    "certs": "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-cepki-oper",
}


@pytest.fixture
def client(shared_agent):
    """A session on an agent that this module's configuration leaves as it was."""
    with shared_agent.connect() as m:
        yield m
        m.discard_changes()
        commit(m, crypto("", "remove"), f'<trustpoints xmlns="{TCT}" xmlns:nc="{NC}" nc:operation="remove"/>')
        for kind in ("rsa", "ecdsa-nistp256"):
            journey.rpc(m, f'<zeroize-key-pair xmlns="{NS["tck"]}"><type>{kind}</type><all/></zeroize-key-pair>')


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


def system_trustpoint(inside):
    return crypto(f"<ca><trustpoint><system-trustpoint>{inside}</system-trustpoint></trustpoint></ca>")


def trustpoint(inside, name="tp", operation="merge"):
    leaves = f"<trustpoint-name>{name}</trustpoint-name>{inside}"
    entry = f'<trustpoint nc:operation="{operation}">{leaves}</trustpoint>'
    return crypto(f"<ca><trustpoint><trustpoints>{entry}</trustpoints></trustpoint></ca>")


def our_state(m, name):
    """What our own list says of a trustpoint, by the names of its leaves; {} when it is not there."""
    filter_ = f'<trustpoints xmlns="{TCT}"><trustpoint><name>{name}</name></trustpoint></trustpoints>'
    entry = m.get(("subtree", filter_)).data_ele.find(".//tct:trustpoint", NS)
    return {} if entry is None else {etree.QName(leaf).localname: leaf.text for leaf in entry}


def certificates(m, name):
    """What Cisco's list says of a trustpoint: the name of each container with its PEM."""
    filter_ = f'<crypto-certificate-authority xmlns="{NS["certs"]}"/>'
    data = m.get(("subtree", filter_)).data_ele
    found = data.xpath(f".//certs:trustpoint[certs:name='{name}']/*[certs:subject]", namespaces=NS)
    return {etree.QName(one).localname: one.findtext("certs:certificate-data", namespaces=NS) for one in found}


def our_rpc(m, name, **leaves):
    inside = "".join(f"<{leaf.replace('_', '-')}>{value}</{leaf.replace('_', '-')}>" for leaf, value in leaves.items())
    return journey.rpc(m, f'<{name} xmlns="{TCT}">{inside}</{name}>')


class TestTrustpoints:
    SELF = """
        <enrollment><self/></enrollment>
        <keypair><ecdsanistp256>system-enroll-key</ecdsanistp256></keypair>
        <ca-keypair><ecdsanistp256>system-root-key</ecdsanistp256></ca-keypair>
        <subject-name>CN=lab1-ads,C=US,ST=CA</subject-name>
        <subject-name-ca-certificate>CN=lab1-ca,C=US,ST=CA</subject-name-ca-certificate>
        <lifetime><ca-certificate>367</ca-certificate><certificate>300</certificate></lifetime>
        <key-usage>
          <ca-certificate><keycertsign>true</keycertsign><crlsign>true</crlsign></ca-certificate>
          <certificate><digitalsignature/><keyagreement/></certificate>
        </key-usage>"""

    @pytest.fixture
    def named(self, client):
        journey.set_names(client, "ios", "cisco.com")
        client.commit()
        return client

    @pytest.fixture
    def keyed(self, named):
        act(named, "key-generate-rsa", key_label="k", key_modulus=2048)
        return named

    @pytest.fixture
    def enrolled(self, named):
        for label in ("system-root-key", "system-enroll-key"):
            act(named, "key-generate-ecdsa", key_label=label, key_modulus="nistp256")
        commit(named, system_trustpoint(self.SELF))
        for rpc in ("ca-authenticate", "ca-enroll"):
            act(named, rpc, server_name=journey.TRUSTPOINT)
        return named

    def test_the_guides_trustpoint_from_configuration_to_certificates(self, enrolled, tmp_path):
        pems = certificates(enrolled, journey.TRUSTPOINT)
        assert set(pems) == {"certificate-authority-certificate", "router-certificate"}
        for name, pem in pems.items():
            (tmp_path / name).write_text(pem)
        verified = subprocess.run(
            ["openssl", "verify", "-CAfile", tmp_path / "certificate-authority-certificate",
             tmp_path / "router-certificate"],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        assert verified.stdout.endswith("OK\n")
        state = our_state(enrolled, journey.TRUSTPOINT)
        assert (state["configured"], state["enrollment-state"]) == ("true", "granted")
        assert journey.read_certificates(enrolled) == {
            "ca": pems["certificate-authority-certificate"],
            "router": pems["router-certificate"],
        }

    def test_it_signs_dossiers(self, enrolled):
        assert "signature" in journey.collect_signed_dossier(enrolled, "1580")

    def test_a_name_stands_in_one_model_whichever_is_edited(self, enrolled):
        ours = f'<trustpoints xmlns="{TCT}"><trustpoint><name>{{}}</name></trustpoint></trustpoints>'
        refusals = [refused(enrolled, ours.format(journey.TRUSTPOINT))]
        commit(enrolled, ours.format("tp"))
        refusals.append(refused(enrolled, trustpoint("")))

        assert {(refusal.tag, refusal.app_tag) for refusal in refusals} == {
            ("invalid-value", "trustpoint-configured-twice")
        }
        for refusal in refusals:
            assert "trustconf-trustpoints" in refusal.message
            assert "um-crypto-cfg" in refusal.message

    def test_removing_it_removes_its_certificates(self, enrolled):
        commit(enrolled, crypto("", "remove"))

        assert certificates(enrolled, journey.TRUSTPOINT) == {}
        assert our_state(enrolled, journey.TRUSTPOINT) == {}

    def test_a_scep_server_is_authenticated_by_an_offer_and_accept_ca(self, keyed):
        with ScepResponder(tiers=2, ra=Ra.SPLIT, challenge="secret") as responder:
            commit(keyed, trustpoint(f"<enrollment><url>{responder.url}</url></enrollment><rsakeypair>k</rsakeypair>"))

            act(keyed, "ca-authenticate", server_name="tp")
            assert our_state(keyed, "tp")["enrollment-state"] == "not-authenticated"
            refusal = refused_rpc(keyed, "ca-enroll", server_name="tp")
            assert refusal.app_tag == "not-authenticated"
            assert "accept-ca" in refusal.message

            our_rpc(keyed, "accept-ca", trustpoint="tp", fingerprint=fingerprint(responder.ca.chain[0]))
            assert our_state(keyed, "tp")["enrollment-state"] == "authenticated"
            refusal = refused_rpc(keyed, "ca-enroll", server_name="tp")
            assert refusal.app_tag == "challenge-password-missing"
            assert "rpc enroll" in refusal.message

            our_rpc(keyed, "enroll", trustpoint="tp", challenge_password="secret")

        assert our_state(keyed, "tp")["enrollment-state"] == "granted"
        # No place for registration authorities, nor for a chain: the one that issues.
        assert set(certificates(keyed, "tp")) == {"certificate-authority-certificate", "router-certificate"}

    def test_without_a_challenge_password_ciscos_rpc_enrolls(self, keyed):
        with ScepResponder(pending=1) as responder:
            commit(
                keyed,
                trustpoint(
                    f"<enrollment><url>{responder.url}</url></enrollment><rsakeypair>k</rsakeypair>"
                    "<skip-challenge-password/>"
                ),
            )
            our_rpc(keyed, "authenticate", trustpoint="tp", fingerprint=fingerprint(responder.ca.chain[0]))

            act(keyed, "ca-enroll", server_name="tp")
            assert our_state(keyed, "tp")["enrollment-state"] == "pending"
            act(keyed, "ca-cancel-enroll", server_name="tp")
            assert our_state(keyed, "tp")["enrollment-state"] == "authenticated"

            responder.rules.pending = 0
            act(keyed, "ca-enroll", server_name="tp")
            assert our_state(keyed, "tp")["enrollment-state"] == "granted"

    def test_certificates_come_from_files_of_the_import_folder(self, keyed, shared_agent):
        commit(keyed, trustpoint("<enrollment><terminal/></enrollment><rsakeypair>k</rsakeypair>"))
        folder = shared_agent.state / "import"
        (folder / "not-ours").symlink_to("/etc/hostname")

        for name in ("../trustconf.db", "not-ours", "ghost"):
            refusal = refused_rpc(keyed, "ca-authenticate", server_name="tp", file_path=name)
            assert refusal.path.endswith("file-path")
        assert "authenticate" in refused_rpc(keyed, "ca-authenticate", server_name="tp").message
        assert "import-certificate" in refused_rpc(keyed, "ca-import-certificate", server_name="tp").message

    @pytest.mark.parametrize(
        ("inside", "app_tag", "leaf", "words"),
        [
            ("<enrollment><terminal/><url>http://ca/scep</url></enrollment>", "several-enrollments", "terminal",
             "remove terminal, or remove url"),
            ("<rsakeypair>ghost</rsakeypair><enrollment><terminal/></enrollment>", "key-not-found", "rsakeypair",
             "generate it first"),
            ("<auto-enroll>80</auto-enroll>", "auto-enroll-without-server", "auto-enroll", "set enrollment/url"),
        ],
    )  # fmt: skip
    def test_contradictions_are_refused_with_the_way_out(self, named, inside, app_tag, leaf, words):
        refusal = refused(named, trustpoint(inside))

        assert refusal.app_tag == app_tag
        assert refusal.path.endswith(leaf)
        assert words in refusal.message

    def test_self_and_url_exclude_each_other(self, named):
        refusal = refused(
            named,
            system_trustpoint(
                "<enrollment><self/><url>http://ca/scep</url></enrollment><ca-keypair><rsa>root</rsa></ca-keypair>"
            ),
        )

        assert refusal.app_tag == "several-enrollments"
        assert "remove self, or remove url" in refusal.message

    def test_passwords_are_never_shown(self, named, shared_agent):
        password = "<sftp-username>u</sftp-username><sftp-password><password>{}</password></sftp-password>"
        commit(named, trustpoint(password.format("!hunter2")))
        commit(named, trustpoint(password.format("094F471A1A0A"), "seven"))

        data = running(named)
        shown = [leaf.text for leaf in data.iterfind(".//um:sftp-password/um:password", NS)]
        assert len(shown) == 2
        assert all(text.startswith("$sealed$") for text in shown)
        # What was read may be sent again; other text that is no password is refused.
        commit(named, trustpoint(password.format(shown[0])))
        assert refused(named, trustpoint(password.format("no type 7"))).app_tag == "invalid-password"
        assert "hunter2" not in shared_agent.log
        for file in shared_agent.state.glob("trustconf.db*"):
            assert b"hunter2" not in file.read_bytes()
