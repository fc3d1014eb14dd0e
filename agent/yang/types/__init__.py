"""The built-in types of RFC 7950 section 9: lexical forms, canonical text, JSON and Python values.

Trees keep canonical text only; the types here turn it into what XML, JSON (RFC 7951) and providers speak, and back, and
refuse what a type does not allow with a message that says what it does. Types are made by type_compiler.py and never
changed after the schema has been linked. They know no tree: whether a leafref's target exists is validation's question.

    base.py        Type, TypeViolation
    intervals.py   range and length restrictions
    xsd_regex.py   XML Schema regular expressions on Python's re
    numeric.py     int8 .. uint64, decimal64
    text.py        string, binary
    named.py       boolean, empty, enumeration, bits
    references.py  leafref, identityref, instance-identifier
    union.py       union
"""

from agent.yang.types.base import NamespaceMap, Type, TypeViolation
from agent.yang.types.named import BitsType, BooleanType, EmptyType, EnumerationType
from agent.yang.types.numeric import Decimal64Type, IntegerType
from agent.yang.types.references import IdentityrefType, InstanceIdentifierType, LeafrefType
from agent.yang.types.text import BinaryType, StringType
from agent.yang.types.union import UnionType

__all__ = [
    "BinaryType",
    "BitsType",
    "BooleanType",
    "Decimal64Type",
    "EmptyType",
    "EnumerationType",
    "IdentityrefType",
    "InstanceIdentifierType",
    "IntegerType",
    "LeafrefType",
    "NamespaceMap",
    "StringType",
    "Type",
    "TypeViolation",
    "UnionType",
]
