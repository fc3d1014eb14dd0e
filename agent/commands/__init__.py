"""Commands of the command line that need more than a few lines: each module adds its own to the parser and runs it.

`reading` has what they share. They import what they need when they run, so that no command pays for another.
"""
