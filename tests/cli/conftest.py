"""A small shop's log and item table as a user would have them, and a run trained on them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from latentrec.cli import main

Command = Callable[..., Result]
COLUMNS = ("--user-column", "who", "--item-column", "what", "--time-column", "when")
SMALL = (
    "encoder.dim=8", "encoder.inner=8", "encoder.layers=1", "encoder.max_length=8",
    "train.epochs=2", "train.batch_size=8", "train.device=cpu", "evaluate.resamples=20",
    "reasoner.warmup_epochs=1",
)  # fmt: skip


@pytest.fixture(scope="session")
def latentrec() -> Command:
    """Runs the command with arguments; fails the test on a bug, which would be a traceback."""

    def run(*arguments: str | Path, input: str | None = None) -> Result:
        texts = [str(argument) for argument in arguments]
        result = CliRunner().invoke(main.app, texts, input=input)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture(scope="session")
def small() -> list[str]:
    """Options that make training a matter of a second."""
    return [option for setting in SMALL for option in ("--set", setting)]


@pytest.fixture(scope="session")
def columns() -> Sequence[str]:
    """The shop's column names."""
    return COLUMNS


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with clicks.csv and goods.csv: 20 users, 12 items, one of them without a row."""
    folder = tmp_path_factory.mktemp("shop")
    rows = [
        f"u{user:02},i{(user * 5 + place * (1 + user % 2)) % 12:02},{place % 5 + 1},"
        f"{1_700_000_000 + user * 500 + place * 60}"
        for user in range(20)
        for place in range(6)
    ]
    (folder / "clicks.csv").write_text("who,what,stars,when\n" + "\n".join(rows) + "\n")
    goods = [f'i{n:02},"Thing {n}, blue",Home|Part {n % 3},S{n % 2}' for n in range(11)]
    (folder / "goods.csv").write_text("what,title,categories,store\n" + "\n".join(goods) + "\n")
    return folder


@pytest.fixture(scope="session")
def trained(
    latentrec: Command, shop: Path, small: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """Folder of a run that `latentrec fit` trained on the shop, and what it printed."""
    run = tmp_path_factory.mktemp("runs") / "shop"
    log, items = shop / "clicks.csv", shop / "goods.csv"
    result = latentrec("fit", log, "--items", items, *COLUMNS, *small, "--run", run)
    assert result.exit_code == 0, result.stderr
    return run, result.stdout
