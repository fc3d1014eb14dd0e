"""Capabilities in the words of libcap and in the attribute that setcap writes."""

import contextlib
import os
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.integrity.packages.capabilities import ATTRIBUTE, CapabilityError, from_attribute, from_text

RAW = "p=0000000000002000 i=0000000000000000 e=1"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("", ""),
        ("=", ""),
        ("cap_net_raw=ep", RAW),
        ("= cap_net_raw+ep", RAW),
        ("cap_net_raw+p cap_net_raw+e", RAW),
        ("cap_net_raw,cap_net_admin=eip cap_net_admin-eip", RAW.replace("i=0000000000000000", "i=0000000000002000")),
        ("cap_checkpoint_restore=p", "p=0000010000000000 i=0000000000000000 e=0"),
        ("=p", "p=000001ffffffffff i=0000000000000000 e=0"),
    ],
)
def test_texts(text, form):
    assert from_text(text) == form


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give capabilities")
@pytest.mark.parametrize("text", ["cap_net_raw=ep", "cap_chown,cap_bpf=p", "cap_kill=ei", "all=i"])
def test_what_setcap_writes(tmp_path, text):
    file = tmp_path / "file"
    file.touch()
    subprocess.run(["setcap", text, file], check=True, timeout=60, capture_output=True)
    assert from_attribute(os.getxattr(file, ATTRIBUTE)) == from_text(text)


def test_no_attribute():
    assert from_attribute(None) == ""


@pytest.mark.parametrize("text", ["cap_nonsense=p", "cap_chown", "p", "\0"])
def test_other_texts(text):
    with pytest.raises(CapabilityError):
        from_text(text)


@given(st.one_of(st.binary(max_size=40), st.binary(max_size=30).map(lambda end: struct.pack("<I", 0x02000001) + end)))
def test_any_attribute(value):
    with contextlib.suppress(CapabilityError):
        assert from_attribute(value).startswith(("p=", "")[not any(value)])
