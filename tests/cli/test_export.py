"""`bioplastic export`: from the folder of a run to an event file."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("target", ["aedat2", "sonata"])
def test_export_writes_beside_the_run(cli, tmp_path, target):
    assert cli("run", "toy-coin", "--out", "a")[0] == 0
    code, out, err = cli("export", "a", "--to", target)
    assert (code, err) == (0, "")
    assert f"a-{target}" in out
    assert any((tmp_path / f"a-{target}").iterdir())
    code, _, err = cli("export", "a", "--to", target)
    assert (code, err.count("\n")) == (2, 1)
    assert "exists already" in err


def test_damaged_run_is_not_exported(cli, tmp_path):
    assert cli("run", "toy-coin", "--out", "a")[0] == 0
    path = tmp_path / "a" / "result.h5"
    path.write_bytes(path.read_bytes()[:-1])
    code, out, err = cli("export", "a", "--to", "sonata")
    assert (code, out) == (1, "")
    assert err == "bioplastic: a: result.h5 is truncated or was changed after the run\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]
