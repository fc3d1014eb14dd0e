"""A root CA that changes its key, and the certificates that its server sends meanwhile."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from agent.pki import enrolment_errors as errors
from agent.pki.est.rollover import without_rollover
from tests.peers.est_server import EstServer
from tests.pki.authorities import START, Authority, key_usage, make_certificate, name
from tests.pki.est.applicant import Applicant
from tests.pki.est.test_hostile import NOW

CA = key_usage(key_cert_sign=True, crl_sign=True)


class Change:
    """Old root, new root, and the two certificates between them."""

    def __init__(self, start=START):
        self.old = Authority.root("Root", key=0, start=start)
        self.new = Authority.root("Root", key=1, start=start + timedelta(hours=1))
        self.old_with_new = self._link(self.old, self.new, start)
        self.new_with_old = self._link(self.new, self.old, start)

    @staticmethod
    def _link(certified, signer, start):
        return make_certificate(
            name("Root"), name("Root"), certified.key.public_key(), signer.key, ca=True, usage=CA, start=start
        )

    @property
    def certificates(self):
        return [self.old.certificate, self.new.certificate, self.old_with_new, self.new_with_old]


def test_the_new_root_counts():
    change = Change()
    for order in permutations(change.certificates):
        assert without_rollover(order) == (change.new.certificate,)


@pytest.mark.parametrize("root", ["old", "new"])
def test_the_root_above_the_issuing_ca_counts(root):
    change = Change()
    above = getattr(change, root)
    issuing = above.sub("Issuing", key=2)
    kept = without_rollover([issuing.certificate, *change.certificates])
    assert kept == (issuing.certificate, above.certificate)


def test_without_a_change_all_are_left():
    """Two roots side by side are no change of keys, and a certificate between others neither."""
    change = Change()
    roots = [change.old.certificate, change.new.certificate, Authority.root("Another").certificate]
    assert without_rollover(roots) == tuple(roots)
    alone = [change.new_with_old, Authority.root("Another").certificate]
    assert without_rollover(alone) == tuple(alone)
    assert without_rollover([]) == ()


def test_a_device_gets_the_chain_meanwhile(tmp_path):
    change = Change(NOW - timedelta(days=2))
    chain = [change.new, change.new.sub("Issuing", key=2, start=NOW - timedelta(days=1))]
    with EstServer(tmp_path, chain) as server:
        server.ca_certificates += [change.old.certificate, change.old_with_new, change.new_with_old]
        ca = Applicant(server).get_ca_certificates()
        assert ca.chain == tuple(authority.certificate for authority in chain)
        # Two roots that don't vouch for each other.
        server.ca_certificates = [change.old.certificate, change.new.certificate]
        with pytest.raises(errors.CaCertificatesError):
            Applicant(server).get_ca_certificates()
