"""What outlives the process: one folder with one SQLite file, a lock, a master key and a port file.

state_folder.py  the folder, its modes, the lock against a second agent, small files written atomically
import_folder.py the folder whose files a client may name
package_keys.py  the folder of pinned keys of packages
database.py      the SQLite file: one writer at a time, any number of readers, nothing acknowledged is lost
migrations.py    the tables, as an append-only list of steps
dossier_log.py   the last dossiers
commit_log.py    the history of commits and the checkpoints of the running configuration
sealing.py       secrets at rest
errors.py        how all of these fail

Knows no YANG and no PKI: values are rows, bytes and JSON.
"""
