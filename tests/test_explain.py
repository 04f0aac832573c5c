"""Explain: influence is a real counterfactual, streams add up to the score, shapes are right."""

from collections.abc import Callable

import pytest
import torch

from latentrec.data.dataset import Histories
from latentrec.errors import ConfigError, UnknownItemError
from latentrec.explain import explain
from latentrec.index import ItemIndex
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.reasoner.plr import PlrReasoner
from latentrec.model.recommender import Recommender
from latentrec.scorer import ModelScorer

INDEX = ItemIndex([f"i{number:02}" for number in range(30)])
HISTORY = ["i01", "new", "i02", "i03", "i01"]
DIM, LONGEST = 8, 6
Build = Callable[[], Reasoner]


def scorer_of(build: Build) -> ModelScorer:
    torch.manual_seed(4)
    encoder = TransformerEncoder(DIM, 2, 2, 12, LONGEST, 0.0, 0.0, causal=True)
    model = Recommender(IdItemEncoder(INDEX.size, DIM), encoder, build())
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return ModelScorer(model.eval(), "model", LONGEST, torch.device("cpu"))


def logs(scorer: ModelScorer, history: list[str]) -> torch.Tensor:
    scores = scorer.scores(Histories.from_lists([INDEX.indices(history).tolist()]))
    return scores[0, 2:].log_softmax(dim=-1)


def plr() -> PlrReasoner:
    return PlrReasoner(DIM, streams=3, steps=2)


def test_influence_is_what_leaving_one_interaction_out_changes() -> None:
    scorer = scorer_of(plr)
    found = explain(scorer, INDEX, HISTORY, ["i07", "i08"])
    read = ["i01", "i02", "i03", "i01"]
    assert found.history == tuple(read)
    whole = logs(scorer, read)
    for place in range(len(read)):
        without = logs(scorer, read[:place] + read[place + 1 :])
        for row, item_id in enumerate(found.item_ids):
            item = INDEX.index(item_id) - 2
            want = float(whole[item] - without[item])
            assert found.influence[row][place] == pytest.approx(want, abs=1e-5)


def test_an_older_item_does_not_slip_in_for_one_left_out() -> None:
    """Only what the model read is varied; else the last L items would be others each time."""
    scorer = scorer_of(plr)
    long = [f"i{number:02}" for number in range(20)]
    found = explain(scorer, INDEX, long, ["i25"])
    assert found.history == tuple(long[-LONGEST:])
    assert found.influence == explain(scorer, INDEX, long[-LONGEST:], ["i25"]).influence


def test_streams_add_up_to_the_score() -> None:
    scorer = scorer_of(plr)
    found = explain(scorer, INDEX, ["i01", "i02"], ["i07", "i08"], top_k=4)
    assert sum(stream.weight for stream in found.streams) == pytest.approx(1)
    scores = scorer.scores(Histories.from_lists([[3, 4]]))[0]
    for place, item_id in enumerate(found.item_ids):
        mixed = sum(stream.weight * stream.scores[place] for stream in found.streams)
        assert mixed == pytest.approx(float(scores[INDEX.index(item_id)]), abs=1e-5)
    assert [len(stream.item_ids) for stream in found.streams] == [4, 4, 4]


def test_attention_has_a_row_for_each_stream_and_step() -> None:
    found = explain(scorer_of(plr), INDEX, HISTORY, ["i07"])
    assert (len(found.attention), len(found.attention[0]), len(found.attention[0][0])) == (3, 2, 4)
    for stream in found.attention:
        for step in stream:
            assert 0 < sum(step) < 1  # the rest went to the stream's own steps


@pytest.mark.parametrize(
    ("build", "steps"), [(NoReasoner, 0), (lambda: ErlReasoner(DIM, 3), 3)], ids=["none", "erl"]
)
def test_without_a_gate_there_are_no_streams_to_tell_apart(build: Build, steps: int) -> None:
    found = explain(scorer_of(build), INDEX, HISTORY, ["i07"])
    assert found.streams == ()
    assert [len(stream) for stream in found.attention] == ([steps] if steps else [])
    assert len(found.influence[0]) == 4


def test_what_cannot_be_explained() -> None:
    scorer = scorer_of(plr)
    assert explain(scorer, INDEX, ["i01"], ["i02"]).influence == ()
    with pytest.raises(ConfigError, match="history: holds no item"):
        explain(scorer, INDEX, ["new"], ["i02"])
    with pytest.raises(UnknownItemError, match="'new'"):
        explain(scorer, INDEX, ["i01"], ["new"])
