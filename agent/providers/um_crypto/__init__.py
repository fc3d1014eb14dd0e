"""Reading Cisco-IOS-XR-um-crypto-cfg: what it configures, in the words of our own modules.

Nothing is registered here, and nothing here knows a provider: those that serve both modules import this.
"""
