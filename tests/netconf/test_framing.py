"""The framings of RFC 6242: any cutting of the stream gives the same messages, and no announced size is believed."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.netconf.framing import (
    SENT_CHUNK,
    ChunkedDecoder,
    EndOfMessageDecoder,
    FramingError,
    MessageTooBigError,
    chunked_pieces,
    encode_chunked,
    encode_end_of_message,
    end_of_message_pieces,
)

MEGABYTE = 1024 * 1024


def chunked(max_message=MEGABYTE, max_chunk=MEGABYTE):
    return ChunkedDecoder(max_message, max_chunk)


def drain(decoder):
    messages = []
    while (message := decoder.next_message()) is not None:
        messages.append(message)
    return messages


def feed_in_pieces(decoder, stream, cuts):
    messages = []
    start = 0
    for end in [*sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]:
        decoder.feed(stream[start:end])
        messages += drain(decoder)
        start = end
    return messages


def chunks_of(message, sizes):
    """`message` in chunks of the given sizes, the last one taking the rest."""
    parts = []
    for size in sizes:
        if size < len(message):
            parts.append(message[:size])
            message = message[size:]
    parts.append(message)
    return b"".join(b"\n#%d\n%b" % (len(part), part) for part in parts) + b"\n##\n"


@given(
    messages=st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=5),
    sizes=st.lists(st.integers(1, 50), max_size=6),
    cuts=st.lists(st.integers(0, 10_000), max_size=20),
)
def test_chunked_messages_arrive_whole_however_the_stream_is_cut(messages, sizes, cuts):
    stream = b"".join(chunks_of(message, sizes) for message in messages)
    assert feed_in_pieces(chunked(), stream, cuts) == messages


@given(
    messages=st.lists(st.binary(max_size=200).filter(lambda m: b"]" not in m), min_size=1, max_size=5),
    cuts=st.lists(st.integers(0, 10_000), max_size=20),
)
def test_end_of_message_framing_arrives_whole_however_the_stream_is_cut(messages, cuts):
    stream = b"".join(encode_end_of_message(message) for message in messages)
    assert feed_in_pieces(EndOfMessageDecoder(MEGABYTE), stream, cuts) == messages


@pytest.mark.parametrize("decoder", [chunked(), EndOfMessageDecoder(MEGABYTE)], ids=["1.1", "1.0"])
def test_one_byte_at_a_time(decoder):
    encode = encode_chunked if isinstance(decoder, ChunkedDecoder) else encode_end_of_message
    stream = encode(b"<a/>") + encode(b"<b>]]></b>")
    messages = []
    for index in range(len(stream)):
        decoder.feed(stream[index : index + 1])
        messages += drain(decoder)
    assert messages == [b"<a/>", b"<b>]]></b>"]


@given(st.binary(min_size=1, max_size=300))
def test_what_we_encode_we_decode(message):
    decoder = chunked()
    decoder.feed(encode_chunked(message))
    assert drain(decoder) == [message]


def test_a_large_message_is_sent_in_several_chunks():
    message = bytes(range(256)) * (SENT_CHUNK // 256 * 2 + 1)
    encoded = encode_chunked(message)
    decoder = chunked(len(message), SENT_CHUNK)
    decoder.feed(encoded)
    assert drain(decoder) == [message]
    assert encoded.startswith(b"\n#%d\n" % SENT_CHUNK)


def test_the_rest_after_a_message_can_be_handed_to_another_framing():
    first = EndOfMessageDecoder(MEGABYTE)
    first.feed(encode_end_of_message(b"hello") + encode_chunked(b"rpc"))
    assert first.next_message() == b"hello"
    second = chunked()
    second.feed(first.take_rest())
    assert drain(second) == [b"rpc"]


def test_a_line_feed_after_the_hello_is_skipped():
    decoder = chunked()
    decoder.feed(b"\n\n\n" + encode_chunked(b"rpc") + b"\n" + encode_chunked(b"rpc"))
    assert drain(decoder) == [b"rpc", b"rpc"]


@pytest.mark.parametrize(
    "stream",
    [
        b"\n#4294967295\n",
        b"\n#4294967295",  # refused before its line is complete
        b"\n#1048577\n",
        b"\n#600000\n" + b"x" * 600000 + b"\n#600000\n",
    ],
    ids=["4 GB", "4 GB unfinished", "over the limit", "over the limit together"],
)
def test_a_size_over_the_limit_is_refused_when_it_is_announced(stream):
    decoder = chunked()
    decoder.feed(stream)
    with pytest.raises(MessageTooBigError):
        drain(decoder)


@pytest.mark.parametrize(
    "stream",
    [
        b"x",
        b"\nx",
        b"\n#x",
        b"\n#\n",
        b"\n#0\n",
        b"\n#01\n",
        b"\n#-1\n",
        b"\n#+1\n",
        b"\n#1 \n",
        b"\n#1\r\n",
        b"\n#12345678901\n",
        b"\n##\n",
        b"\n#3\nabc\n\n",
        b"\n#3\nabcd",
        b"\n#3\nabc\n#?",
        b"\n#3\nabc\n###",
        b"\n#\xc2\xb2\n",
    ],
)
def test_bad_chunk_framing_is_refused(stream):
    decoder = chunked()
    decoder.feed(stream)
    with pytest.raises(FramingError):
        drain(decoder)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_message_an_error_or_a_wait(stream):
    decoder = chunked(64, 32)
    decoder.feed(stream)
    try:
        messages = drain(decoder)
    except FramingError:
        return
    assert all(0 < len(message) <= 64 for message in messages)


def test_an_unending_message_is_refused_at_the_limit():
    decoder = EndOfMessageDecoder(1000)
    decoder.feed(b"x" * 1000)
    assert decoder.next_message() is None
    decoder.feed(b"]]>]]x")
    with pytest.raises(MessageTooBigError):
        decoder.next_message()


def test_a_message_of_exactly_the_limit_is_taken():
    decoder = EndOfMessageDecoder(1000)
    decoder.feed(encode_end_of_message(b"x" * 1000))
    assert decoder.next_message() == b"x" * 1000


@pytest.mark.parametrize("framing", ["1.0", "1.1"])
def test_the_cost_of_a_large_message_grows_with_its_size_only(framing):
    def cost(size):
        message = b"x" * size
        if framing == "1.0":
            decoder, stream = EndOfMessageDecoder(size), encode_end_of_message(message)
        else:
            decoder, stream = chunked(size, size), chunks_of(message, [1000] * (size // 1000))
        start = time.process_time()
        for at in range(0, len(stream), 1000):
            decoder.feed(stream[at : at + 1000])
            decoder.next_message()
        return time.process_time() - start

    # 8 times the bytes: quadratic would be 64 times the time.
    assert cost(8 * MEGABYTE) < 24 * max(cost(MEGABYTE), 0.005)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=9))
def test_a_message_in_pieces_is_the_same_message(pieces):
    message = b"<" + b"".join(pieces)
    decoder = ChunkedDecoder(10**6, 10**6)
    decoder.feed(b"".join(chunked_pieces([b"<", *pieces])))
    assert decoder.next_message() == message
    assert decoder.next_message() is None
    assert b"".join(end_of_message_pieces([b"<", *pieces])) == encode_end_of_message(message)


def test_pieces_are_joined_to_chunks_and_large_ones_cut():
    sizes = [len(chunk) for chunk in chunked_pieces([b"a"] * 10 + [b"b" * (3 * SENT_CHUNK)])]
    assert len(sizes) == 4
    assert max(sizes) < SENT_CHUNK + 20
