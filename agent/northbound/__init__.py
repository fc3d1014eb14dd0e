"""The contract between the YANG side and the providers.

contract.py   what a provider implements and what it is given (plain Python values only)
errors.py     how a provider refuses
registry.py   who answers for which YANG path; checked against the schema at start
state.py      operational data for a filter, asked of the providers
transaction.py  a commit through all providers: validate, prepare, apply or abort
"""
