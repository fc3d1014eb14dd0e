"""trustconf: a NETCONF/YANG agent for a device's identity and integrity.

The rooms and the flow of one request are described in docs/architecture.md.
"""

__version__ = "0.1.0"
