"""A root CA that changes its key: the certificates that lead from the old root to the new one and back (RFC 7030
section 4.1.3, RFC 4210 section 4.4).

A server may send them along with its chain: the old root and the new one, and the key of each certified by the other.
One root is the top of the chain; the others are no part of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509

from agent.pki.chain_errors import ChainError
from agent.pki.chains import verify_issued


def without_rollover(certificates: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The certificates without those of a change of keys but the root that counts: the one that issued another CA, and
    without one, the newest. Certificates of no such change are all left in, for the checks of a chain to judge.

    Names must be readable, as they are after read_certificate.
    """
    named_as_issuer = [c for c in certificates if c.subject == c.issuer]
    roots = [c for c in named_as_issuer if _issued(c, c)]
    links = [c for c in named_as_issuer if c not in roots and any(_issued(c, root) for root in roots)]
    changed = [root for root in roots if root.subject in {link.subject for link in links}]
    if not changed:
        return tuple(certificates)
    below = [c for c in certificates if c not in named_as_issuer]
    issuing = [root for root in changed if any(_issued(c, root) for c in below)]
    counts = max(issuing or changed, key=lambda root: root.not_valid_before_utc)
    superfluous = {*links, *changed} - {counts}
    return tuple(c for c in certificates if c not in superfluous)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        verify_issued(certificate, issuer, allow_sha1=True)
    except ChainError:
        return False
    return True
