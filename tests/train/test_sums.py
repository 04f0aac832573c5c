"""Sums of losses: the same means however often they are read, and nothing but finite numbers."""

import pytest
import torch

from latentrec.errors import TrainingError
from latentrec.train.sums import LossSums


@pytest.mark.parametrize("read_every", [1, 2, 5])
def test_means_do_not_depend_on_when_the_device_is_read(read_every: int) -> None:
    """To the bit: sums are made on the host in the order of batches."""
    torch.manual_seed(0)
    batches = [({"loss": torch.rand(()), "kl": torch.rand(())}, 1 + n) for n in range(5)]
    sums = LossSums(0)
    for n, (parts, count) in enumerate(batches, start=1):
        sums.add(parts, count)
        if n % read_every == 0:
            sums.read()
    sums.read()
    assert sums.done == 15
    for name, mean in sums.means.items():
        assert mean == sum(float(parts[name]) * count for parts, count in batches) / 15


def test_a_part_that_is_not_finite_is_named() -> None:
    """Also when later batches hid it behind finite ones."""
    sums = LossSums(epoch=2)
    sums.add({"loss": torch.tensor(1.0), "kl": torch.tensor(float("inf"))}, 4)
    sums.add({"loss": torch.tensor(1.0), "kl": torch.tensor(1.0)}, 4)
    with pytest.raises(TrainingError, match=r"epoch 3: loss part 'kl' is inf"):
        sums.read()
