"""The NETCONF protocol (RFC 6241, 6242, 6022, 5277): bytes in, bytes out. No transport, no PKI, no files in here.

framing.py        the two framings of RFC 6242
messages.py       XML in and out: hello, rpc, rpc-reply, notification
errors.py         exceptions of the rooms below -> rpc-error, in one table
capabilities.py   what the hello announces
access.py         who may do what
filters.py        subtree filters compiled onto the schema
session.py        one session's state machine
subscriptions.py  one session's events
server.py         what sessions share, and the register of them
operations/       one module a family of operations
limits.py statistics.py namespaces.py
"""
