import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioplastic.errors import CorruptFile, UsageError
from bioplastic.export.aer import aedat2
from bioplastic.export.aer.address import MAX_ADDRESSES

EVENTS = st.sets(
    st.tuples(st.integers(0, 2**31 - 1), st.integers(0, MAX_ADDRESSES - 1)), max_size=12
)
FUZZ = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def arrays(events):
    table = np.array(sorted(events), np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


@given(EVENTS)
def test_decode_of_encode_is_identity(events):
    time, address = arrays(events)
    payload = aedat2.encode(time, address)
    assert len(payload) == 8 * len(events)
    back = aedat2.decode(payload)
    assert np.array_equal(back[0], time)
    assert np.array_equal(back[1], address)
    assert payload[:1] != b"#"


@given(st.binary(max_size=64) | EVENTS.map(lambda e: aedat2.encode(*arrays(e))))
def test_encode_of_decode_is_identity(payload):
    try:
        time, address = aedat2.decode(payload)
    except CorruptFile:
        return
    assert aedat2.encode(time, address) == payload


def test_the_bytes_are_big_endian_address_then_time():
    payload = aedat2.encode(np.array([0x01020304]), np.array([0x0A0B0C0D]))
    assert payload == bytes([0x0A, 0x0B, 0x0C, 0x0D, 1, 2, 3, 4])


@pytest.mark.parametrize(
    ("time", "address", "why"),
    [
        ([2**31], [0], "2147483648 µs"),
        ([-1], [0], "must be within"),
        ([0], [MAX_ADDRESSES], "event address"),
        ([1, 0], [0, 0], "ordered"),
        ([1, 1], [3, 2], "ordered"),
        ([1, 1], [2, 2], "none twice"),
    ],
)
def test_events_that_do_not_fit_are_refused(time, address, why):
    with pytest.raises(UsageError, match=why):
        aedat2.encode(np.array(time), np.array(address))


def test_file_round_trip(tmp_path):
    path = tmp_path / "e.aedat"
    chunks = [([0, 5], [7, 7]), ([], []), ([5, 2**31 - 1], [8, 0])]
    made = aedat2.write(path, ((np.array(t), np.array(a)) for t, a in chunks), ["two lines", "µ"])
    assert made == 4
    time, address = aedat2.read(path)
    assert time.tolist() == [0, 5, 5, 2**31 - 1]
    assert address.tolist() == [7, 7, 8, 0]
    assert path.read_bytes().startswith(b"#!AER-DAT2.0\r\n# This is a raw AE data file")


def test_chunks_out_of_order_are_refused(tmp_path):
    chunks = [(np.array([5]), np.array([0])), (np.array([5]), np.array([0]))]
    with pytest.raises(UsageError, match="must be ordered"):
        aedat2.write(tmp_path / "e.aedat", chunks)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not an AEDAT 2.0"),
        (b"#!AER-DAT3.1\r\n", "not an AEDAT 2.0"),
        (aedat2.MAGIC, "no end"),
        (aedat2.MAGIC + b"# text", "no end"),
        (aedat2.MAGIC + b"events", "no end"),
        (aedat2.MAGIC + b"#" * 2**17, "no end"),
        (aedat2.MAGIC + aedat2._END + b"1234567", "not a multiple of 8"),
        (aedat2.MAGIC + aedat2._END + b"\0\0\0\0\x80\0\0\0", r"not below 2\^31"),
        (aedat2.MAGIC + aedat2._END + b"\x23\0\0\0\0\0\0\0", "event address"),
        (aedat2.MAGIC + aedat2._END + b"\0" * 16, "there twice"),
    ],
)
def test_files_that_are_wrong_are_refused(tmp_path, content, why):
    path = tmp_path / "e.aedat"
    path.write_bytes(content)
    with pytest.raises(CorruptFile, match=why) as caught:
        aedat2.read(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_missing_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        aedat2.read(tmp_path / "none.aedat")


@FUZZ
@given(st.data())
def test_mutated_files_raise_nothing_else(tmp_path, data):
    path = tmp_path / "e.aedat"
    path.unlink(missing_ok=True)
    aedat2.write(path, [arrays(data.draw(EVENTS))], ["a comment"])
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    try:
        time, address = aedat2.read(path)
    except CorruptFile:
        return
    assert aedat2.encode(time, address)[:1] != b"#"
