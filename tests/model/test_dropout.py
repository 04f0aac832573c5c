"""Dropout draws its own bits: its rate, mean, gradient and repeatability are promises of ours."""

import pytest
import torch

from latentrec.model.dropout import Dropout, dropout


@pytest.mark.parametrize("p", [0.1, 0.2, 0.5, 0.9])
def test_rate_and_mean(p: float) -> None:
    torch.manual_seed(0)
    out = dropout(torch.ones(401, 999), p)  # no multiple of four: the last draw is cut
    dropped = (out == 0).double().mean().item()
    assert abs(dropped - p) < 5 * (p * (1 - p) / out.numel()) ** 0.5
    assert torch.allclose(out[out != 0], torch.tensor(1 / (1 - p)))


def test_numbers_are_dropped_independently() -> None:
    """Neighbours share one draw of 64 bits; shared bits would drop them together."""
    torch.manual_seed(0)
    kept = (dropout(torch.ones(100_000, 4), 0.3) != 0).double()
    off = torch.corrcoef(kept.T) - torch.eye(4)
    assert off.abs().max() < 5 / 100_000**0.5


def test_gradient_has_the_mask_of_the_output() -> None:
    x = torch.ones(50, 7, requires_grad=True)
    out = dropout(x, 0.4)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())


def test_repeats_with_the_seed_and_passes_outside_training() -> None:
    module, x = Dropout(0.5), torch.randn(3, 5)
    torch.manual_seed(1)
    first = module(x)
    torch.manual_seed(1)
    assert torch.equal(first, module(x))
    assert module.eval()(x) is x


@pytest.mark.parametrize("p", [1 - 1e-9, 1e-9])
def test_extreme_rates_stay_in_range(p: float) -> None:
    """The threshold has 16 bits: it must not wrap round and keep what it should drop."""
    torch.manual_seed(0)
    kept = (dropout(torch.ones(10_000), p) != 0).double().mean()
    assert abs(kept - (1 - p)) < 1e-2
