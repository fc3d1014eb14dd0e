"""The YANG engine: schema, data trees, types, edit, validation, XPath and the XML/JSON codec.

It knows YANG 1.1 (RFC 7950), the XML and JSON encodings (RFC 7950, RFC 7951) and the edit operations of RFC 6241
section 7.2. It does not know NETCONF sessions, storage or any particular module.

    schema.py       what a compiled schema is (data only)
    modules.py      where modules are found, and how pyang loads them
    compiler.py     pyang's statement trees -> schema.py, with statements.py (reading pyang), schema_modules.py
                    (modules, identities), type_compiler.py (types) and linking.py (leafref targets and the like)
    types/          lexical forms, canonical text, JSON and Python values of the built-in types
    tree.py         immutable data trees with structure sharing
    paths.py        instance paths: "/m:a/list[key='x']"
    names.py        what nodes are called where module names tell them apart
    building.py     the rules for data that enters a tree in any notation
    xml_codec.py    XML elements -> trees; xml_writer.py trees -> XML bytes
    mapping.py      nested dicts <-> trees; json_codec.py and python_codec.py say how values look in them
    defaults.py     which defaults are in use
    edit.py         edit-config on a tree -> a new tree and the places it touched; with edit_attributes.py (operation,
                    insert, key, value), edit_siblings.py (one parent's children) and ordering.py (user order)
    diff.py         two trees -> changes; journal.py changes <-> the JSON that storage keeps
    notifications.py notifications as the documents that are sent
    xpath.py        expressions on trees through libxml2
    dependencies.py which constraints a change can affect
    validation.py   full and incremental validation
    errors.py       what can be wrong, as facts
"""
