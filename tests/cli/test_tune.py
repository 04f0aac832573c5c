"""`latentrec tune` leaves a table and settings that `latentrec fit --config` takes."""

from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from latentrec.configure import load_config

SPACE = """
title = "tiny"
preset = "sasrec"
[[search]]
settings = ["train.batch_size"]
values = [8, 16]
"""


def test_tunes_and_goes_on(
    latentrec: Callable[..., Result], shop: Path, small: list[str], tmp_path: Path
) -> None:
    (tmp_path / "s.toml").write_text(SPACE, encoding="utf-8")
    names = ["user_column=who", "item_column=what", "time_column=when"]
    settings = [option for name in names for option in ("--set", f"data.{name}")]
    out = tmp_path / "out"
    command = ("tune", shop / "clicks.csv", "--space", tmp_path / "s.toml", *settings, *small[:-2],
               "--sampler", "grid", "--out", out)  # fmt: skip
    first = latentrec(*command, "--trials", "1")
    assert first.exit_code == 0, first.stderr
    second = latentrec(*command)
    assert second.stdout.count("(was finished)") == 1
    assert (out / "trials.md").read_text(encoding="utf-8").count("| done |") == 2
    best = load_config(file=out / "best.toml")
    assert best.train.batch_size in (8, 16)
    assert best.encoder.dim == 8
    assert "judge it on the test: latentrec evaluate" in second.stdout
    kept = {name: (out / name).read_bytes() for name in ("trials.md", "best.toml")}
    for name in kept:
        (out / name).unlink()  # as after a kill between a trial and its files
    assert latentrec(*command).exit_code == 0
    assert {name: (out / name).read_bytes() for name in kept} == kept
