"""The inventory of the file system: every file's metadata and digest, and what has changed since the last look.

docs/filesystem-inventory.md defines a snapshot to the byte.

- records.py         one file as a line of a snapshot; the words of Cisco-IOS-XR-filesysinv-show-oper
- paths.py           paths as text, and back
- classification.py  what a file is for, by its type, mode and place
- scope.py           what is looked at: pseudo and remote file systems, the agent's own state and skip lists are not
- owners.py          which package a file belongs to, by the lists of dpkg and rpm
- owned.py           the same in the state, looked up folder by folder
- budget.py          a scan takes what others leave over: nice, ionice, pauses
- blocks.py          a snapshot as a file of compressed lines, with its digest
- store.py           the current state in SQLite, the snapshots beside it, both or neither after a loss of power
- retention.py       which snapshots are kept, so that what is left can still be verified
- scan.py            one walk over the file system, compared with the current state folder by folder
- inventory.py       a whole scan: from the lists of packages to the signed snapshot
- unowned.py         the files that no package has
- section.py         the section of a dossier
- chain.py           verification of snapshots by somebody else
"""
