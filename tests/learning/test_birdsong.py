"""Bird song: the file's format, the split, and the n-grams that are published beside it."""

import math
import os
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest

from bioplastic.errors import CorruptFile, UsageError
from bioplastic.learning.learners import learner
from bioplastic.learning.task import MissingData
from bioplastic.learning.tasks.birdsong import END, Birdsong, bouts
from bioplastic.learning.tasks.data_folder import VARIABLE
from bioplastic.provenance import stream

HERE = os.environ.get(VARIABLE)


@pytest.fixture
def song(tmp_path):
    """Ten bouts in the file's format: motifs of a b c or a d, with times."""
    rng, lines = stream(1, "song"), []
    for n in range(10):
        labels = [s for _ in range(4) for s in ([0, 1, 2] if rng.random() < 0.5 else [0, 3])]
        events = " ".join(f"{s}:{3000 * t}:2048" for t, s in enumerate(labels))
        lines.append(f"{n}.wav\t{events}\n")
    path = tmp_path / "song.tsv"
    path.write_text("".join(lines))
    return path


def test_bouts_are_split_and_end_with_the_end_symbol(song):
    made = Birdsong(path=str(song))
    train, test = made.parts()
    assert (train == END).sum() == 8
    assert (test == END).sum() == 2
    assert train[-1] == test[-1] == END
    kept = np.concatenate((train, test))
    assert np.array_equal(kept[kept != END], np.concatenate(bouts(song)))
    assert made.space.size == len(made.space.labels) == 10


def test_a_cell(song):
    found = Birdsong(path=str(song)).measure(learner("ngram"), seed=1)
    assert found.note == ""
    # after a, b or d are a coin's throw; b and d are followed by c and a or the end
    assert 0.2 < found.score < 2.0
    assert found.extra["top1_test"] > 0.5
    assert found.cost is not None


@pytest.mark.parametrize(
    "line", ["0.wav 0:1:2", "0.wav\t9:1:2", "0.wav\tx:1:2", "0.wav\t", "0.wav\t-1:0:0"]
)
def test_lines_that_are_no_bout_are_named(song, line):
    song.write_text(song.read_text() + line + "\n")
    with pytest.raises(CorruptFile, match="line 11: no bout"):
        bouts(song)


def test_what_is_missing_says_where_it_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(MissingData, match=r"crowsetta.*figshare 3470165 \(CC BY 4.0"):
        Birdsong().check()
    with pytest.raises(MissingData, match="nowhere"):
        Birdsong(path="nowhere.tsv").check()


def test_splits_that_leave_nothing(song):
    with pytest.raises(UsageError, match="train = 1"):
        Birdsong(path=str(song), train=1.0).check()
    with pytest.raises(UsageError, match="leaves none"):
        replace(Birdsong(path=str(song)), train=0.05).parts()
    song.write_text("0.wav\t1:0:0\n")
    with pytest.raises(CorruptFile, match="1 bouts"):
        bouts(song)


def counted(train, test, order, *, marked):
    """(bits, top-1) of Witten–Bell n-grams counted on bouts of train, asked about those of test."""
    start = [END] * order if marked else []
    counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for bout in train:
        row = [*start, *bout.tolist(), END]
        for t in range(len(start), len(row)):
            for k in range(min(order, t) + 1):
                counts[tuple(row[t - k : t])][row[t]] += 1
    bits, right = [], []
    for bout in test:
        row = [*start, *bout.tolist(), END]
        for t in range(len(start), len(row)):
            p = np.full(10, 0.1)
            for k in range(min(order, t) + 1):
                seen = counts.get(tuple(row[t - k : t]))
                if seen is None:
                    break
                here = np.array([seen[s] for s in range(10)], float)
                p = (here + len(seen) * p) / (here.sum() + len(seen))
            bits.append(-math.log2(p[row[t]]))
            right.append(p.argmax() == row[t])
    return float(np.mean(bits)), float(np.mean(right))


@pytest.mark.skipif(HERE is None, reason=f"{VARIABLE} is not set: the songs are not shipped")
def test_counting_gives_the_published_rows():
    made = Birdsong()
    found = bouts(made.file())
    assert (len(found), sum(map(len, found))) == (571, 7652)
    train, test = found[:456], found[456:]
    alone = counted(train, test, 3, marked=False)
    assert (round(alone[0], 3), round(alone[1], 3)) == (made.published[0].score, 0.738)
    marked = counted(train, test, 4, marked=True)
    assert (round(marked[0], 3), round(marked[1], 3)) == (made.published[1].score, 0.733)
