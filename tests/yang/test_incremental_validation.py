"""After any sequence of edits, looking only at what changed finds exactly what a full validation finds."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.yang.diff import diff
from agent.yang.errors import DataError, ValidationFailure
from agent.yang.schema import Kind
from agent.yang.tree import Draft, Inner, InstancePath, Leaf, ListNode, empty_root, lookup
from agent.yang.types import TypeViolation
from agent.yang.validation import Validator
from tests.yang.documents import LEXICALS, DocumentMaker, read, repaired, without
from tests.yang.schemas import schema_of

ROOT = InstancePath()


class Editor:
    """Makes random changes with material from random documents."""

    def __init__(self, name, rng):
        self.schema = schema_of(name)
        self.validator = Validator(self.schema)
        self.rng = rng
        tops = [node for node in self.schema.root.data_children.values() if node.config]
        self.maker = DocumentMaker(self.schema, tops, rng)

    def tree(self):
        while True:
            try:
                return read(self.maker.make(), self.schema)
            except DataError:
                continue

    def valid_tree(self):
        while True:
            root = repaired(self.tree(), self.validator)
            if root is not None:
                return root

    def change(self, root):
        change = self.rng.choice([self.remove, self.graft, self.graft, self.set_leaf, self.set_leaf, self.copy_leaf])
        return change(root)

    def remove(self, root):
        paths = list(places(root))
        return without(root, self.rng.choice(paths)) if paths else root

    def graft(self, root):
        """Put a node of another document in, creating what is above it."""
        other = self.tree()
        paths = [path for path in places(other) if not path[-1].schema.is_key]
        if not paths:
            return root
        path = self.rng.choice(paths)
        draft = Draft(root)
        parent, node = draft.descend(path.parent), lookup(other, path)
        for rival in rivals(path[-1].schema, parent):
            draft.remove(parent, rival)
        if path[-1].key is not None:
            draft.put_entry(parent, node)
        else:
            draft.put(parent, node)
        return draft.freeze()

    def copy_leaf(self, root):
        """Give a leaf the value that an instance of the same leaf has elsewhere."""
        by_schema = {}
        for path in places(root):
            if isinstance(lookup(root, path), Leaf) and not path[-1].schema.is_key:
                by_schema.setdefault(path[-1].schema, []).append(path)
        several = [paths for paths in by_schema.values() if len(paths) > 1]
        if not several:
            return root
        source, target = self.rng.sample(self.rng.choice(several), 2)
        draft = Draft(root)
        draft.put(draft.descend(target.parent), lookup(root, source))
        return draft.freeze()

    def set_leaf(self, root):
        paths = [path for path in places(root) if isinstance(lookup(root, path), Leaf) and not path[-1].schema.is_key]
        if not paths:
            return root
        path = self.rng.choice(paths)
        schema = path[-1].schema
        texts = [LEXICALS[0], *(values(schema))]
        draft = Draft(root)
        text = self.rng.choice(texts)
        try:
            text = schema.type.canonical(text, {None: schema.module.namespace, **self.maker._nsmap})
        except TypeViolation:
            return root
        draft.put(draft.descend(path.parent), Leaf(schema, text))
        return draft.freeze()


def values(schema):
    for member in schema.type.find_members():
        yield from getattr(member, "values", ())
        yield from (text for text in getattr(member, "identities", {}).values())
    yield from LEXICALS


def rivals(schema, parent):
    """Children of the other cases of the choices that a node is in: an edit removes them."""
    node = schema
    while node.parent is not None and node.parent.kind is Kind.CASE:
        case, choice = node.parent, node.parent.parent
        for child in list(parent.children):
            above = child
            while above is not None and above.parent is not choice:
                above = above.parent
            if above is not None and above is not case:
                yield child
        node = choice


def places(node, path=ROOT):
    for child in node.children.values():
        if isinstance(child, ListNode):
            for key, entry in child.entries.items():
                place = path.child(child.schema, key)
                yield place
                yield from places(entry, place)
        else:
            place = path.child(child.schema)
            yield place
            if isinstance(child, Inner):
                yield from places(child, place)


def found(validate, *arguments):
    try:
        validate(*arguments)
    except ValidationFailure as failure:
        return {(str(error.path), error.message, error.app_tag) for error in failure.errors}
    return set()


def play(name, seed, rounds):
    """Edit in steps; return how many steps led to an invalid tree."""
    editor = Editor(name, random.Random(seed))
    old = editor.valid_tree()
    broken = 0
    for _ in range(rounds):
        new = old
        for _ in range(editor.rng.choice([1, 1, 2, 4])):
            new = editor.change(new)
        changes = diff(old, new)
        full = found(editor.validator.validate, new)
        incremental = found(editor.validator.validate, new, old, changes)
        if len(full) < 32 and len(incremental) < 32:
            assert incremental == full, [(change.operation, str(change.path)) for change in changes]
        assert bool(incremental) == bool(full)
        broken += bool(full)
        old = old if full else new
    return broken


@pytest.mark.parametrize("name", ["torture", "validation", "acl", "ours"])
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_incremental_finds_what_full_validation_finds(name, seed):
    play(name, seed, 12)


def test_the_edits_break_things_often_enough_to_say_something():
    assert 10 < sum(play("torture", seed, 20) for seed in range(5)) < 95


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["torture", "validation", "acl", "ours"])
def test_incremental_finds_what_full_validation_finds_in_long_runs(name):
    for seed in range(150):
        play(name, seed, 60)


def test_nothing_is_looked_at_when_nothing_changed():
    validator = Validator(schema_of("torture"))
    root = empty_root(schema_of("torture").root)
    assert found(validator.validate, root, root, []) == set()
