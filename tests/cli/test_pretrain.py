"""From two shops to a fine-tuned model and a new item, by commands only."""

from pathlib import Path
from typing import Any

LOG = ("--user-column", "who", "--item-column", "what", "--time-column", "when")


def test_pretrain_fine_tune_and_recommend_a_new_item(
    latentrec: Any, shop: Path, small: list[str], tmp_path: Path
) -> None:
    config = tmp_path / "p.toml"
    table = f'path = "{shop}/clicks.csv"\nitems_path = "{shop}/goods.csv"\n'
    names = 'user_column = "who"\nitem_column = "what"\ntime_column = "when"\n'
    config.write_text("".join(f"[domains.{d}.data]\n{table}{names}" for d in ("east", "west")))
    knobs = [a for pair in zip(small[::2], small[1::2], strict=True) for a in pair
             if not pair[1].startswith("reasoner")]  # fmt: skip
    done = latentrec("pretrain", "--config", config, *knobs, "--run", tmp_path / "pre")
    assert done.exit_code == 0, done.stderr
    assert "domain east:" in done.stdout
    assert f"--from {tmp_path / 'pre'}" in done.stdout
    done = latentrec(
        "fit", shop / "clicks.csv", "--items", shop / "goods.csv", *LOG, "--preset", "unisrec",
        "--from", tmp_path / "pre", "--set", "train.epochs=1", "--set", "train.device=cpu",
        "--run", tmp_path / "run",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    (tmp_path / "new.csv").write_text('what,title,categories,store\nx1,"Thing 3, blue",Part 0,S1\n')
    (tmp_path / "allow").write_text("x1\n")
    command = ("recommend", tmp_path / "run", "--history", "i01,x1", "--allow", tmp_path / "allow")
    refused = latentrec(*command)
    assert refused.exit_code == 2
    shown = latentrec(*command, "--no-exclude-seen", "--new-items", tmp_path / "new.csv")
    assert shown.exit_code == 0, shown.stderr
    assert "x1" in shown.stdout
    assert "Thing 3, blue" in shown.stdout


def test_new_items_need_a_text_model(latentrec: Any, trained: tuple[Path, str]) -> None:
    done = latentrec("recommend", trained[0], "--history", "i01", "--new-items", "gone.csv")
    assert done.exit_code == 2
    assert "items.kind='id'" in done.stderr


def test_the_help_names_the_tables_of_the_file(latentrec: Any) -> None:
    """Words in square brackets are styles to the printer of the help, and vanish."""
    shown = " ".join(latentrec("pretrain", "--help").stdout.replace("│", " ").split())
    assert "domains.NAME.data, contrast" in shown


def test_a_domain_needs_a_name(latentrec: Any, tmp_path: Path) -> None:
    done = latentrec("pretrain", "--domain", "log.csv", "--run", tmp_path / "x")
    assert done.exit_code == 2
    assert "must read NAME=PATH" in done.stderr
