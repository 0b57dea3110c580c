"""AEDAT 4.0 views: bytes by the definition, round trip, and files that are wrong."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bioplastic.errors import CorruptFile, UsageError
from bioplastic.export.aer import aedat4, flatbuffer, lz4
from bioplastic.export.aer.fold import Fold
from bioplastic.unit_si import Malformed

FOLD = Fold.of(1000, aedat4.LARGEST)
EVENTS = st.sets(st.tuples(st.integers(0, 2**61 - 1), st.integers(0, 999)), max_size=12)


def arrays(events):
    table = np.array(sorted(events), np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def written(path, events=((5, 0), (5, 999), (2**40, 33))):
    path.unlink(missing_ok=True)
    aedat4.write(path, [arrays(events)], ["a <comment> & more"], FOLD)
    return path


def test_the_fold_is_a_square():
    assert (FOLD.width, FOLD.height) == (32, 32)
    x, y = FOLD.xy(np.arange(1000))
    assert (x.max(), y.max()) == (31, 31)
    assert FOLD.address(x, y).tolist() == list(range(1000))
    assert Fold.of(1, 10) == Fold(width=1, height=1)
    assert Fold.of(12, 10) == Fold(width=4, height=3)
    with pytest.raises(UsageError, match="a view of 10 x 10 holds 100"):
        Fold.of(101, 10)


@settings(deadline=None)
@given(EVENTS)
def test_reading_what_was_written_is_identity(tmp_path_factory, events):
    path = written(tmp_path_factory.mktemp("x") / "e.aedat4", events)
    time, address = aedat4.read(path, FOLD)
    assert (time.tolist(), address.tolist()) == tuple(a.tolist() for a in arrays(events))


def test_the_bytes_are_those_of_the_schema(tmp_path):
    """Offsets followed by hand, as the FlatBuffers page of internals says."""
    raw = written(tmp_path / "e.aedat4").read_bytes()
    assert raw.startswith(b"#!AER-DAT4.0\r\n")
    size = struct.unpack_from("<I", raw, 14)[0]
    assert raw[22:26] == b"IOHE"
    at = 14 + 4 + size
    stream, length = struct.unpack_from("<ii", raw, at)
    assert (stream, at + 8 + length) == (0, len(raw))
    body = raw[at + 8 :]
    assert body[8:12] == b"EVTS"
    table = 4 + struct.unpack_from("<I", body, 4)[0]
    vtable = table - struct.unpack_from("<i", body, table)[0]
    assert struct.unpack_from("<HHH", body, vtable) == (6, 8, 4)
    vector = table + 4 + struct.unpack_from("<I", body, table + 4)[0]
    assert struct.unpack_from("<I", body, vector) == (3,)
    assert (vector + 4) % 8 == 0
    assert struct.unpack_from("<qhhB", body, vector + 4 + 16) == (5, 999 % 32, 999 // 32, 1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda raw: b"", "not an AEDAT 4.0"),
        (lambda raw: raw[:14], "unpack"),
        (lambda raw: raw[:300], "has not the size"),
        (lambda raw: raw[:-1], "a packet is cut off"),
        (lambda raw: raw + b"1234", "unpack"),
        (lambda raw: raw.replace(b"EVTS\x06", b"EVTX\x06"), "not of the schema EVTS"),
        (lambda raw: raw.replace(b"EVTS<", b"IMUS<"), "0 streams of polarity events"),
        (lambda raw: raw.replace(b"<dv ", b"<!v "), "not plain XML"),
        (lambda raw: raw.replace(b"</dv>", b"</dw>"), "not XML"),
        (lambda raw: raw.replace(b'"sizeX"', b'"size."'), "incomplete"),
        (lambda raw: raw.replace(b'"int">32<', b'"int">07<', 1), "outside the picture of 7 x 32"),
        (lambda raw: raw[:-4] + b"\x02\0\0\0", "neither 0 nor 1"),
        (lambda raw: raw[:-4] + b"\0\0\0\0", "polarity off"),
    ],
)
def test_files_that_are_wrong_are_refused(tmp_path, change, why):
    path = written(tmp_path / "e.aedat4")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CorruptFile, match=why) as caught:
        aedat4.read(path, FOLD)
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(UsageError, match="no such file"):
        aedat4.read_xy(tmp_path / "none")


def test_a_view_of_another_size_is_refused(tmp_path):
    with pytest.raises(CorruptFile, match="not that of the address map"):
        aedat4.read(written(tmp_path / "e.aedat4"), Fold(width=33, height=32))


def test_chunks_out_of_order_are_refused(tmp_path):
    for number, chunks in enumerate(([[5], [5]], [[5, 4]])):
        parts = [(np.array(t), np.zeros(len(t), int)) for t in chunks]
        with pytest.raises(UsageError, match="ordered"):
            aedat4.write(tmp_path / f"{number}.aedat4", parts, [], FOLD)


FRAME = struct.pack("<IBBB", 0x184D2204, 0x60, 0x40, 0)


def framed(block, *, raw=False):
    return FRAME + struct.pack("<I", len(block) | raw << 31) + block + bytes(4)


def test_lz4_unpacks_literals_copies_and_runs():
    assert lz4.unpack(framed(b"\x50hello", raw=False), 99) == b"hello"
    assert lz4.unpack(framed(b"as it is", raw=True), 99) == b"as it is"
    assert lz4.unpack(framed(b"\x30abc\x03\x00\x00"), 99) == b"abcabca"
    assert lz4.unpack(framed(b"\x1fa\x01\x00\xff\x02\x00"), 999) == b"a" * (1 + 4 + 15 + 255 + 2)
    assert lz4.unpack(framed(b"\xf0\x01" + b"0123456789abcdef"), 99) == b"0123456789abcdef"


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"", "cut off"),
        (b"1234567", "not an LZ4 frame"),
        (FRAME, "cut off"),
        (framed(b"\x50hello")[:-4], "cut off"),
        (framed(b"\x50hello") + b"more", "bytes follow"),
        (FRAME + struct.pack("<I", 99) + b"\x50hello", "ends behind its frame"),
        (framed(b"\x60hello"), "ends behind its block"),
        (framed(b"\xf0\xff"), "cut off"),
        (framed(b"\x10a\x01"), "cut off"),
        (framed(b"\x10a\x02\x00\x00"), "before the start"),
        (framed(b"\x10a\x00\x00\x00"), "before the start"),
        (framed(b"\x10a\x01\x00"), "ends with a copy"),
        (framed(b"\x1fa\x01\x00" + b"\xff" * 50 + b"\x00\x00"), "more than the 99 bytes"),
        (framed(bytes(100), raw=True), "more than the 99 bytes"),
    ],
)
def test_lz4_that_is_damaged_is_refused(frame, why):
    with pytest.raises(Malformed, match=why):
        lz4.unpack(frame, 99)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.binary(min_size=4, max_size=4))
def test_any_bytes_are_a_table_or_malformed(data, schema):
    data = struct.pack("<I", len(data) + 8) + data[:4].ljust(4, b"\0") + schema + data[4:]
    try:
        table = flatbuffer.root(memoryview(data), schema)
        table.number(0, "q", -1)
        assert len(table.vector(1, 16)) % 16 == 0
    except Malformed:
        pass
