"""The attention learners against slow restatements: windows, caches, fast weights, latents."""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bioplastic.learning.learners.linear_attention import (  # noqa: E402
    Delta,
    LinearAttention,
    Sum,
)
from bioplastic.learning.learners.low_rank_attention import (  # noqa: E402
    LatentAttention,
    LowRankAttention,
)
from bioplastic.learning.learners.online_network import elements  # noqa: E402
from bioplastic.learning.learners.transformer import (  # noqa: E402
    Blocks,
    Transformer,
    WindowAttention,
    rotated,
    visible,
)
from bioplastic.learning.space import Symbols  # noqa: E402

SPACE = Symbols(size=5)
SMALL: dict[str, Any] = {"width": 8, "heads": 2, "layers": 2}
NETWORKS: dict[str, Blocks] = {
    "transformer": Transformer(window=4, **SMALL),
    "sum": LinearAttention(update=Sum(), **SMALL),
    "retention": LinearAttention(update=Sum(retention=0.8), **SMALL),
    "delta": LinearAttention(update=Delta(), **SMALL),
    "low_rank": LowRankAttention(window=4, rank=3, turned=2, **SMALL),
}
ROUNDING: dict[str, Any] = {
    "rtol": 1e-11,
    "atol": 1e-12,
}  # float64, some 10² operations deep, 2⁻⁵³ each


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network(learner, seed=0):
    made = learner.network(SPACE, torch.Generator().manual_seed(seed)).double()
    for p in made.parameters():
        p.requires_grad_(False)
    return made


def inputs(length, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, length, 5, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("learner", NETWORKS.values(), ids=NETWORKS)
def test_step_by_step_is_all_at_once(learner):
    made, x = network(learner), inputs(13)
    whole = made.forward_batch(x)
    state, parts = made.begin(2), []
    for cut in (slice(0, 1), slice(1, 3), slice(3, 11), slice(11, 12), slice(12, 13)):
        y, state = made.advance(x[:, cut], state)
        parts.append(y)
    np.testing.assert_allclose(torch.cat(parts, 1), whole, **ROUNDING)


@pytest.mark.parametrize("learner", NETWORKS.values(), ids=NETWORKS)
def test_outputs_do_not_see_the_future(learner):
    made, x = network(learner), inputs(12)
    changed = x.clone()
    changed[:, 7:] += 1.0
    one, other = made.forward_batch(x), made.forward_batch(changed)
    np.testing.assert_allclose(one[:, :7], other[:, :7], **ROUNDING)
    assert (one[:, 7] != other[:, 7]).any()


@pytest.mark.parametrize("name", ["transformer", "low_rank"])
def test_what_lies_before_the_windows_is_forgotten_and_the_cache_is_bounded(name):
    made, x = network(NETWORKS[name]), inputs(20)
    changed = x.clone()
    changed[:, 0] += 1.0
    one, other = made.forward_batch(x), made.forward_batch(changed)
    reach = 2 * (4 - 1)  # layers · (window − 1)
    assert (one[:, reach] != other[:, reach]).any()
    np.testing.assert_allclose(one[:, reach + 1 :], other[:, reach + 1 :], **ROUNDING)
    _, state = made.advance(x, made.begin(2))
    per_position = {"transformer": 2 * 8, "low_rank": 3 + 2}[name]
    assert elements(state) == 2 * 2 * (4 - 1) * per_position  # batch, layers, positions


@pytest.mark.parametrize("name", ["sum", "retention", "delta"])
def test_the_state_of_fast_weights_does_not_grow(name):
    made = network(NETWORKS[name])
    sizes = {elements(made.advance(inputs(n), made.begin(2))[1]) for n in (1, 5, 50)}
    assert len(sizes) == 1


def test_window_attention_by_hand():
    mixer = WindowAttention(8, 2, 3).double().requires_grad_(False)
    x = torch.randn(1, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y, _ = mixer.advance(x, mixer.begin(1))
    q, k, v = (mixer.query_key_value(x)[0].view(6, 3, 2, 4)[:, i] for i in range(3))
    for t in range(6):
        heads = []
        for h in range(2):
            seen = range(max(t - 2, 0), t + 1)
            # only the difference of positions may matter: turn the query back to position zero
            keys = torch.stack([rotated(k[j, h][None], j - t)[0] for j in seen])
            p = torch.softmax(keys @ q[t, h] / 2.0, 0)
            heads.append(p @ torch.stack([v[j, h] for j in seen]))
        np.testing.assert_allclose(y[0, t], mixer.out(torch.cat(heads)), **ROUNDING)


def test_latent_attention_by_hand_unfolds_every_latent():
    mixer = LatentAttention(8, 2, 3, rank=3, turned=2).double().requires_grad_(False)
    x = torch.randn(1, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y, _ = mixer.advance(x, mixer.begin(1))
    low, place = mixer.latent(x[0]).split((3, 2), -1)
    low = mixer.norm(low)
    k, v = (part.view(6, 2, 4) for part in mixer.key_value(low).chunk(2, -1))
    content, position = mixer.query(x[0]).split((8, 4), -1)
    content, position = content.view(6, 2, 4), position.view(6, 2, 2)
    for t in range(6):
        heads = []
        for h in range(2):
            seen = range(max(t - 2, 0), t + 1)
            scores = [
                k[j, h] @ content[t, h] + rotated(place[j][None], j - t)[0] @ position[t, h]
                for j in seen
            ]
            p = torch.softmax(torch.stack(scores) / 6**0.5, 0)
            heads.append(p @ torch.stack([v[j, h] for j in seen]))
        np.testing.assert_allclose(y[0, t], mixer.out(torch.cat(heads)), **ROUNDING)


def test_visible_is_a_band():
    assert visible(2, 3, 3).int().tolist() == [[0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]


def naive_fast_weights(update, q, k, v, beta):
    """One head, one step at a time, counting every product of two activations."""
    n = q.shape[1]
    s, z, products, read = np.zeros((n, n)), np.zeros(n), 0, []
    for t in range(len(q)):
        if isinstance(update, Sum):
            key, query = (np.where(a > 0, a + 1, np.exp(a)) for a in (k[t], q[t]))
            if update.retention < 1:
                s, z = update.retention * s, update.retention * z
                products += n * n + n
            s, z = s + np.outer(key, v[t]), z + key
            read.append(query @ s / (query @ z + 1e-6))
            products += n * n + n * n + n
        else:
            key, query = (a / (1 + np.exp(-a)) for a in (k[t], q[t]))
            key, query = key / np.linalg.norm(key), query / np.linalg.norm(query)
            wanted = beta[t] * (v[t] - key @ s)
            s = s + np.outer(key, wanted)
            read.append(query @ s)
            products += n * n + n + n * n + n * n
    return np.array(read), products


@pytest.mark.parametrize("update", [Sum(), Sum(retention=0.7), Delta()], ids=repr)
def test_fast_weights_of_stretches_are_those_of_steps(update):
    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(3, 11, 4))
    beta = rng.random(11)
    wanted, products = naive_fast_weights(update, q, k, v, beta)
    q, k, v, beta = (torch.from_numpy(a)[None, None] for a in (q, k, v, beta))
    state = update.begin(q, 1, 1, 4)
    parts = []
    for cut in (slice(0, 1), slice(1, 8), slice(8, 11)):
        y, state = update.advance(q[:, :, cut], k[:, :, cut], v[:, :, cut], beta[..., cut], state)
        parts.append(y)
    np.testing.assert_allclose(torch.cat(parts, 2)[0, 0], wanted, rtol=1e-9)
    assert 11 * update.products(4) == products


def test_the_delta_rule_replaces_and_the_sum_adds():
    key = torch.tensor([[[[5.0, -1.0]]]], dtype=torch.float64)
    one = torch.ones(1, 1, 1, dtype=torch.float64)
    delta, state = Delta(), Delta().begin(key, 1, 1, 2)
    for value in (3.0, 7.0):
        read, state = delta.advance(key, key, torch.full_like(key, value), one, state)
    np.testing.assert_allclose(read, 7.0, rtol=1e-12)
    added, state = Sum(), Sum().begin(key, 1, 1, 2)
    for value in (3.0, 7.0):
        read, state = added.advance(key, key, torch.full_like(key, value), one, state)
    np.testing.assert_allclose(read, 5.0, rtol=1e-6)


@pytest.mark.parametrize("name", ["transformer", "delta", "low_rank"])
def test_they_learn_a_cycle(name):
    learner = NETWORKS[name]
    settings = {"layers": 1, "truncation": 8, "learning_rate": 0.01, "warm_up": 50.0}
    made = type(learner)(**{**learner.settings(), **settings})
    losses = made.begin(SPACE, seed=0).run(np.arange(480) % 5)
    assert losses[-50:].mean() < 0.3
