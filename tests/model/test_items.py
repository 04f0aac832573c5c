"""Item vectors: the composed table, the same for inputs and candidates."""

import pytest
import torch
from torch import Tensor

from latentrec.build import build_model, build_objective
from latentrec.configure import parse_config
from latentrec.data.batch import Batch
from latentrec.data.catalogue import Catalogue
from latentrec.index import ItemIndex
from latentrec.model.items import FieldCodes, IdItemEncoder


def two_fields() -> IdItemEncoder:
    torch.manual_seed(0)
    levels = FieldCodes(3, torch.tensor([0, 1, 2]), torch.tensor([0, 0, 0, 2, 3]))
    store = FieldCodes(2, torch.tensor([1, 1]), torch.tensor([0, 0, 0, 1, 2]))
    return IdItemEncoder(4, 6, [levels, store])


def test_an_item_is_its_id_plus_the_mean_of_each_field() -> None:
    """Sum of the parts, mean over category levels, by hand."""
    items = two_fields()
    levels, store = (bag.weight for bag in items.fields)
    expected = items.ids.weight[2] + (levels[0] + levels[1]) / 2 + store[1]
    torch.testing.assert_close(items.table()[2], expected)


def test_an_item_without_values_is_its_id() -> None:
    """Missing fields add nothing, not even for PAD."""
    items = two_fields()
    torch.testing.assert_close(items.table()[:2], items.ids.weight[:2])


def test_inputs_are_rows_of_the_table() -> None:
    """The same vectors serve inputs and candidates."""
    items = two_fields()
    indices = torch.tensor([[2, 3], [3, 0]])
    torch.testing.assert_close(items(indices), items.table()[indices])


@pytest.mark.parametrize("reasoner", ["none", "erl", "prl", "plr"])
def test_a_held_model_gives_the_same_losses_and_gradients(reasoner: str) -> None:
    """A step may compose the table once for all its passes: nothing but time changes."""
    encoder = {"dim": 6, "inner": 8, "heads": 2, "max_length": 3}
    warmup = {} if reasoner == "none" else {"warmup_epochs": 0}
    config = parse_config({"encoder": encoder, "reasoner": {"kind": reasoner, **warmup}})
    torch.manual_seed(0)
    model = build_model(config, Catalogue(ItemIndex(["a", "b"]))).train()
    model.items = two_fields()
    batch = Batch(torch.tensor([[2, 3, 2]]), torch.arange(3)[None], torch.tensor([[3, 2, 3]]))
    found: list[tuple[Tensor, ...]] = []
    for one in (model, model.held()):
        torch.manual_seed(1)  # the same dropout and positions
        loss = build_objective(config.reasoner)(one, batch, 5).total
        weights = (model.items.ids.weight, *(bag.weight for bag in model.items.fields))
        found.append((loss.detach(), *torch.autograd.grad(loss, weights)))
    assert model.held() is not model
    for plain, held in zip(*found, strict=True):
        torch.testing.assert_close(held, plain)
