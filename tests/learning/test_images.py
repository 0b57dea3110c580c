"""Image data, the image task, and the floor: k-means, random features, perceptrons, votes."""

from __future__ import annotations

import gzip
import lzma
import struct
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from bioplastic.errors import CorruptFile, UsageError
from bioplastic.learning.learner import Unsuited
from bioplastic.learning.learners import LEARNERS, learner
from bioplastic.learning.learners.image_learner import ImageLearner, ImageSpace
from bioplastic.learning.learners.image_logistic import ImageLogistic
from bioplastic.learning.learners.image_mlp import ImageMLP
from bioplastic.learning.learners.image_votes import Votes, best
from bioplastic.learning.learners.kmeans import KMeans, OnlineKMeans
from bioplastic.learning.learners.random_features import RandomFeatures
from bioplastic.learning.task import MissingData
from bioplastic.learning.tasks import image_data, image_search, images, task
from bioplastic.learning.tasks.image_data import ImageData, pair, read_digits, read_idx
from bioplastic.learning.tasks.images import SETS, Images, ImageSet, accuracy, speckled

SPACE = ImageSpace(pixels=16, classes=3)
PATTERNS = np.random.default_rng(0).random((3, 16)) < 0.5


def pictures(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    x = PATTERNS[labels] * rng.uniform(120, 255, (n, 16)) + rng.uniform(0, 60, (n, 16))
    return np.clip(x, 0, 255).astype(np.uint8), labels


def toy_data(seed: int) -> ImageData:
    train, train_labels = pictures(150)
    test, test_labels = pictures(40, seed=2)
    return ImageData(
        space=SPACE, train=train, train_labels=train_labels, test=test, test_labels=test_labels
    )


@pytest.fixture
def toy(monkeypatch):
    """The image task on toy pictures, under the name digits."""
    small = ImageSet(read=toy_data, neurons=6, energy=3.0, seeds=2, held_out=30)
    monkeypatch.setitem(SETS, "digits", small)
    return Images(name="digits", levels=(0.0, 0.5))


def idx(*shape: int, body: bytes | None = None, magic: bytes = b"\0\0\x08") -> bytes:
    size = int(np.prod(shape))
    head = magic + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    return head + (bytes(i % 7 for i in range(size)) if body is None else body)


@pytest.mark.parametrize("suffix", [".xz", ".gz", ""])
def test_idx_files_are_read(tmp_path, suffix):
    path = tmp_path / f"images{suffix}"
    packed = {".xz": lzma.compress(idx(3, 4, 4)), ".gz": gzip.compress(idx(3, 4, 4))}
    path.write_bytes(packed.get(suffix, idx(3, 4, 4)))
    found = read_idx(path, 3)
    assert found.shape == (3, 4, 4)
    assert found.ravel().tolist() == [i % 7 for i in range(48)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lzma.compress(idx(3, 4, 4))[:-20], "cannot be read"),
        (b"not packed at all", "cannot be read"),
        (lzma.compress(b""), "begins with"),
        (lzma.compress(idx(3, 4, 4, magic=b"\0\0\x0d")), "begins with"),
        (lzma.compress(idx(48)), "begins with"),
        (lzma.compress(idx(3, 4, 4)[:9]), "header"),
        (lzma.compress(idx(3, 4, 4, body=bytes(47))), "47 follow"),
        (lzma.compress(idx(3, 4, 4, body=bytes(49))), "49 follow"),
        (lzma.compress(idx(2**32 - 1, 2**32 - 1, 2**32 - 1, body=b"")), "0 follow"),
    ],
)
def test_hostile_idx_files_give_one_error(tmp_path, content, says):
    path = tmp_path / "images.xz"
    path.write_bytes(content)
    with pytest.raises(CorruptFile, match=says):
        read_idx(path, 3)


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(image_data, "MOST_BYTES", 1000)
    path = tmp_path / "images.xz"
    path.write_bytes(lzma.compress(bytes(2000)))
    with pytest.raises(CorruptFile, match="more than 1000 bytes"):
        read_idx(path, 3)


def test_images_and_labels_must_belong_together(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(idx(3, 4, 4))
    b.write_bytes(idx(2, body=b"\0\1"))
    with pytest.raises(CorruptFile, match="3 images"):
        pair(a, b, SPACE)
    b.write_bytes(idx(3, body=b"\0\1\3"))
    with pytest.raises(CorruptFile, match="label 3"):
        pair(a, b, SPACE)
    b.write_bytes(idx(3, body=b"\0\1\2"))
    x, y = pair(a, b, SPACE)
    assert x.shape == (3, 16)
    assert y.tolist() == [0, 1, 2]
    with pytest.raises(CorruptFile, match="not 25 pixels"):
        pair(a, b, ImageSpace(pixels=25, classes=3))


@pytest.mark.parametrize("read", [image_data.mnist, image_data.fashion, image_data.digits])
def test_missing_data_say_where_and_under_what_licence(read, monkeypatch, tmp_path):
    monkeypatch.setenv("BIOPLASTIC_DATA", str(tmp_path))
    monkeypatch.setattr(image_data, "DEBIAN", tmp_path)
    monkeypatch.setattr(image_data, "find_spec", lambda name: None)
    with pytest.raises(MissingData, match=r"Get it from .* \((CC|MIT|BSD)"):
        read()


def test_mnist_is_read_from_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("BIOPLASTIC_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    for kind, n in (("train", 5), ("t10k", 2)):
        folder = tmp_path / "mnist"
        (folder / f"{kind}-images-idx3-ubyte.xz").write_bytes(lzma.compress(idx(n, 28, 28)))
        (folder / f"{kind}-labels-idx1-ubyte.xz").write_bytes(lzma.compress(idx(n)))
    found = image_data.mnist()
    assert found.train.shape == (5, 784)
    assert found.test_labels.tolist() == [0, 1]
    assert len(found.held_out(2).train) == 3


def table(rows: int = 1797, first: str = "16") -> bytes:
    row = ",".join([first] + ["3"] * 63 + ["7"])
    return gzip.compress("\n".join([row] * rows).encode())


def test_the_table_of_digits_is_read_or_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("BIOPLASTIC_DATA", str(tmp_path))
    monkeypatch.setattr(image_data, "find_spec", lambda name: None)
    path = tmp_path / "digits" / "digits.csv.gz"
    path.parent.mkdir()
    path.write_bytes(table())
    found = image_data.digits(3)
    assert found.train.shape == (1297, 64)
    assert found.test.shape == (500, 64)
    assert found.space.white == 16
    assert np.array_equal(found.test, image_data.digits(4).test)  # tuning never meets these
    for bad in (table(5), table(first="17"), table(first="0.5"), table(first="x"), b"\x1f\x8b\0"):
        path.write_bytes(bad)
        with pytest.raises(CorruptFile):
            read_digits(path)


def test_votes_multiply_odds_of_histograms():
    votes = Votes(3, 2)
    votes.tally(np.array([[0], [0], [0], [1], [2], [-1]]), np.array([0, 0, 1, 1, 1, 1]))
    assert votes.histogram.tolist() == [[2, 1], [0, 1], [0, 1]]
    assert votes.classify(np.array([[0], [1]])).tolist() == [0, 1]  # majority labels
    # ln odds of class 1: ln(1.3/2.3) = −0.57 and twice ln(1.3/0.3) = 1.47
    assert votes.classify(np.array([[0, 1], [0, -1], [-1, -1]])).tolist() == [1, 0, 1]


def test_best_are_the_largest():
    scores = np.random.default_rng(0).random((20, 9))
    for k in (1, 4):
        found = np.sort(best(scores, k), axis=1)
        assert np.array_equal(found, np.sort(np.argsort(-scores, axis=1)[:, :k], axis=1))


def test_gain_control_makes_equal_norms():
    x = SPACE.values(pictures(5)[0], 3.0)
    assert np.linalg.norm(x, axis=1) == pytest.approx(3.0, rel=1e-6)
    assert SPACE.values(np.zeros((1, 16), np.uint8), 3.0).tolist() == [[0.0] * 16]
    assert SPACE.values(np.full((1, 16), 255, np.uint8), None).tolist() == [[1.0] * 16]


def fitted(one: ImageLearner, n: int = 90):
    x, y = pictures(n)
    student = one.begin_images(SPACE, seed=1, total=n)
    student.fit(x[:40], y[:40])
    student.fit(x[40:], y[40:])
    student.settle(x, y)
    return student


def test_kmeans_is_lloyds_algorithm():
    one = KMeans(neurons=5, passes=3, energy=3.0)
    student = fitted(one)
    x = SPACE.values(pictures(90)[0], 3.0).astype(np.float64)
    start = images.stream(1, "kmeans", "start").permutation(90)[:5]
    centres = x[start].copy()
    for _ in range(3):
        nearest = ((x[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        for k in range(5):
            if np.any(nearest == k):
                centres[k] = x[nearest == k].mean(axis=0)
    assert student.centres == pytest.approx(centres, abs=1e-5)
    cost = student.cost()
    assert cost.effective_macs == (3 + 1) * 90 * 5 * 16
    assert cost.weight_updates == 3 * 90 * 16


def test_online_kmeans_keeps_means_of_what_it_won():
    student = fitted(OnlineKMeans(neurons=4, energy=None))
    x = SPACE.values(pictures(90)[0], None).astype(np.float64)
    centres, won = x[:4].copy(), np.ones(4)
    for shown in x[4:]:
        k = ((shown - centres) ** 2).sum(axis=1).argmin()
        won[k] += 1
        centres[k] += (shown - centres[k]) / won[k]
    assert student.centres == pytest.approx(centres, abs=1e-5)


def test_ridge_is_least_squares_on_the_features():
    student = fitted(RandomFeatures(neurons=8, energy=3.0, ridge=1e-3))
    x, y = pictures(90)
    phi = student._features(x).astype(np.float64)
    wanted = np.where(y[:, None] == np.arange(3), 1.0, -1.0)
    rows = np.concatenate([phi, np.sqrt(1e-3 * 90) * np.eye(9)])
    solved = np.linalg.lstsq(rows, np.concatenate([wanted, np.zeros((9, 3))]), rcond=None)[0]
    assert student._readout == pytest.approx(solved, abs=1e-3)


def test_the_counts_of_a_perceptron_are_those_of_its_layers():
    one = ImageMLP(neurons=7, batch=20, energy=3.0)
    student = one.begin_images(SPACE, seed=1, total=50)
    x, y = pictures(50)
    student.fit(x, y)
    student.settle(x, y)
    cost, size = student.cost(), 17 * 7 + 8 * 3
    assert cost.symbols == 50
    assert cost.plastic_synapses == size
    assert cost.dense_operations == 50 * (16 * 7 + 7 * 3)
    # gradients of both layers, errors through the second; Adam in batches of 20, 20 and 10
    assert cost.learning_macs == 50 * (16 * 7 + 7 * 3 + 7 * 3) + 3 * 4 * size
    assert cost.weight_updates == 3 * size
    open_ = np.count_nonzero(x) * 7
    active = (cost.effective_macs - open_) / 3
    assert active == cost.activations - cost.silent_activations
    assert 0 < active < 50 * 7


LEARNING = (
    KMeans(neurons=6, passes=5, energy=3.0),
    OnlineKMeans(neurons=6, energy=3.0),
    RandomFeatures(neurons=30, energy=3.0),
    ImageMLP(neurons=20, batch=5, learning_rate=0.02, energy=3.0),
    ImageMLP(neurons=20, batch=5, learning_rate=0.01, energy=3.0, passes=3),
    ImageLogistic(batch=5, learning_rate=0.1, energy=3.0),
)


@pytest.mark.parametrize(
    "one", LEARNING, ids=lambda one: f"{one.name}-{one.settings().get('passes')}"
)
def test_the_floor_learns_repeats_itself_and_is_lesioned(one):
    student, again = fitted(one), fitted(one)
    x, y = pictures(60, seed=7)
    found = student.classify(x)
    assert np.mean(found == y) >= 0.9
    assert np.array_equal(found, again.classify(x))
    assert one.locality()
    assert not all(use.local for use in one.locality())
    for kind in ("lesion_neurons", "lesion_synapses"):
        whole, gone = deepcopy(student), deepcopy(student)
        if one.settings()["neurons"] == 0 and kind == "lesion_neurons":
            with pytest.raises(Unsuited):
                gone.lesion_neurons(0.5, np.random.default_rng(0))
            continue
        getattr(whole, kind)(0.0, np.random.default_rng(0))
        assert np.array_equal(whole.classify(x), found)
        getattr(gone, kind)(1.0, np.random.default_rng(0))
        assert len(set(gone.classify(x).tolist())) == 1  # nothing tells images apart
    assert np.array_equal(student.classify(x), found)


def test_every_learner_of_the_task_is_measured(toy):
    made = toy.learners()
    assert len({one.name for one in made}) == len(made) == 12
    one = next(one for one in made if one.name == "kmeans")
    record = toy.measure(one, seed=1)
    assert record.note == ""
    assert record.x.tolist() == [100, 150]
    assert record.y[-1] == record.score
    assert set(record.series) == {"lesion_neurons", "lesion_synapses", "input_noise"}
    assert record.series["input_noise"][1][0] == record.score
    assert record.extra["test_effective_macs_per_image"] == 6 * 16
    again = toy.measure(one, seed=1)
    assert again.score == record.score
    assert np.array_equal(again.series["input_noise"][1], record.series["input_noise"][1])


def test_the_network_is_measured(toy):
    one = replace(toy.learners()[0], stages=2)
    record = replace(toy, train=60, test=20, levels=(0.0, 1.0)).measure(one, seed=1)
    assert record.x.tolist() == [60]
    assert record.series["lesion_neurons"][1][0] == record.score
    assert record.cost is not None
    assert record.cost.symbols == 120
    assert record.extra["test_effective_macs_per_image"] == 2 * 16


def test_other_learners_are_noted_as_unsuited(toy):
    record = toy.measure(learner("unigram"), seed=1)
    assert np.isnan(record.score)
    assert record.note.startswith("unsuited")


def test_orders_differ_by_seed_and_validation_leaves_the_test_alone(toy):
    a, b = toy.data(1), toy.data(2)
    assert not np.array_equal(a.train, b.train)
    assert np.array_equal(np.sort(a.train_labels), np.sort(b.train_labels))
    held = replace(toy, validate=True).data(1)
    assert np.array_equal(held.test, toy_data(0).train[-30:])
    assert len(held.train) == 120


def test_speckles_replace_a_fraction():
    x = np.full((200, 100), 7, np.uint8)
    found = speckled(x, 0.3, 255, np.random.default_rng(0))
    assert set(np.unique(found).tolist()) == {0, 7, 255}
    # 20000 coins: 5 standard deviations of a share are 5·sqrt(.3·.7/20000)
    assert abs(np.mean(found != 7) - 0.3) < 5 * np.sqrt(0.21 / 20_000)
    assert np.array_equal(speckled(x, 0.0, 255, np.random.default_rng(0)), x)


def test_search_logs_every_trial_and_repeats_none(toy, tmp_path, monkeypatch):
    log = tmp_path / "search.jsonl"
    settings, reached = image_search.search(
        "kmeans_online", "digits", count=2, seed=0, train=0, log=log
    )
    assert len(log.read_text().splitlines()) == 2
    assert set(settings) == {"voters"}
    monkeypatch.setattr(image_search, "accuracy", lambda *a: pytest.fail("ran again"))
    again = image_search.search("kmeans_online", "digits", count=2, seed=0, train=0, log=log)
    assert again == (settings, reached)
    with pytest.raises(UsageError, match="kmeans"):
        image_search.search("kmean", "digits", count=1, seed=0, train=0, log=log)


@pytest.mark.parametrize("settings", [{"name": "mnits"}, {"train": -1}, {"levels": (1.5,)}])
def test_the_task_refuses(settings):
    with pytest.raises(UsageError):
        Images(**settings)


@pytest.mark.parametrize("name", ["mnist", "fashion", "digits"])
def test_tasks_and_learners_are_found_by_name(name):
    found = task(name)
    assert isinstance(found, Images)
    assert found.metric.lower_is_better is False
    assert str(found.set.held_out)[:2] in found.protocol
    for one in found.learners():
        kind = next(k for k in (one.name, *LEARNERS) if one.name.startswith(k) and k in LEARNERS)
        assert learner(kind).rule == one.rule


def test_wrong_settings_and_wrong_images_are_refused():
    for wrong in (
        lambda: KMeans(voters=0),
        lambda: RandomFeatures(ridge=0.0),
        lambda: ImageMLP(batch=0),
        lambda: KMeans(energy=-1.0),
    ):
        with pytest.raises(UsageError):
            wrong()
    student = KMeans().begin_images(SPACE, seed=1, total=4)
    x, y = pictures(4)
    with pytest.raises(UsageError, match="labels"):
        student.settle(x, y[:2])
    with pytest.raises(UsageError, match="not below 3"):
        student.settle(x, y + 3)
    with pytest.raises(UsageError, match="no image"):
        student.settle(x, y)
    with pytest.raises(UsageError, match="no images"):
        accuracy(student, x[:0], y[:0])
