"""A tiny trained run and its exports, made once: torch's exporter takes seconds."""

from pathlib import Path
from typing import Any

import pytest

from latentrec.configure import parse_config
from latentrec.run import Run, fit, load

TINY = {
    "data": {"users": 60, "items": 40, "interests": 6, "mean_length": 7},
    "encoder": {"kind": "sasrec", "dim": 8, "inner": 12, "layers": 1, "max_length": 6},
    "reasoner": {"kind": "plr", "warmup_epochs": 0},
    "train": {"epochs": 1, "batch_size": 16, "learning_rate": 0.05, "device": "cpu"},
}


def trained(folder: Path, **sections: Any) -> Run:
    list(fit(parse_config(TINY | sections), folder))
    return load(folder, device="cpu")


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("runs") / "plr")


@pytest.fixture(scope="session")
def exported(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the run's float32 export."""
    from latentrec.export import export

    return export(run, tmp_path_factory.mktemp("exports") / "plr", top_k=5).folder
