"""Our verdict on thousands of random configurations is that of libyang."""

import random
import re
from collections import Counter

import pytest
from lxml import etree

from agent.yang.errors import DataError, ValidationFailure
from agent.yang.validation import Validator
from agent.yang.xml_codec import encode
from tests.yang.documents import DocumentMaker, damage, drop_empty, read, repaired
from tests.yang.libyang import Oracle
from tests.yang.schemas import MODULE_SETS, schema_of

#: What libyang refuses and we accept, with the reason. Nothing is known that it accepts and we refuse.
KNOWN_DISAGREEMENTS = {
    # RFC 8341 defines node-instance-identifier as yang:xpath1.0, a string without pattern: what it must look like is
    # said in prose only. libyang has a plug-in that reads the prose. agent/netconf/access.py ignores such a path.
    re.compile(r"Invalid node-instance-identifier"): "node-instance-identifier is a string",
}


def documents(name, rng, count):
    """Documents: as they were made, without most or all of what is wrong, and those damaged once more."""
    schema = schema_of(name)
    validator = Validator(schema)
    tops = [node for node in schema.root.data_children.values() if node.config]
    maker = DocumentMaker(schema, tops, rng)
    for _ in range(count):
        document = maker.make()
        rounds = rng.choice([0, 0, 1, 3, 30, 30, 30])
        if rounds:
            document = mended(document, schema, validator, rounds)
            if rng.random() < 0.4:
                damage(document, rng)
                drop_empty(document, schema.root)
        yield document


def mended(document, schema, validator, rounds):
    try:
        root = repaired(read(document, schema), validator, rounds=rounds)
    except DataError:
        return document
    return document if root is None else etree.fromstring(b"<config>" + bytes(encode(root)) + b"</config>")


def complaints(document, schema, validator):
    try:
        validator.validate(read(document, schema))
    except ValidationFailure as failure:
        return [f"{error.path}: {error.message}" for error in failure.errors]
    except DataError as error:
        return [error.message]
    return []


def compare(name, seed, count, folder):
    schema = schema_of(name)
    validator = Validator(schema)
    oracle = Oracle(folder, schema)
    verdicts = Counter()
    for document in documents(name, random.Random(seed), count):
        ours = complaints(document, schema, validator)
        theirs = oracle.complaints(document)
        if theirs and not ours and any(known.search(text) for text in theirs for known in KNOWN_DISAGREEMENTS):
            continue
        shown = etree.tostring(document, pretty_print=True).decode()
        assert bool(ours) == bool(theirs), f"ours: {ours}\nlibyang: {theirs}\n{shown}"
        verdicts[bool(ours)] += 1
    return verdicts


@pytest.mark.parametrize("name", sorted(MODULE_SETS))
def test_same_verdict_as_libyang(name, tmp_path):
    count = 600 if name in ("torture", "validation") else 200
    verdicts = compare(name, 2026, count, tmp_path)
    # Both kinds of verdict have been seen often, or the comparison would say little.
    assert min(verdicts[True], verdicts[False]) > count / 20, verdicts


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted(MODULE_SETS))
def test_same_verdict_as_libyang_on_many_documents(name, tmp_path):
    compare(name, 7, 8_000 if name in ("torture", "validation") else 2_500, tmp_path)
