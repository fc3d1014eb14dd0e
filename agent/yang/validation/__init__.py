"""Validation of data trees (RFC 7950 sections 8 and 15), whole or only where a change can matter.

validator.py    Validator: the front door
report.py       errors gathered, in document order, up to a limit
rules.py        what the schema demands where, computed once per schema node
checker.py      one walk that applies all families of rules to a part of a tree
structure.py    mandatory, choice, min-elements, max-elements, keys
unique.py       unique
conditions.py   must and when
references.py   leafref and instance-identifier
incremental.py  which parts and which rules a change can affect
pruning.py      what a commit deletes because its `when` has become false
"""

from agent.yang.validation.pruning import Pruned
from agent.yang.validation.validator import Validator

__all__ = ["Pruned", "Validator"]
