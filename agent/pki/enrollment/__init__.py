"""Enrolling: how a trustpoint gets its certificates. Knows no YANG, no NETCONF, and not who asks.

enroller.py       all of it, for a device
states.py         how far a trustpoint has come: one table
authenticating.py getting and trusting the certificates of a certification authority
enrolling.py      getting the certificates of the device; polling; putting them into service
importing.py      certificates by hand: import, PKCS #12, going back, clearing
queries.py        what else a SCEP server can be asked
self_authority.py `enrollment self`
servers.py        SCEP and EST servers behind one face
credentials.py    keys and certificates by which a trustpoint asks
orders.py         the requests of a trustpoint
records.py        what is remembered of an enrollment under way
context.py        what all of them share
errors.py         how they refuse
"""
