"""Structures of a TPM: written and read back, and read from any bytes."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.tpm.structures import (
    HASHES,
    REGISTERS,
    public_key,
    read_selection_list,
    read_signature,
    selection_list,
)
from agent.tpm.wire import Reader, WireError

SELECTIONS = st.dictionaries(
    st.sampled_from(sorted(HASHES)), st.sets(st.integers(0, REGISTERS - 1), min_size=1).map(sorted).map(tuple)
)


@given(SELECTIONS)
def test_a_selection_is_read_as_it_was_written(selection):
    reader = Reader(selection_list(selection))
    assert read_selection_list(reader) == selection
    reader.end()


@given(st.binary(max_size=300), st.sampled_from([read_selection_list, read_signature, lambda r: public_key(r.rest())]))
def test_any_bytes_are_a_structure_or_refused(content, read):
    with contextlib.suppress(WireError):
        read(Reader(content))


@given(st.sampled_from(["0023", "0001"]), st.binary(max_size=200))
def test_keys_that_begin_well(kind, content):
    with contextlib.suppress(WireError):
        public_key(bytes.fromhex(f"{kind}000b000600720000") + content)


@pytest.mark.parametrize(
    ("read", "content", "reason"),
    [
        (read_selection_list, "00000002" "000b 03 010000" "000b 03 020000", "twice"),
        (read_selection_list, "00000011", "banks"),
        (read_selection_list, "00000001" "000b ff", "too large"),
        (read_selection_list, "00000001" "0099 03 010000", "unknown"),
        (read_signature, "0010 000b", "scheme"),
        (read_signature, "0018 0023", "hash"),
        (read_signature, "0018 000b ffff", "larger"),
    ],
)  # fmt: skip
def test_what_is_refused(read, content, reason):
    with pytest.raises(WireError, match=reason):
        read(Reader(bytes.fromhex(content)))


def test_an_unknown_bank_in_which_nothing_is_selected_is_passed_over():
    assert read_selection_list(Reader(bytes.fromhex("00000002 0099 03 000000 000b 03 000400"))) == {"sha256": (10,)}
