"""`latentrec demo`: the first command of everybody; it must work anywhere and destroy nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Command = Callable[..., Result]
TINY = (
    "--set", "data.users=50", "--set", "data.items=30", "--set", "data.mean_length=6",
    "--set", "train.epochs=1", "--set", "encoder.dim=8",
)  # fmt: skip


@pytest.fixture(scope="module")
def demo(latentrec: Command, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    run = tmp_path_factory.mktemp("runs") / "demo"
    result = latentrec("demo", "--run", run, *TINY)
    assert (result.exit_code, result.stderr) == (0, "")
    return run, result.stdout


def test_it_prints_the_table_and_recommendations_with_titles(demo: tuple[Path, str]) -> None:
    run, shown = demo
    for scorer in ("popularity", "markov", "sasrec+plr"):
        assert f"\n{scorer} " in shown
    assert shown.count("  recommended: ") == shown.count("  what came next: ") == 5
    listed = next(line for line in shown.splitlines() if "recommended" in line)
    assert len(listed.split(": ")[1].split(", ")) == 5
    assert "i0" not in listed  # titles, no ids
    assert f"The run is in {run}." in shown
    assert (run / "evaluation.json").is_file()


def test_the_command_that_it_proposes_works(latentrec: Command, demo: tuple[Path, str]) -> None:
    line = next(x for x in demo[1].splitlines() if x.startswith("  latentrec recommend"))
    history = line.split('"')[1]
    result = latentrec("recommend", demo[0], "--history", history)
    assert (result.exit_code, result.stderr) == (0, "")
    assert len(result.stdout.splitlines()) == 10


def test_an_earlier_demo_is_replaced(latentrec: Command, tmp_path: Path) -> None:
    run = tmp_path / "demo"
    run.mkdir()  # an empty folder is no obstacle
    for _ in range(2):
        assert latentrec("demo", "--run", run, *TINY).exit_code == 0


def test_nothing_else_is_removed(
    latentrec: Command, small: list[str], trained: tuple[Path, str], tmp_path: Path
) -> None:
    """A run of one's own, also on synthetic users, a folder of other things, a file."""
    own = tmp_path / "own"
    latentrec("fit", "--preset", "demo", *TINY, *small, "--run", own)
    other, file = tmp_path / "other", tmp_path / "file"
    other.mkdir()
    (other / "thesis.tex").write_text("years of work")
    file.write_text("more work")
    for path in (own, trained[0], other, file):
        before = sorted(path.rglob("*"))
        result = latentrec("demo", "--run", path, *TINY)
        assert result.exit_code == 2
        assert (
            result.stderr == f"error: --run {path}: exists and is no demo; choose another folder\n"
        )
        assert sorted(path.rglob("*")) == before


def test_a_wrong_setting_leaves_the_earlier_demo(
    latentrec: Command, demo: tuple[Path, str]
) -> None:
    result = latentrec("demo", "--run", demo[0], "--set", "data.user=5")
    assert "data.user: unknown key; did you mean 'users'?" in result.stderr
    assert (demo[0] / "config.json").is_file()


def test_other_data_are_refused(latentrec: Command, tmp_path: Path) -> None:
    options = ("--set", "data.kind=files", "--set", "data.path=log.csv")
    result = latentrec("demo", "--run", tmp_path / "demo", *options)
    assert result.exit_code == 2
    assert "use `latentrec fit` for yours" in result.stderr
