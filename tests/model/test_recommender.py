"""What must hold for every recommender, whatever it is put together from."""

from collections.abc import Callable

import pytest
import torch

from latentrec.index import PAD
from latentrec.model.recommender import Recommender

MakeModel = Callable[..., Recommender]
HISTORY = [4, 9, 3, 22, 9, 15]


@pytest.mark.parametrize("streams", [0, 1, 2, 3])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_all_positions_equal_one_prefix_at_a_time(
    make_model: MakeModel, streams: int, steps: int
) -> None:
    """One pass over all positions gives the states of encoding every prefix by itself (P = L)."""
    model = make_model(streams, steps)
    with torch.no_grad():
        together = model(torch.tensor([HISTORY]), torch.arange(len(HISTORY))[None])
        for end in range(1, len(HISTORY) + 1):
            alone = model(torch.tensor([HISTORY[:end]]), torch.tensor([[end - 1]]))
            for name in ("steps", "train_state", "infer_state"):
                torch.testing.assert_close(
                    getattr(together, name)[:, end - 1],
                    getattr(alone, name)[:, 0],
                    rtol=1e-5,
                    atol=1e-5,
                )


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("streams", [0, 2])
@pytest.mark.parametrize("pads", [1, 4])
def test_padding_on_either_side_changes_nothing(
    make_model: MakeModel, causal: bool, streams: int, pads: int
) -> None:
    """Positions count real items and nobody attends to padding (P5)."""
    model = make_model(streams, causal=causal)
    last = len(HISTORY) - 1
    with torch.no_grad():
        plain = model.logits(torch.tensor([HISTORY]), torch.tensor([[last]]))
        left = model.logits(torch.tensor([[PAD] * pads + HISTORY]), torch.tensor([[last + pads]]))
        right = model.logits(torch.tensor([HISTORY + [PAD] * pads]), torch.tensor([[last]]))
    torch.testing.assert_close(left, plain, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(right, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("streams", [0, 2])
def test_the_batch_around_a_history_changes_nothing(make_model: MakeModel, streams: int) -> None:
    """A user's scores do not depend on who else is asked for in the same call."""
    model = make_model(streams)
    with torch.no_grad():
        alone = model.logits(torch.tensor([[7, 8, PAD]]), torch.tensor([[1]]))
        together = model.logits(torch.tensor([[5, 6, 9], [7, 8, PAD]]), torch.tensor([[2], [1]]))
    torch.testing.assert_close(together[1:], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("streams", [0, 2])
def test_renumbering_items_renumbers_scores(make_model: MakeModel, streams: int) -> None:
    """No item index has a meaning beside PAD: permuting the table permutes the logits."""
    model, items = make_model(streams), torch.tensor([HISTORY])
    order = torch.cat(
        [torch.arange(2), 2 + torch.randperm(28, generator=torch.Generator().manual_seed(0))]
    )
    with torch.no_grad():
        before = model.logits(items, torch.tensor([[5]]))
        model.items.ids.weight.copy_(model.items.ids.weight[order.argsort()])
        after = model.logits(order[items], torch.tensor([[5]]))
    torch.testing.assert_close(after[..., order], before, rtol=1e-5, atol=1e-5)


def test_every_parameter_learns(make_model: MakeModel) -> None:
    """No weight is left out of the path from the history to the score."""
    model = make_model(2, 2, dropout=0.1).train()
    reasoned = model(torch.tensor([HISTORY]), torch.tensor([[3, 5]]))
    (reasoned.infer_state @ model.items.table().T).logsumexp(-1).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_a_padded_row_stays_finite(make_model: MakeModel) -> None:
    """A history that is all padding must not turn a whole batch into NaN."""
    model = make_model(2)
    with torch.no_grad():
        logits = model.logits(torch.tensor([[PAD, PAD], [3, 4]]), torch.tensor([[0], [1]]))
    assert logits[1].isfinite().all()


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("streams", [0, 2])
@pytest.mark.parametrize(
    "items", [[HISTORY, [7, 8, 5, *[PAD] * 3]], [HISTORY, [*[PAD] * 3, 7, 8, 5]]]
)
def test_leaving_out_what_nobody_reads_changes_nothing(
    make_model: MakeModel, causal: bool, streams: int, items: list[list[int]]
) -> None:
    """The last layer at the predicted positions only: states and gradients of the full pass."""
    model, rows = make_model(streams, causal=causal).double(), torch.tensor(items)
    positions = (
        torch.tensor([[5, 1], [5, 3]]) if items[1][0] == PAD else torch.tensor([[5, 1], [2, 0]])
    )
    full = model.reason(model.encode(rows), positions).infer_state
    pruned = model(rows, positions).infer_state
    assert not model.encoder.encode_at(model.items(rows), rows == PAD, positions).hidden[0, 0].any()
    torch.testing.assert_close(pruned, full)
    weights = list(model.encoder.parameters())
    for a, b in zip(
        torch.autograd.grad(full.square().sum(), weights),
        torch.autograd.grad(pruned.square().sum(), weights),
        strict=True,
    ):
        torch.testing.assert_close(a, b)
