"""JSON of any size: the same values as json.loads gives, and nothing else is accepted."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.integrity.judging import long_json
from agent.integrity.judging.long_json import ITEMS, JsonError, LongList, read_json

PATHS = [("a", "node", ITEMS, "list"), ("top",)]

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "top": st.lists(values, max_size=130) | values,
        "a": values
        | st.fixed_dictionaries(
            {"node": values | st.lists(values | st.fixed_dictionaries({"list": values | st.lists(values)}))}
        ),
        "other": values,
    },
)


def plain(value):
    """The same with lists in place of LongLists, each of them read twice."""
    if isinstance(value, LongList):
        assert len(value) == len(list(value))
        return list(value)
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=40, deadline=None)
@given(document=documents, indent=st.none() | st.integers(0, 2), ascii_only=st.booleans())
def test_the_values_are_those_of_the_json_module(document, indent, ascii_only):
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    assert plain(read_json(text.encode("utf-8", "surrogatepass"), PATHS)) == json.loads(text)


@settings(max_examples=60, deadline=None)
@given(document=documents, data=st.data())
def test_what_is_damaged_is_refused_or_what_the_json_module_reads(document, data):
    text = json.dumps(document)
    at = data.draw(st.integers(0, len(text)))
    changed = text[:at] + data.draw(st.text(' ,:"[]{}\\ax1', max_size=3)) + text[at + data.draw(st.integers(0, 2)) :]
    try:
        found = plain(read_json(changed.encode("utf-8", "surrogatepass"), PATHS))
    except JsonError:
        return
    assert found == json.loads(changed)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", '{"top": [1, 2}', '{"top": [1,]}', '{"top": [1 2]}', '{"a": 1} x', '{"a": NaN}', '{"top": [Infinity]}',
        '{"a": 1, "a": 2}', '{"top": [{"b": 1, "b": 2}]}', '{"b": {"c": 1, "c": 2}}', "[" * 100_000,
        '{"top": ' + "[" * 100_000, '{"b": ' + "[" * 100_000 + "]" * 100_000 + "}", '{"b": ' + "1" * 5000 + "}",
        '{"top": [' + "[" * 100_000 + "]" * 100_000 + "]}", "{'a': 1}", '{"a": "\n"}',
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_what_is_no_json(text):
    with pytest.raises(JsonError):
        read_json(text.encode("utf-8", "surrogatepass"), PATHS)


def test_limits(monkeypatch):
    monkeypatch.setattr(long_json, "MAX_ITEM", 100)
    monkeypatch.setattr(long_json, "MAX_VALUE", 200)
    read_json(json.dumps({"top": ["x" * 50] * 1000}).encode(), PATHS)
    for large in ({"top": [1, "x" * 150]}, {"top": [[1] * 100]}, {"top": [{"y": "x" * 150}]}, {"b": "x" * 300}):
        with pytest.raises(JsonError, match="larger than"):
            read_json(json.dumps(large).encode(), PATHS)
    monkeypatch.setattr(long_json, "MAX_VALUES", 1000)
    with pytest.raises(JsonError, match="larger than"):
        read_json(json.dumps({str(n): "x" * 150 for n in range(10)}).encode(), PATHS)
    monkeypatch.setattr(long_json, "MAX_CHILDREN", 5)
    with pytest.raises(JsonError, match="more than 5 parts"):
        read_json(json.dumps({str(n): 1 for n in range(6)}).encode(), PATHS)
