"""A TPM 2.0: its own commands, in its own encoding, spoken to the kernel's device or to a simulator's socket.

- device.py     where the TPM is; one command at a time, each with a time limit
- commands.py   the commands that are needed, and nothing else of the specification
- keys.py       keys that only this TPM can use: made, kept as a wrapped blob, used to sign
- structures.py public areas, signatures and selections of registers, written and strictly read
- wire.py       numbers and sized buffers

A low room: it knows nothing of certificates, evidence or the agent. The references are to the TPM 2.0 Library
Specification of the Trusted Computing Group, parts 2 (structures) and 3 (commands).
"""
