"""The YANG engine: schema, data trees, types, edit, validation, XPath and the XML/JSON codec.

It knows YANG 1.1 (RFC 7950), the XML and JSON encodings (RFC 7950, RFC 7951) and the edit operations of RFC 6241
section 7.2. It does not know NETCONF sessions, storage or any particular module.

    schema.py       what a compiled schema is (data only)
    compiler.py     pyang's statement trees -> schema.py
    modules.py      where modules are found, and which are loaded
    types.py        lexical forms, canonical text, Python values
    tree.py         immutable data trees with structure sharing
    paths.py        instance paths: "/m:a/list[key='x']"
    xml_codec.py json_codec.py python_codec.py
    edit.py         edit-config on a tree -> a new tree and the list of changes
    diff.py         two trees -> changes; changes <-> the JSON that storage keeps
    xpath.py        expressions on trees through libxml2
    dependencies.py which constraints a change can affect
    validation.py   full and incremental validation
    errors.py       what can be wrong, as facts
"""
