"""Every reasoner on every backbone gives through ONNX Runtime what torch gives: the same scores."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from latentrec.build import build_model, build_question
from latentrec.config import UnisrecItemsConfig
from latentrec.configure import parse_config
from latentrec.data.catalogue import Catalogue
from latentrec.data.dataset import Histories
from latentrec.data.item_text.vectors import with_text
from latentrec.export.graph import scores_graph
from latentrec.export.states import PADDING, POSITIONS, VECTORS, states_graph
from latentrec.index import FIRST_ITEM, ItemIndex
from latentrec.scorer import ModelScorer

L = 6
BACKBONES = ("sasrec", "hstu", "bert4rec", "bert4rec-cloze", "unisrec")
REASONERS = ("none", "erl", "prl", "lares", "plr")
PLR_VARIANTS = (
    {"trigger": "token", "step_embedding": "stream", "gate": "per-step"},
    {"trigger": "orthogonal", "step_embedding": "none", "gate": "top-1"},
    {"trigger": "none", "gate": "uniform", "dual_inference": False},
)
# The exporter takes seconds for each; the others run in CI.
QUICK = {("bert4rec-cloze", "none")}
EVERY = [(b, {"kind": r}) for b in BACKBONES for r in REASONERS] + [
    ("sasrec", {"kind": "plr", **variant}) for variant in PLR_VARIANTS
]
CASES = [
    pytest.param(
        backbone,
        reasoner,
        marks=() if (backbone, reasoner["kind"]) in QUICK else pytest.mark.slow,
        id="-".join([backbone, *map(str, reasoner.values())]),
    )
    for backbone, reasoner in EVERY
]
# Each backbone and each reasoner once; sasrec-plr is served through its graph in tests/serve.
STATES = [("sasrec", r) for r in REASONERS[:-1]] + [(b, "plr") for b in BACKBONES[1:]]


def scorer_of(backbone: str, reasoner: dict[str, object]) -> ModelScorer:
    encoder = "sasrec" if backbone == "unisrec" else backbone
    knobs = {"dim": 8, "inner": 12, "max_length": L, "layers": 1}
    text = {"kind": "text", "experts": 2, "dim_text": 6}
    positions = "last" if backbone == "bert4rec" else "all"
    loose = {"trajectory_weight": 0, "step_weight": 0}  # the Cloze task has no next item
    more = loose if (backbone, reasoner["kind"]) == ("bert4rec-cloze", "lares") else {}
    config = parse_config(
        {
            "items": text if backbone == "unisrec" else {},
            "encoder": {"kind": encoder, **knobs},
            "reasoner": reasoner | more,
            "train": {"positions": positions, "device": "cpu"},
        }
    )
    names = {f"i{n:02}": f"thing {n % 7} of {n % 5} in {n % 3}" for n in range(30)}
    catalogue = Catalogue(ItemIndex(names), names)
    if isinstance(config.items, UnisrecItemsConfig):
        catalogue = with_text(catalogue, config.items)
    torch.manual_seed(1)
    model = build_model(config, catalogue)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    question = build_question(config.encoder)
    return ModelScorer(model.eval(), "model", L, torch.device("cpu"), question)


@pytest.mark.parametrize(("backbone", "reasoner"), CASES)
def test_the_graph_gives_the_scores_of_the_model(
    backbone: str, reasoner: dict[str, object]
) -> None:
    """One row and three, every length, rows of different lengths; hidden items and no others."""
    scorer = scorer_of(backbone, reasoner)
    cloze = backbone == "bert4rec-cloze"
    graph = scores_graph(scorer.model, cloze, L - cloze)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    rng = np.random.default_rng(0)
    for length in range(1, L + 1 - cloze):
        for lengths in ([length], [length, 1, (length + 1) // 2]):
            rows = [rng.integers(FIRST_ITEM, scorer.size, n).tolist() for n in lengths]
            items = np.array([row + [0] * (length - len(row)) for row in rows])
            (found,) = session.run(None, {"items": items, "hidden": items})
            expected = scorer.scores(Histories.from_lists(rows)).numpy()
            expected[:, :FIRST_ITEM] = -np.inf
            np.put_along_axis(expected, items, -np.inf, axis=1)
            scale = np.abs(expected[np.isfinite(expected)]).max()
            np.testing.assert_allclose(found / scale, expected / scale, atol=3e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "reasoner"), STATES)
def test_the_graph_of_a_server_gives_the_states_of_the_model(backbone: str, reasoner: str) -> None:
    """Through the scorer that a server asks: one row and three, of every length."""
    scorer = scorer_of(backbone, {"kind": reasoner})
    graph = states_graph(scorer.model, L)
    session = onnxruntime.InferenceSession(graph.SerializeToString())

    def states(vectors: Tensor, padding: Tensor, positions: Tensor) -> Tensor:
        feeds = {VECTORS: vectors, PADDING: padding, POSITIONS: positions}
        return torch.from_numpy(session.run(None, {k: v.numpy() for k, v in feeds.items()})[0])

    rng = np.random.default_rng(0)
    for length in range(1, L + 1):
        for lengths in ([length], [length, 1, (length + 1) // 2]):
            rows = [rng.integers(FIRST_ITEM, scorer.size, n).tolist() for n in lengths]
            asked = Histories.from_lists(rows)
            expected, found = scorer.queries(asked), scorer.through(states).queries(asked)
            assert found.shape == expected.shape
            scale = float(expected.abs().max())
            np.testing.assert_allclose(found / scale, expected / scale, atol=3e-5)
