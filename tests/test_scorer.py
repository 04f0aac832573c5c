"""The trained model as a scorer: the same scores in every block, mode and company."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import latentrec.scorer
from latentrec.build import build_model
from latentrec.configure import parse_config
from latentrec.data.catalogue import Catalogue
from latentrec.data.dataset import Histories
from latentrec.errors import ConfigError
from latentrec.index import ItemIndex
from latentrec.model.items import FieldCodes, IdItemEncoder
from latentrec.model.reasoner.effort import Effort
from latentrec.model.recommender import Recommender
from latentrec.model.text_items import TextItemEncoder
from latentrec.scorer import ModelScorer, evaluating

LENGTH = 5
ITEMS = 9
histories = st.lists(
    st.lists(st.integers(2, ITEMS + 1), min_size=1, max_size=8), min_size=1, max_size=6
)


def make_model(reasoner: str) -> Recommender:
    torch.manual_seed(0)
    encoder = {"dim": 8, "inner": 8, "layers": 2, "heads": 2, "max_length": LENGTH, "dropout": 0.5}
    config = parse_config({"encoder": encoder, "reasoner": {"kind": reasoner}})
    model = build_model(config, Catalogue(ItemIndex(f"i{n}" for n in range(ITEMS))))
    with torch.no_grad():  # large weights, so that differences would show
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def with_items(kind: str) -> Recommender:
    model, size = make_model("plr"), ITEMS + 2
    if kind == "fields":
        codes = FieldCodes(3, torch.arange(size) % 3, torch.arange(size + 1))
        model.items = IdItemEncoder(size, 8, [codes])
    elif kind == "text":
        model.items = TextItemEncoder(torch.randn(size, 6), 8, 2, 0.2, 0.5, False)
    return model


def make_scorer(model: Recommender) -> ModelScorer:
    return ModelScorer(model, "model", LENGTH, torch.device("cpu"))


MODELS = {reasoner: make_model(reasoner) for reasoner in ("none", "plr")}


@pytest.mark.parametrize("reasoner", MODELS)
@given(rows=histories)
@settings(max_examples=25)
def test_scores_are_the_model_s_logits(reasoner: str, rows: list[list[int]]) -> None:
    """One history at a time, unpadded, straight from the model: no dropout, no neighbours."""
    model = MODELS[reasoner]
    found = make_scorer(model).scores(Histories.from_lists(rows))
    model.eval()
    for row, scores in zip(rows, found, strict=True):
        last = torch.tensor([row[-LENGTH:]])
        with torch.no_grad():
            expected = model.logits(last, torch.tensor([[last.shape[1] - 1]]))[0, 0]
        torch.testing.assert_close(scores, expected, atol=1e-5, rtol=1e-4)
    model.train()


@pytest.mark.parametrize("reasoner", MODELS)
@given(rows=histories)
@settings(max_examples=25)
def test_what_is_older_than_the_longest_history_is_not_read(
    reasoner: str, rows: list[list[int]]
) -> None:
    scorer = make_scorer(MODELS[reasoner])
    cut = scorer.scores(Histories.from_lists([row[-LENGTH:] for row in rows]))
    assert torch.equal(cut, scorer.scores(Histories.from_lists(rows)))


def test_blocks_do_not_change_the_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    # More histories than fit into one block of TOKENS are encoded in several.
    rows = Histories.from_lists([[2 + n % ITEMS] * (1 + n % 7) for n in range(23)])
    whole = make_scorer(MODELS["plr"]).scores(rows)
    for tokens in (1, 2 * LENGTH, 7 * LENGTH):
        monkeypatch.setattr(latentrec.scorer, "TOKENS", tokens)
        torch.testing.assert_close(make_scorer(MODELS["plr"]).scores(rows), whole)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_s_mode_is_given_back(training: bool) -> None:
    """Validation inside training must not switch dropout off for the next epoch."""
    model = make_model("plr").train(training)
    scorer = make_scorer(model)
    first = scorer.scores(Histories.from_lists([[2, 3]]))
    assert model.training is training
    assert torch.equal(first, scorer.scores(Histories.from_lists([[2, 3]])))  # no dropout
    with pytest.raises(IndexError):
        scorer.scores(Histories.from_lists([[ITEMS + 2]]))  # no row of the item table
    assert model.training is training


@pytest.mark.parametrize("kind", ["ids", "fields", "text"])
def test_item_vectors_are_computed_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for each block, not for each effort; and scores are those of vectors made anew."""
    model, rows = with_items(kind), Histories.from_lists([[2, 3, 4], [5], [6, 7]])
    scorer = make_scorer(model)
    with torch.no_grad(), evaluating(model):
        expected = model.logits(torch.tensor([[2, 3, 4]]), torch.tensor([[2]]))[0, 0]
    for name in ("table", "candidates", "forward"):
        monkeypatch.setattr(model.items, name, None)
    torch.testing.assert_close(scorer.scores(rows)[0], expected)
    assert scorer.limited(Effort(steps=1)).scores(rows).shape == (3, scorer.size)


@pytest.mark.parametrize("kind", ["ids", "fields", "text"])
def test_a_new_scorer_sees_new_weights(kind: str) -> None:
    """Each validation makes its scorer, so it must judge what training has just changed."""
    model, rows = with_items(kind).train(), Histories.from_lists([[2, 3, 4]])
    before = make_scorer(model).scores(rows)
    with torch.no_grad():
        for parameter in model.items.parameters():
            parameter.mul_(1.5).add_(0.1 * torch.randn_like(parameter))
    after = make_scorer(model).scores(rows)
    assert not torch.allclose(before, after)
    model.eval()
    with torch.no_grad():
        expected = model.logits(torch.tensor([[2, 3, 4]]), torch.tensor([[2]]))[0]
    torch.testing.assert_close(after, expected)


def test_a_limited_view_made_before_training_drops_nothing() -> None:
    """It shares the encoder, whose mode may have changed since."""
    model, rows = make_model("plr").eval(), Histories.from_lists([[2, 3, 4]])
    view = make_scorer(model).limited(Effort(steps=1))
    before = view.scores(rows)
    model.train()
    assert torch.equal(view.scores(rows), before)
    assert all(module.training for module in model.modules())


def test_scores_are_plain_float32_of_the_whole_catalogue() -> None:
    scorer = make_scorer(make_model("plr"))
    found = scorer.scores(Histories.from_lists([[2], [3]]))
    assert (found.dtype, tuple(found.shape)) == (torch.float32, (2, scorer.size))
    assert scorer.size == ITEMS + 2
    assert not found.requires_grad
    assert scorer.name == "model"


@pytest.mark.parametrize("training", [True, False])
def test_a_limited_scorer_stands_beside_its_model(training: bool) -> None:
    """Another effort, the same weights and mode; the full one is left as it was."""
    model = make_model("plr").train(training)
    scorer, rows = make_scorer(model), Histories.from_lists([[2, 3, 4], [5]])
    before = scorer.scores(rows)
    without = scorer.limited(Effort(steps=0)).scores(rows)
    assert model.training is training
    assert not torch.allclose(without, before)
    assert torch.equal(scorer.limited(Effort()).scores(rows), before)
    assert torch.equal(scorer.scores(rows), before)


def test_steps_taken_are_told_of_an_early_exit_only() -> None:
    scorer, rows = make_scorer(make_model("plr")), Histories.from_lists([[2, 3, 4], [5]])
    assert scorer.limited(Effort(exit_threshold=1e9)).steps_taken(rows).tolist() == [1, 1]
    assert scorer.limited(Effort(exit_threshold=1e-9)).steps_taken(rows).tolist() == [2, 2]
    with pytest.raises(ConfigError, match="exit_threshold"):
        scorer.steps_taken(rows)
