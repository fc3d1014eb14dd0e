"""The guide's exec commands as text in, text out: for the SSH exec channel and for `trustconf show`.

This room knows the words and the layouts of commands. What they show comes from `ShellServices` (services.py), which
gives plain objects of the libraries below; nothing here knows SSH, NETCONF or YANG.

    shell.py     runs a line: its commands, one after the other
    words.py     a line as words with columns      grammar.py   words against the table of commands
    commands.py  the table of commands             pipes.py     what may follow a `|`
    render_*.py  the guide's layouts
"""

from agent.shell.result import ShellResult
from agent.shell.shell import Shell

__all__ = ["Shell", "ShellResult"]
