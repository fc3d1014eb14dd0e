#!/usr/bin/env python3
"""A certification request for a key of the device, by ietf-keystore's generate-csr (RFC 9642) and ncclient.

The device has the key, whoever runs this has the words: subject and alternative names are written here, around the
public key that the device shows, and the device signs what was written. The request goes to standard output as PEM:

    examples/certificate_request.py --port 8300 --key state/admin_key rsa:lab router1.example.com | openssl req -text
"""

from __future__ import annotations

import argparse
import base64
import sys
from pathlib import Path

from asn1crypto import csr, keys, pem, x509
from lxml import etree
from ncclient import manager
from ncclient.xml_ import to_ele

if __package__:
    from examples.journey import connect
else:
    from journey import connect

NS = {
    "ks": "urn:ietf:params:xml:ns:yang:ietf-keystore",
    "ct": "urn:ietf:params:xml:ns:yang:ietf-crypto-types",
}
ACTION = "urn:ietf:params:xml:ns:yang:1"


def read_public_key(m: manager.Manager, name: str) -> bytes:
    """The SubjectPublicKeyInfo of the key called `name`; LookupError if there is none."""
    key = etree.Element("name")
    key.text = name
    reply = m.get(
        (
            "subtree",
            f'<keystore xmlns="{NS["ks"]}"><asymmetric-keys><asymmetric-key>{etree.tostring(key, encoding="unicode")}'
            "<public-key/></asymmetric-key></asymmetric-keys></keystore>",
        )
    )
    found = reply.data_ele.findtext(".//ks:public-key", namespaces=NS)
    if found is None:
        raise LookupError(f"the device has no key {name}")
    return base64.b64decode(found)


def write_request_info(public_key: bytes, names: list[str]) -> bytes:
    """What is to be signed (RFC 2986 section 4.1): the first name is the common name, all are alternative names."""
    alternative = x509.GeneralNames([x509.GeneralName("dns_name", name) for name in names])
    extensions = [{"extn_id": "subject_alt_name", "extn_value": alternative}]
    info = csr.CertificationRequestInfo(
        {
            "version": "v1",
            "subject": x509.Name.build({"common_name": names[0]}),
            "subject_pk_info": keys.PublicKeyInfo.load(public_key),
            "attributes": csr.CRIAttributes([{"type": "extension_request", "values": [extensions]}]),
        }
    )
    return bytes(info.dump())


def generate_csr(m: manager.Manager, name: str, request_info: bytes) -> bytes:
    """Have the device sign; the request in DER."""
    action = etree.fromstring(
        f'<action xmlns="{ACTION}"><keystore xmlns="{NS["ks"]}"><asymmetric-keys><asymmetric-key><name/><generate-csr>'
        f'<csr-format xmlns:ct="{NS["ct"]}">ct:p10-csr-format</csr-format><csr-info/>'
        "</generate-csr></asymmetric-key></asymmetric-keys></keystore></action>"
    )
    action.find(".//ks:name", NS).text = name
    action.find(".//ks:csr-info", NS).text = base64.b64encode(request_info).decode()
    reply = m.dispatch(to_ele(etree.tostring(action, encoding="unicode")))
    answer = etree.fromstring(reply.xml.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    return base64.b64decode(answer.findtext("ks:p10-csr", namespaces=NS))


def main() -> int:
    parser = argparse.ArgumentParser(description="A certification request for a key of the device.")
    parser.add_argument("name", help="the key, as ietf-keystore calls it: rsa:lab")
    parser.add_argument("names", nargs="+", metavar="host", help="the names that the certificate is for")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8300)
    parser.add_argument("--user", default="admin")
    parser.add_argument("--key", type=Path, default=Path("state/admin_key"), help="private key file of the user")
    options = parser.parse_args()
    with connect(options.host, options.port, options.user, options.key) as m:
        public_key = read_public_key(m, options.name)
        request = generate_csr(m, options.name, write_request_info(public_key, options.names))
    sys.stdout.write(pem.armor("CERTIFICATE REQUEST", request).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
