"""Two ways through attention must be one function: torch's kernels, and ours where weights drop."""

import pytest
import torch
import torch.nn.functional as F

from latentrec.model import attention
from latentrec.model.attention import attend


@pytest.mark.parametrize("masked", [False, True])
def test_attention_written_out_equals_torch(masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a dropout that drops nothing, values and gradients are those of torch's kernel."""
    torch.manual_seed(0)
    q, k, v = (torch.randn(3, 2, 5, 4, dtype=torch.float64, requires_grad=True) for _ in "qkv")
    allowed = torch.rand(3, 1, 5, 5) < 0.5
    allowed = allowed | torch.eye(5, dtype=torch.bool)
    mask = allowed if masked else None
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=not masked)
    monkeypatch.setattr(attention, "dropout", lambda x, p: x)
    found = attend(q, k, v, mask, 0.5)
    torch.testing.assert_close(found, expected)
    for ours, theirs in zip(
        torch.autograd.grad(found.square().sum(), (q, k, v)),
        torch.autograd.grad(expected.square().sum(), (q, k, v)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)
