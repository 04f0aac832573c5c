"""One tiny judged run with a hostile item table, and a second seed of it."""

import shutil
from pathlib import Path

import pytest

from latentrec.configure import load_config
from latentrec.evaluate.table import to_json
from latentrec.run import evaluate_run, fit, load
from latentrec.run.folder import EVALUATION
from latentrec.run.judged import keep_ranks
from latentrec.run.run import prepared_data

HOSTILE = "<script>alert('hi')</script> & \"quoted\" \x07"
SETTINGS = [
    "encoder.dim=8", "encoder.inner=8", "encoder.layers=1", "encoder.max_length=6",
    "train.epochs=2", "train.batch_size=8", "train.device=cpu", "reasoner.warmup_epochs=1",
    "reasoner.ramp_epochs=1", "evaluate.resamples=20", 'evaluate.baselines=["popularity"]',
]  # fmt: skip


@pytest.fixture(scope="session")
def hostile() -> str:
    """A title that must never reach a page as it is."""
    return HOSTILE


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of two seeds of a judged run; every item of theirs has the hostile title."""
    folder = tmp_path_factory.mktemp("report")
    rows = [
        f"u{u},i{(u * 5 + n) % 9},{1_700_000_000 + 60 * n}" for u in range(12) for n in range(6)
    ]
    log, items = folder / "log.csv", folder / "items.csv"
    log.write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n", encoding="utf-8")
    title = HOSTILE.replace('"', '""')
    goods = [f'i{n},"{title}"' for n in range(9)]
    items.write_text("item_id,title\n" + "\n".join(goods) + "\n", encoding="utf-8")
    return _run(folder, 0), _run(folder, 1)


def _run(folder: Path, seed: int) -> Path:
    data = [f"data.path={folder / 'log.csv'}", f"data.items_path={folder / 'items.csv'}"]
    config = load_config("plr-sasrec", overrides=[*data, *SETTINGS, f"train.seed={seed}"])
    run = folder / f"run-s{seed}"
    assert len(list(fit(config, run, given={"preset": "plr-sasrec", "set_": [HOSTILE]}))) == 2
    loaded = load(run)
    prepared = prepared_data(loaded)
    found = evaluate_run(loaded, prepared)
    keep_ranks(run, prepared, config.evaluate, found)
    (run / EVALUATION).write_text(to_json(found), encoding="utf-8")
    return run


@pytest.fixture
def copied(judged: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the first run that a test may change."""
    return Path(shutil.copytree(judged[0], tmp_path / "copied"))
