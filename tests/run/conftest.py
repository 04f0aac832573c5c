"""One tiny trained run for all tests of runs, and the pieces to train another."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from latentrec.config import RunConfig
from latentrec.configure import parse_config
from latentrec.run import fit

Configure = Callable[..., RunConfig]
TINY: dict[str, dict[str, Any]] = {
    "data": {"users": 60, "items": 40, "interests": 6, "interests_per_user": 3, "mean_length": 8},
    "encoder": {"dim": 8, "inner": 8, "layers": 1, "heads": 1, "max_length": 6},
    "items": {"fields": ["store", "categories"]},
    "reasoner": {"kind": "plr", "warmup_epochs": 1, "ramp_epochs": 1},
    "train": {"epochs": 3, "batch_size": 16, "device": "cpu"},
    "evaluate": {"resamples": 50},
}


@pytest.fixture(scope="session")
def tiny() -> Configure:
    """The tiny configuration with sections changed: tiny(train={"seed": 1})."""

    def configure(**sections: dict[str, Any] | BaseModel) -> RunConfig:
        changed: dict[str, Any] = dict(TINY)
        for name, section in sections.items():
            changed[name] = {**TINY[name], **section} if isinstance(section, dict) else section
        return parse_config(changed)

    return configure


@pytest.fixture(scope="session")
def trained(tiny: Configure, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run that was trained to its end; not to be changed, see `copied`."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    reports = list(fit(tiny(), folder, given={"preset": "tiny"}))
    assert len(reports) == 3
    return folder


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained run that a test may break."""
    return Path(shutil.copytree(trained, tmp_path / "copied"))
