#!/usr/bin/env python3
"""The guide's "Trust Insights" journey, by ncclient: from a fresh device to a signed dossier.

Each function is one step and shows one request, so that they can be copied. Run it against an agent with

    examples/journey.py --port 8300 --key state/admin_key --output evidence

and verify what it wrote, without the agent:

    trustconf verify evidence/envelope.json --trust-anchor evidence/root.pem --nonce NONCE
"""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path

from lxml import etree
from ncclient import manager
from ncclient.xml_ import to_ele

NS = {
    "nc": "urn:ietf:params:xml:ns:netconf:base:1.0",
    "ncm": "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring",
    "sys": "urn:ietf:params:xml:ns:yang:ietf-system",
    "tcs": "urn:trustconf:yang:trustconf-system",
    "tck": "urn:trustconf:yang:trustconf-keys",
    "tct": "urn:trustconf:yang:trustconf-trustpoints",
    "tci": "urn:trustconf:yang:trustconf-integrity",
}
TRUSTPOINT = "system-trustpoint"
SELECTORS = ("packages", "reboot-history", "rollback-history", "system-inventory")


def connect(host: str, port: int, user: str, key: Path) -> manager.Manager:
    return manager.connect(
        host=host,
        port=port,
        username=user,
        key_filename=str(key),
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
        timeout=120,
    )


def fetch_schemas(m: manager.Manager) -> dict[str, str]:
    """Every schema that the device says it has: "module@revision" -> YANG text."""
    listing = m.get(("subtree", f'<netconf-state xmlns="{NS["ncm"]}"><schemas/></netconf-state>'))
    schemas = {}
    for schema in listing.data_ele.iterfind(".//ncm:schema", NS):
        name, version = schema.findtext("ncm:identifier", namespaces=NS), schema.findtext("ncm:version", namespaces=NS)
        schemas[f"{name}@{version}"] = m.get_schema(name, version=version or None).data
    return schemas


def set_names(m: manager.Manager, hostname: str, domain: str) -> None:
    """Hostname and domain name: together the FQDN that certificates carry."""
    edit_candidate(
        m,
        f"""
        <system xmlns="{NS["sys"]}">
          <hostname>{hostname}</hostname>
          <domain-name xmlns="{NS["tcs"]}">{domain}</domain-name>
        </system>""",
    )
    m.commit()


def generate_key(m: manager.Manager, key_type: str, label: str, size: int | None = None) -> etree._Element:
    size_leaf = f"<size>{size}</size>" if size else ""
    return rpc(
        m,
        f"""
        <generate-key-pair xmlns="{NS["tck"]}">
          <type>{key_type}</type><label>{label}</label>{size_leaf}
        </generate-key-pair>""",
    )


def configure_trustpoint(m: manager.Manager, key_type: str) -> None:
    """The guide's system trustpoint: a leaf key under a root key, both of this device."""
    edit_candidate(
        m,
        f"""
        <trustpoints xmlns="{NS["tct"]}">
          <trustpoint>
            <name>{TRUSTPOINT}</name>
            <enrollment><url>self</url></enrollment>
            <keypair><type xmlns:k="{NS["tck"]}">k:{key_type}</type><label>system-enroll-key</label></keypair>
            <ca-keypair><type xmlns:k="{NS["tck"]}">k:{key_type}</type><label>system-root-key</label></ca-keypair>
            <subject-name>CN=lab1-ads,C=US,ST=CA,L=San Jose,O=cisco systems,OU=ASR</subject-name>
            <subject-name-ca-certificate>CN=lab1-ca,C=US,ST=CA,L=San Jose,O=cisco systems</subject-name-ca-certificate>
            <key-usage>
              <certificate>digitalsignature keyagreement dataencipherment</certificate>
              <ca-certificate>digitalsignature keycertsign crlsign</ca-certificate>
            </key-usage>
            <lifetime><certificate>300</certificate><ca-certificate>367</ca-certificate></lifetime>
            <message-digest>sha256</message-digest>
          </trustpoint>
        </trustpoints>""",
    )
    m.validate("candidate")
    m.commit()


def authenticate(m: manager.Manager) -> etree._Element:
    """Make the root certificate."""
    return rpc(m, f'<authenticate xmlns="{NS["tct"]}"><trustpoint>{TRUSTPOINT}</trustpoint></authenticate>')


def enroll(m: manager.Manager) -> etree._Element:
    """Make the leaf certificate, signed by the root."""
    return rpc(m, f'<enroll xmlns="{NS["tct"]}"><trustpoint>{TRUSTPOINT}</trustpoint></enroll>')


def read_certificates(m: manager.Manager) -> dict[str, str]:
    """The trustpoint's certificates as PEM, by their role: "ca" and "router"."""
    reply = m.get(
        (
            "subtree",
            f'<trustpoints xmlns="{NS["tct"]}"><trustpoint><name>{TRUSTPOINT}</name><certificate/></trustpoint>'
            "</trustpoints>",
        )
    )
    return {
        str(certificate.findtext("tct:role", namespaces=NS)): str(certificate.findtext("tct:pem", namespaces=NS))
        for certificate in reply.data_ele.iterfind(".//tct:certificate", NS)
    }


def collect_signed_dossier(m: manager.Manager, nonce: str) -> str:
    """A dossier in an envelope that the leaf key has signed over this nonce."""
    selectors = "".join(f"<selector>{name}</selector>" for name in SELECTORS)
    reply = rpc(
        m,
        f"""
        <collect-dossier xmlns="{NS["tci"]}">
          {selectors}<nonce>{nonce}</nonce>
          <sign><include-certificate>true</include-certificate></sign>
        </collect-dossier>""",
    )
    return str(reply.findtext("tci:envelope", namespaces=NS))


def zeroize_key(m: manager.Manager, key_type: str, label: str) -> None:
    rpc(m, f'<zeroize-key-pair xmlns="{NS["tck"]}"><type>{key_type}</type><label>{label}</label></zeroize-key-pair>')


def edit_candidate(m: manager.Manager, content: str) -> None:
    m.edit_config(f'<config xmlns="{NS["nc"]}">{content}</config>', target="candidate")


def rpc(m: manager.Manager, text: str) -> etree._Element:
    """Send an rpc of a module; the reply's element."""
    # ncclient gives the reply as text; a parser without entities reads it. A dossier may be a larger text than libxml2
    # takes of its own accord.
    reply = m.dispatch(to_ele(text))
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    return etree.fromstring(reply.xml.encode(), parser)


def main() -> int:
    parser = argparse.ArgumentParser(description="The guide's Trust Insights journey by ncclient.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8300)
    parser.add_argument("--user", default="admin")
    parser.add_argument("--key", type=Path, default=Path("state/admin_key"), help="private key file of the user")
    parser.add_argument("--key-type", default="rsa", help="rsa, ecdsa-nistp256, ecdsa-nistp384 or ed25519")
    parser.add_argument("--nonce", default=secrets.token_hex(8))
    parser.add_argument("--output", type=Path, default=Path("evidence"), help="folder for envelope and root")
    parser.add_argument("--zeroize", action="store_true", help="destroy the signing key at the end")
    options = parser.parse_args()

    def step(text: str) -> None:
        print(f"-- {text}", flush=True)

    with connect(options.host, options.port, options.user, options.key) as m:
        step(f"session {m.session_id}: {len(list(m.server_capabilities))} capabilities")
        step(f"fetched {len(fetch_schemas(m))} schemas")
        set_names(m, "ios", "cisco.com")
        step("committed hostname ios and domain cisco.com")
        for label in ("system-root-key", "system-enroll-key"):
            generate_key(m, options.key_type, label)
            step(f"generated {options.key_type} key {label}")
        configure_trustpoint(m, options.key_type)
        step(f"committed {TRUSTPOINT} after validating it")
        authenticate(m)
        step("authenticated: root certificate made")
        enroll(m)
        step("enrolled: leaf certificate made")
        certificates = read_certificates(m)
        envelope = collect_signed_dossier(m, options.nonce)
        step(f"collected a signed dossier for nonce {options.nonce}: {len(envelope)} bytes")
        if options.zeroize:
            zeroize_key(m, options.key_type, "system-enroll-key")
            step(f"zeroized {options.key_type} key system-enroll-key: nothing more is signed with it")
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "root.pem").write_text(certificates["ca"])
    (options.output / "envelope.json").write_text(envelope)
    step(f"wrote {options.output}/envelope.json and {options.output}/root.pem")
    return 0


if __name__ == "__main__":
    sys.exit(main())
