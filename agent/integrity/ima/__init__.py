"""The log of the Integrity Measurement Architecture: what the kernel has measured since it started.

For users: docs/attestation.md.

- event.py        one measurement, and what is wrong with a log
- templates.py    what the data of a measurement say, for each of the kernel's templates
- binary_log.py   the kernel's binary logs
- ascii_log.py    its logs as text
- replay.py       the values that a TPM's register must have after the log
- seen.py         which measurements came before, in little memory
- source.py       where the logs are, and to which boot they belong
- blocks.py       the kept pieces of a log, and how they are written down
- feed.py         bytes of a log by position
- log_state.py    what is kept in memory of the log of a boot
- block_builder.py  new events become blocks
- looking.py      one look at the log
- position.py     a log up to some event, and what a look has found
- kept_log.py     the log of this boot, read piece by piece as it grows
- section.py      a dossier's section of it
- checking.py     the same section judged by somebody else
"""
