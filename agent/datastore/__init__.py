"""The configuration datastores: running and candidate, their locks, and the commit.

errors.py      how a datastore operation is refused
locks.py       the global locks of RFC 6241 section 7.5
datastores.py  reading, editing, copying, committing
journal.py     what storage keeps of a commit, and how running is made from it at start
"""
