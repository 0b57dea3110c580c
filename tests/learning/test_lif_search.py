"""The search of the LIF learners draws one network for all rules and can be taken up again."""

import math

from bioplastic.learning.compare.search import trials
from bioplastic.learning.learners.lif_search import NETWORK, Shared, best_network, main


def test_every_rule_is_given_the_same_networks():
    search = Shared(settings=NETWORK, seed=1, stage="network")
    drawn = [search.drawn(name, 3) for name in ("lif_bptt", "lif_eprop", "lif_readout")]
    assert drawn[0] == drawn[1] == drawn[2]
    assert drawn[0] != search.drawn("lif_bptt", 4)
    assert drawn[0] != Shared(settings=NETWORK, seed=1, stage="rule").drawn("lif_bptt", 3)


def test_the_network_is_the_one_that_is_best_on_average_and_never_diverges():
    assert best_network({"a": [1.0, 3.0, 2.5], "b": [4.5, 2.0, 2.0]}) == 2
    assert best_network({"a": [1.0, 3.0, 2.5], "b": [4.5, 2.0, math.nan]}) == 1


def test_a_search_is_logged_and_not_run_again(tmp_path, capsys):
    log = tmp_path / "log.jsonl"
    small = ["--trials", "1", "--symbols", "40", "--neurons", "6", "--log", str(log)]
    assert main(small) == 0
    first = capsys.readouterr().out
    assert len(trials(log)) == 3 + 4
    stored = log.read_bytes()
    assert main(small) == 0
    assert capsys.readouterr().out == first
    assert log.read_bytes() == stored


def test_a_damaged_log_is_named(tmp_path, capsys):
    log = tmp_path / "log.jsonl"
    log.write_text("no json\n")
    assert main(["--trials", "1", "--symbols", "40", "--log", str(log)]) == 1
    assert "line 1" in capsys.readouterr().err
