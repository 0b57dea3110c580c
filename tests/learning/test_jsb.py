"""The chorale task: hostile files, the definition of the figure, what is charged."""

import json
import math
import os
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from bioplastic.errors import CorruptFile, UsageError
from bioplastic.learning.epochs import Epochs
from bioplastic.learning.learners import learner
from bioplastic.learning.learners.chorale_code import bar, read, rest, spelt
from bioplastic.learning.learners.floor import Floor
from bioplastic.learning.learners.frame_logistic import FrameLogistic
from bioplastic.learning.learners.key_markov import KeyMarkov
from bioplastic.learning.task import MissingData
from bioplastic.learning.tasks import task
from bioplastic.learning.tasks.jsb import JSB, JSBEpochs, JSBJoint, with_silence
from bioplastic.learning.tasks.jsb_data import PARTS, STANDARD, load

PIECES = {
    "train": [[[60, 64, 67], [60, 64, 67, 72], []], [[59, 62], [60, 64]]],
    "valid": [[[60], [61]]],
    "test": [[[21, 108], [60, 64, 67, 72, 76]], [[72]]],
}


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "some.json"
    path.write_text(json.dumps(PIECES))
    return path


def rolls(part):
    found = []
    for piece in PIECES[part]:
        roll = np.zeros((len(piece), 88), np.uint8)
        for t, frame in enumerate(piece):
            roll[t, [pitch - 21 for pitch in frame]] = 1
        found.append(roll)
    return found


def cells(part):
    found = np.empty((1, len(PIECES[part])), object)
    for k, roll in enumerate(rolls(part)):
        found[0, k] = roll.astype(float)
    return found


def test_both_files_read_alike(made, tmp_path):
    other = tmp_path / "some.mat"
    savemat(other, {f"{part}data": cells(part) for part in PARTS})
    a, b = load(made, standard=False), load(other, standard=False)
    for part in PARTS:
        assert len(a.part(part)) == len(b.part(part)) == len(PIECES[part])
        for x, y, z in zip(a.part(part), b.part(part), rolls(part), strict=True):
            assert np.array_equal(x, y)
            assert np.array_equal(x, z.astype(bool))


def test_missing_data_says_which_where_licence(monkeypatch, tmp_path):
    monkeypatch.setenv("BIOPLASTIC_DATA", str(tmp_path))
    with pytest.raises(MissingData) as told:
        JSB().check()
    for word in ("JSB_Chorales.mat", "jsb-chorales-quarter.json", "github.com", "licence",
                 "BIOPLASTIC_DATA"):  # fmt: skip
        assert word in str(told.value)


def test_another_split_is_refused(made):
    with pytest.raises(UsageError, match="standard=False"):
        load(made)


HOSTILE = {
    "not json": b"{",
    "no text": b"\xff\xfe\x00",
    "constant": b'{"train": NaN, "valid": [], "test": []}',
    "deep": b"[" * 100_000,
    "a list": b"[1, 2]",
    "part missing": b'{"train": [[[60]]], "valid": [[[60]]]}',
    "twice": b'{"train": [[[60]]], "train": [[[60]]], "valid": [[[60]]], "test": [[[60]]]}',
    "pitch too low": b'{"train": [[[20]]], "valid": [[[60]]], "test": [[[60]]]}',
    "pitch a fraction": b'{"train": [[[60.5]]], "valid": [[[60]]], "test": [[[60]]]}',
    "pitch a truth": b'{"train": [[[true]]], "valid": [[[60]]], "test": [[[60]]]}',
    "pitch a text": b'{"train": [[["60"]]], "valid": [[[60]]], "test": [[[60]]]}',
    "frame a number": b'{"train": [[60]], "valid": [[[60]]], "test": [[[60]]]}',
    "empty piece": b'{"train": [[]], "valid": [[[60]]], "test": [[[60]]]}',
    "no piece": b'{"train": [], "valid": [[[60]]], "test": [[[60]]]}',
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_json(tmp_path, what):
    path = tmp_path / "bad.json"
    path.write_bytes(HOSTILE[what])
    with pytest.raises(CorruptFile, match=r"^bad\.json: "):
        load(path, standard=False)


def test_hostile_mat(tmp_path):
    good = tmp_path / "good.mat"
    savemat(good, {f"{part}data": cells(part) for part in PARTS})
    data, path = good.read_bytes(), tmp_path / "bad.mat"
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, 400, dtype=np.uint8).tobytes()
    for bad in (b"", b"MATLAB", data[:200], data[: len(data) // 2], noise, data[:128] + noise):
        path.write_bytes(bad)
        with pytest.raises(CorruptFile, match=r"^bad\.mat: "):
            load(path, standard=False)
    for value in (np.eye(88), "text"):
        savemat(path, {f"{part}data": value for part in PARTS})
        with pytest.raises(CorruptFile, match="cell array"):
            load(path, standard=False)
    wrong = cells("train")
    for value in (np.full((2, 88), 2.0), np.full((2, 88), np.nan), np.zeros((2, 87)), "text"):
        wrong[0, 0] = value
        savemat(path, {f"{part}data": wrong for part in PARTS})
        with pytest.raises(CorruptFile, match="0 and 1"):
            load(path, standard=False)


def test_a_pickle_is_not_opened(tmp_path):
    path = tmp_path / "chorales.pkl"
    path.write_bytes(pickle.dumps(PIECES))
    with pytest.raises(UsageError, match=r"\.mat or \.json"):
        load(path)
    path.rename(tmp_path / "chorales.mat")
    with pytest.raises(CorruptFile):
        load(tmp_path / "chorales.mat")


frames = st.lists(st.sets(st.integers(0, 11), max_size=7), max_size=12)


@given(frames, st.integers(0, 5))
def test_a_frame_has_one_spelling(sets, voices):
    roll = np.zeros((len(sets), 12), bool)
    for t, keys in enumerate(sets):
        roll[t, list(keys)] = True
    symbols, starts = spelt(roll, voices=voices)
    expected = [
        s
        for keys in sets
        for s in [*sorted(keys, reverse=True), *[rest(12)] * (voices - len(keys)), bar(12)]
    ]
    assert symbols.tolist() == expected
    assert starts[-1] == len(symbols)
    assert len(starts) == len(sets) + 1
    assert np.array_equal(read(symbols, keys=12, voices=voices), roll)


@pytest.mark.parametrize("bad", [[3, 5, 13], [12, 3, 13], [3, 12, 13, 12], [3, 3, 13]])
def test_other_rows_spell_nothing(bad):
    with pytest.raises(UsageError):
        read(np.array(bad), keys=12, voices=2)


def test_silence_stands_before_each_piece():
    found, charged = with_silence(tuple(r.astype(bool) for r in rolls("train")))
    assert charged.tolist() == [False, True, True, True, False, True, True]
    assert not found[0].any()
    assert not found[4].any()
    assert np.array_equal(found[charged], np.concatenate(rolls("train")).astype(bool))


def test_uniform_figures_are_exact(made):
    """½ per key is 88 ln 2; 1/90 per symbol is ln 90 times the mean number of symbols."""
    given: dict[str, Any] = {"path": str(made), "standard": False}
    found = JSB(**given).measure(Floor(name="uniform"), seed=1)
    assert found.score == pytest.approx(88 * math.log(2), rel=1e-12)
    assert found.extra["still_nats_per_frame"] == pytest.approx(found.score, rel=1e-12)
    lengths = {0: (3, 6, 2), 4: (5, 6, 5)}
    for voices, symbols in lengths.items():
        joint = JSBJoint(**given, voices=voices).measure(Floor(name="uniform"), seed=1)
        assert joint.score == pytest.approx(np.mean(symbols) * math.log(90), rel=1e-12)


def test_silence_is_learned_but_not_charged(made):
    """Brute force of the score of the Markov chain over the whole stream."""
    found = JSB(path=str(made), standard=False).measure(KeyMarkov(), seed=1)
    student = KeyMarkov().begin(JSB().space(), seed=0)
    charge: dict[str, list[float]] = {}
    for part in ("train", "test"):
        charge[part] = []
        for roll in rolls(part):
            student.learn(np.zeros(88, bool))
            for x in roll.astype(bool):
                charge[part].append(JSB().space().loss(student.predict(), x))
                student.learn(x)
    assert found.score == pytest.approx(np.mean(charge["test"]), rel=1e-12)
    assert found.extra["train_nats_per_frame"] == pytest.approx(np.mean(charge["train"]))
    # the copy that stood still changed nothing; 3 + 2 frames and 2 silent ones, then 3 and 2
    assert found.cost is not None
    assert found.cost.symbols == 12
    assert found.x[-1] == 5 + 3


def test_valid_takes_the_place_of_test(made):
    given: dict[str, Any] = {"path": str(made), "standard": False}
    chosen = JSB(**given, valid=True).measure(KeyMarkov(), seed=1)
    assert chosen.x[-1] == 5 + 2
    assert JSB(**given, pieces=1).measure(KeyMarkov(), seed=1).x[-1] == 3 + 2


def test_who_does_not_fit_gives_a_record(made):
    given: dict[str, Any] = {"path": str(made), "standard": False}
    found = JSB(**given).measure(Floor(name="ngram"), seed=1)
    assert math.isnan(found.score)
    assert found.note.startswith("unsuited")
    found = JSBJoint(**given).measure(KeyMarkov(), seed=1)
    assert found.note.startswith("unsuited")
    found = JSBEpochs(**given).measure(Floor(name="ngram"), seed=1)
    assert found.note.startswith("unsuited")


def test_ngram_stands_still_by_a_copy(made):
    found = JSBJoint(path=str(made), standard=False).measure(learner("ngram"), seed=1)
    assert found.extra["still_nats_per_frame"] != found.score
    alone: Any = learner("ngram").begin(JSBJoint().space(), seed=1)
    both = tuple(r.astype(bool) for part in ("train", "test") for r in rolls(part))
    filled, charged = with_silence(both)
    symbols, starts = spelt(filled, voices=4)
    nats = np.add.reduceat(alone.run(symbols), starts[:-1])[charged] * math.log(2)
    assert found.score == pytest.approx(nats[-3:].mean(), rel=1e-12)


def test_epochs_keep_the_best(made):
    made = JSBEpochs(path=str(made), standard=False, epochs=Epochs(most=3, patience=3))
    found = made.measure(FrameLogistic(), seed=1)
    assert found.extra["valid_nats_per_frame"] == found.y.min()
    assert math.isfinite(found.score)
    assert found.note == ""


def test_by_name():
    for name, kind in (("jsb", JSB), ("jsb-joint", JSBJoint), ("jsb-epochs", JSBEpochs)):
        found = task(name)
        assert type(found) is kind
        assert found.metric.lower_is_better
        assert "88" in found.question + found.protocol or name != "jsb"
        names = [x.name for x in found.learners()]
        assert len(set(names)) == len(names)


def test_pieces_must_be_some(made):
    with pytest.raises(UsageError, match="starts at 1"):
        JSB(path=str(made), standard=False, pieces=0).check()


@pytest.mark.skipif("BIOPLASTIC_DATA" not in os.environ, reason="BIOPLASTIC_DATA is not set")
def test_the_published_floor():
    """Note unigram 11.06 (published, all frames); per-key Markov 10.49 (maximum likelihood).

    Tolerance .02: the published unigram is given with two decimals and stands still; ours adds ½
    to counts of 14 000 frames and goes on learning (its own still figure differs by .003).
    """
    try:
        assert load().sizes() == STANDARD
    except MissingData as error:
        pytest.skip(str(error))
    found = JSB().measure(Floor(name="unigram"), seed=1)
    assert found.extra["still_nats_per_frame"] == pytest.approx(11.06, abs=0.02)
    assert JSB().measure(KeyMarkov(), seed=1).score == pytest.approx(10.49, abs=0.02)
