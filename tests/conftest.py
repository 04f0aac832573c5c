"""Set-up of every test run: shape checks, two threads, repeatable properties, the real data."""

import os
from pathlib import Path
from typing import runtime_checkable

import hypothesis
import pytest
import torch
from jaxtyping import install_import_hook

CHECKED = (
    "model",
    "objective",
    "evaluate",
    "recommend",
    "explain",
    "similar",
    "scorer",
    "blocks",
    "baselines",
)
"""Modules whose jaxtyping shapes are checked at run time, in tests only."""

# Must come before the first import of these modules.
install_import_hook([f"latentrec.{name}" for name in CHECKED], "beartype.beartype")

from latentrec.scorer import Scorer  # noqa: E402

# The checks ask isinstance(.., Scorer), which a Protocol allows only when told so.
runtime_checkable(Scorer)

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))

# A deadline fails on a busy machine; in CI the same examples are drawn every time.
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real interaction logs; their terms keep them out of the repository."""
    named = os.environ.get("LATENTREC_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is not there (set LATENTREC_DATA to its folder)")
    return folder
