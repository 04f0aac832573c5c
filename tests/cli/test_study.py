"""A study plans, trains, draws, and does nothing twice."""

from collections.abc import Callable, Sequence
from pathlib import Path

from typer.testing import Result

Command = Callable[..., Result]


def test_seeds_are_checked_before_any_training(latentrec: Command, tmp_path: Path) -> None:
    command = ("study", "ablation", "--out", tmp_path / "s")
    twice = latentrec(*command, "--seed", "0", "--seed", "0")
    assert twice.exit_code == 2
    assert "seeds 0, 0: must all be different" in twice.stderr
    assert latentrec(*command, "--seed", "-1").exit_code == 2
    assert not (tmp_path / "s").exists()


def test_an_axis_belongs_to_a_sensitivity(latentrec: Command, tmp_path: Path) -> None:
    asked = latentrec("study", "ablation", "--axis", "steps", "--plan", "--out", tmp_path / "s")
    assert asked.exit_code == 2
    assert "--axis steps: an ablation has no axes" in asked.stderr


def test_the_names_of_the_columns_go_with_the_log(
    latentrec: Command, shop: Path, small: list[str], tmp_path: Path
) -> None:
    names = ["user_column=who", "item_column=what", "time_column=when"]
    columns = [option for name in names for option in ("--set", f"data.{name}")]
    asked = ("study", "sensitivity", shop / "clicks.csv", *columns, *small, "--axis", "steps")
    result = latentrec(*asked, "--plan", "--out", tmp_path / "s")
    assert result.exit_code == 0, result.stderr
    assert "steps=0 seed 0: about" in result.stdout


def test_a_study_is_drawn_from_its_runs(
    latentrec: Command, small: list[str], tmp_path: Path
) -> None:
    few = ["--set", "data.users=40", "--set", "data.items=30", "--set", "encoder.heads=1"]
    arguments = ("study", "sensitivity", "--preset", "demo", *small, *few, "--axis", "kl_weight")
    asked: Sequence[str | Path] = (*arguments, "--out", tmp_path / "s", "--metrics", "ndcg@10")
    result = latentrec(*asked)
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "s" / "sensitivity.png").stat().st_size > 0
    assert "(was finished)" not in result.stdout
    assert latentrec(*asked).stdout.count("(was finished)") == 4
