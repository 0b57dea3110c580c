"""EVT 3.0 views: words by the definition, the wrap of the clock, and files that are wrong."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bioplastic.errors import CorruptFile, UsageError
from bioplastic.export.aer import evt3
from bioplastic.export.aer.fold import Fold
from bioplastic.unit_si import Malformed

FOLD = Fold.of(1000, evt3.LARGEST)
TIMES = st.integers(0, 2**31 - 1) | st.integers(2**24 - 3, 2**24 + 3) | st.integers(0, 5000)
EVENTS = st.sets(st.tuples(TIMES, st.integers(0, 999)), max_size=12)


def arrays(events):
    table = np.array(sorted(events), np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def by_definition(words):
    """One word after the other, as the format's page tells it."""
    high = low = y = loops = 0
    for word in words.tolist():
        kind, value = word >> 12, word & 0xFFF
        if kind == 8:
            loops += value < high
            high = value
        elif kind == 6:
            low = value
        elif kind == 0:
            y = value
        elif kind == 2:
            yield (loops << 24) + (high << 12) + low, value & 0x7FF, y, value >> 11


@settings(deadline=None)
@given(EVENTS)
def test_words_mean_their_events(events):
    time, address = arrays(events)
    words = evt3.encode(time, address, FOLD)
    found = list(by_definition(words))
    assert found == [(t, a % 32, a // 32, 1) for t, a in sorted(events)]
    ours = evt3.decode(words)
    assert found == list(zip(*(a.tolist() for a in ours), strict=True))


@settings(deadline=None)
@given(EVENTS, st.integers(0, 12))
def test_chunks_join_without_a_seam(tmp_path_factory, events, cut):
    time, address = arrays(events)
    path = tmp_path_factory.mktemp("x") / "e.raw"
    parts = [(time[:cut], address[:cut]), (time[cut:], address[cut:])]
    assert evt3.write(path, parts, ["µ"], FOLD) == len(events)
    back = evt3.read(path, FOLD)
    assert back[0].tolist() == time.tolist()
    assert back[1].tolist() == address.tolist()


def test_every_quarter_is_told_and_every_wrap_passes_the_top_and_zero():
    words = evt3.encode(np.array([0, 3 * 2**24 + 5]), np.array([0, 0]), FOLD)
    assert words.tolist() == [
        0x8000, 0x6000, 0x0000, 0x2800,
        *3 * [0x8400, 0x8800, 0x8C00, 0x8FFF, 0x8000], 0x6005, 0x0000, 0x2800,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([0x8000, 0x6000, 0x2800], "before its time and row"),
        ([0x8000, 0x0000, 0x2800], "before its time and row"),
        ([0x6000, 0x0000, 0x2800], "before its time and row"),
        ([0x8000, 0x3800], "word 1 is 0x3800"),
        ([0xE000], "no part of these views"),
        ([0x8005, 0x8004], "fall without a wrap"),
        ([0x8FFF, 0x8001], "fall without a wrap"),
        ([0x8000, 0x6000, 0x0800, 0x2800], "second camera"),
    ],
)
def test_words_that_are_wrong_are_refused(words, why):
    with pytest.raises(Malformed, match=why):
        evt3.decode(np.array(words, np.uint16))


HEAD = b"% evt 3.0\n% end\n"
OFF = np.array([0x8000, 0x6000, 0x0000, 0x2000], "<u2").tobytes()
TWICE = np.array([0x8000, 0x6000, 0x0000, 0x2800, 0x2800], "<u2").tobytes()
OUTSIDE = np.array([0x8000, 0x6000, 0x0000, 0x2820], "<u2").tobytes()
LATE = np.array([0x8FFF, 0x8000] * 128 + [0x6000, 0x0000, 0x2800], "<u2").tobytes()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "header has no end"),
        (b"% evt 3.0\n", "header has no end"),
        (b"% end\n", "does not say so"),
        (b"% evt 2.0\n% end\n", "does not say so"),
        (HEAD + b"1", "half a word"),
        (HEAD + OFF, "polarity off"),
        (HEAD + TWICE, "there twice"),
        (HEAD + OUTSIDE, "outside the view"),
        (HEAD + LATE, r"not below 2\^31"),
    ],
)
def test_files_that_are_wrong_are_refused(tmp_path, content, why):
    path = tmp_path / "e.raw"
    path.write_bytes(content)
    with pytest.raises(CorruptFile, match=why) as caught:
        evt3.read(path, FOLD)
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(UsageError, match="no such file"):
        evt3.read_xy(tmp_path / "none")


@pytest.mark.parametrize("time", [[5, 4], [-1], [2**31]])
def test_events_that_do_not_fit_are_refused(time):
    with pytest.raises(UsageError, match="ordered by"):
        evt3.encode(np.array(time), np.zeros(len(time), int), FOLD)


def test_too_many_neurons_for_a_view():
    with pytest.raises(UsageError, match="a view of 2048 x 2048 holds 4,194,304: use aedat2"):
        Fold.of(2048 * 2048 + 1, evt3.LARGEST)
