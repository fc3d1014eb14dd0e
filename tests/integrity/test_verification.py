"""`trustconf verify`'s report and exit status."""

import json

from agent.integrity.verification import verify_report

from .signers import NOW, usual
from .test_envelope import NONCE, opened, sealed


def report(text, **changes):
    arguments = {"trust_anchor_pem": usual()[0].pem.decode(), "nonce": NONCE, "at": NOW, **changes}
    return verify_report(opened(text), **arguments)


def test_verified():
    found = report(sealed())
    assert found.exit_status == 0
    assert found.text.startswith("Verified.\n")
    assert not found.text.endswith("\n")


def test_not_verified():
    found = report(sealed(), nonce="other", as_json=True)
    assert found.exit_status == json.loads(found.text)["exit-status"] == 17


def test_a_trust_anchor_that_can_not_be_read():
    assert report(sealed(), trust_anchor_pem="nothing").exit_status == 2
    found = report(sealed(), trust_anchor_pem=b"nothing", as_json=True)
    assert json.loads(found.text)["verified"] is False
