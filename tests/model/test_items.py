"""Item vectors: the composed table, the same for inputs and candidates."""

import torch

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
