"""The firmware's log of what it has measured before the kernel started (TCG PC Client Platform Firmware Profile).

For users: docs/attestation.md.

- event.py        one event, and the names of their types
- parsing.py      both forms of the log: SHA-1, and crypto-agile
- replay.py       the values that the TPM's registers must have after it
- contents.py     what the data of some events say
- evidence.py     the log of a host, with what follows from it
- aggregate.py    whether the first measurement of IMA agrees with it
- section.py      its part of a dossier
- judgement.py    whether it can be believed, on the machine
- checking.py     the same of a dossier, by somebody else
"""
