"""`latentrec index`: an index is kept beside the run, with a recall that was measured."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from latentrec.approximate import load_approximate
from latentrec.run import load
from latentrec.run.folder import read_json

Command = Callable[..., Result]


@pytest.fixture
def run(trained: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy: the index is written into the run's folder."""
    return Path(shutil.copytree(trained[0], tmp_path / "run"))


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_an_index_that_looks_at_everything_misses_nothing(
    latentrec: Command, run: Path, kind: str
) -> None:
    """12 items: a graph search that looks at 256 of them is exact as well."""
    done = latentrec("index", run, "--kind", kind, "--top-k", "3")
    assert done.exit_code == 0, done.stderr
    looks = ", looks at 256" if kind == "hnsw" else ""
    assert f"{kind} index over 12 items{looks}: {run / 'index'}" in done.stdout
    assert "recall@3 against the exact lists: 1.0000" in done.stdout
    assert re.search(r"1000 drawn histories, alone: [\d.]+ ms, exact [\d.]+ ms", done.stdout)
    about = read_json(run / "index" / "index.json")
    assert (about["kind"], about["measured"]["recall"]) == (kind, 1.0)
    loaded = load(run, device="cpu")
    (exact,) = loaded.recommend([["i01", "i02"]], top_k=5)
    (found,) = load_approximate(loaded).recommend([["i01", "i02"]], top_k=5)
    assert sorted(found.scores) == pytest.approx(sorted(exact.scores), abs=1e-5)


def test_an_unknown_kind_is_one_line(latentrec: Command, run: Path) -> None:
    done = latentrec("index", run, "--kind", "tree")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "index kind 'tree': must be one of flat, hnsw, ivf" in done.stderr
    assert not (run / "index").exists()
