"""Streams are compared as they rank: nothing dropped, nothing drawn."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity

from latentrec.build import build_model
from latentrec.configure import parse_config
from latentrec.data.batch import Samples, training_samples
from latentrec.data.catalogue import Catalogue
from latentrec.data.dataset import Histories
from latentrec.index import ItemIndex
from latentrec.model.recommender import Recommender
from latentrec.train.streams import stream_cosine

CATALOGUE = Catalogue(ItemIndex(f"i{n:02}" for n in range(20)))
ROWS = [[2, 5, 9, 4], [3, 7], [11, 3, 8, 8, 21]]


def model(**reasoner: Any) -> Recommender:
    torch.manual_seed(0)
    encoder = {"dim": 8, "inner": 8, "max_length": 8, "dropout": 0.5}
    return build_model(parse_config({"encoder": encoder, "reasoner": reasoner}), CATALOGUE)


def samples() -> Samples:
    return training_samples(Histories.from_lists(ROWS), 8, "all", "split")


def test_it_is_the_mean_cosine_of_pooled_states_at_the_last_position() -> None:
    plr = model(kind="plr", streams=2, steps=3, trigger_std=1.0).train()
    state = torch.get_rng_state()
    found = stream_cosine(plr, samples())
    assert torch.equal(torch.get_rng_state(), state)
    expected = []
    for row in ROWS:
        history = torch.tensor([row[:-1]])  # the last item is a target only
        steps = plr.eval()(history, torch.tensor([[len(row) - 2]])).steps[0, 0]
        one, two = steps.mean(dim=1)
        expected.append(cosine_similarity(one, two, dim=0).item())
    assert found == pytest.approx(np.mean(expected), abs=1e-5)
    assert np.mean(expected) < 0.999


@pytest.mark.parametrize("kind", ["none", "erl", "prl", "lares"])
def test_without_streams_there_is_nothing_to_compare(kind: str) -> None:
    assert stream_cosine(model(kind=kind), samples()) is None


def test_larger_triggers_part_the_streams() -> None:
    small, middle, large = (
        stream_cosine(model(kind="plr", trigger_std=std), samples()) or 0.0
        for std in (0.02, 0.3, 3.0)
    )
    assert small > 0.999 > middle > large
    assert large < 0.9
