"""The documented example of a user's own encoder runs as it is printed, and learns."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "own-encoder.md"


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S))
    names: dict[str, Any] = {}
    torch.manual_seed(0)
    exec(compile(code, str(PAGE), "exec"), names)
    return names


def test_the_example_trains_below_chance_level_loss(example: dict[str, Any]) -> None:
    """The printed loop learns: five epochs end well below uniform guessing."""
    loss = float(example["losses"].parts["next_item"])
    assert loss < 0.9 * math.log(60)


def test_the_example_keeps_the_contract(example: dict[str, Any]) -> None:
    """All positions equal prefixes and streams are isolated, also for a foreign encoder."""
    model = example["model"].eval()
    items = torch.tensor([[4, 9, 3, 22]])
    with torch.no_grad():
        together = model(items, torch.arange(4)[None]).steps
        alone = model(items[:, :3], torch.tensor([[2]])).steps
        torch.testing.assert_close(together[:, 2:3], alone, rtol=1e-4, atol=1e-5)
        model.reasoner.triggers[1].neg_()
        changed = model(items, torch.arange(4)[None]).steps
    assert torch.equal(together[:, :, 0], changed[:, :, 0])
    assert not torch.equal(together[:, :, 1], changed[:, :, 1])
