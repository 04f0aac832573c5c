"""From configuration to parts: every knob reaches its part, and no parameter is left untrained."""

from typing import Any

import numpy as np
import pytest
import torch

from latentrec.build import (
    build_model,
    build_objective,
    build_optimiser,
    model_name,
)
from latentrec.configure import load_config, parse_config, preset_names
from latentrec.data.catalogue import Catalogue, CategoricalField
from latentrec.errors import ConfigError
from latentrec.index import ItemIndex
from latentrec.model.dropout import Dropout

INDEX = ItemIndex(["a", "b", "c"])
STORE = CategoricalField(
    "store",
    ("s0", "s1"),
    np.array([1, 0], np.int32),
    np.array([0, 0, 0, 1, 2, 2], np.int64),  # a: s1, b: s0, c: none
)
CATALOGUE = Catalogue(INDEX, fields=(STORE,), text=np.ones((5, 7), np.float32))
ENCODER = {"dim": 8, "layers": 1, "heads": 1, "inner": 12, "max_length": 5}


def sizes(**sections: Any) -> dict[str, int]:
    """Parameters of each part of the model that a configuration builds."""
    config = parse_config({"encoder": ENCODER, "reasoner": {"kind": "none"}, **sections})
    model = build_model(config, CATALOGUE)
    parts = {"items": model.items, "encoder": model.encoder, "reasoner": model.reasoner}
    return {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}


def test_every_size_reaches_the_model() -> None:
    """Parameters counted by hand for one block: a forgotten knob would change the sum."""
    dim, inner, length = 8, 12, 5
    attention = 4 * (dim * dim + dim)
    feed_forward = dim * inner + inner + inner * dim + dim
    norms = 2 * 2 * dim
    block = attention + feed_forward + norms
    first = length * dim + 2 * dim  # positions, LayerNorm
    assert sizes() == {"items": 5 * dim, "encoder": first + block, "reasoner": 0}
    assert sizes(encoder={**ENCODER, "layers": 3})["encoder"] == first + 3 * block
    assert sizes(encoder={**ENCODER, "heads": 4})["encoder"] == first + block


def test_every_stream_and_step_has_its_parameters() -> None:
    base = sizes(reasoner={"kind": "plr", "streams": 2, "steps": 3})["reasoner"]
    more_streams = sizes(reasoner={"kind": "plr", "streams": 3, "steps": 3})["reasoner"]
    more_steps = sizes(reasoner={"kind": "plr", "streams": 2, "steps": 4})["reasoner"]
    assert more_streams > base
    assert more_steps == base + 8  # one step embedding


def test_every_part_of_plr_reaches_the_model() -> None:
    """Parameters by hand, D = 8, M = 2, T = 3: triggers, step embeddings and gate."""

    def count(**knobs: Any) -> int:
        return sizes(reasoner={"kind": "plr", "streams": 2, "steps": 3, **knobs})["reasoner"]

    triggers, marks, gate = 2 * 8, 3 * 8, 2 * 8 + 2
    assert count() == count(gate="top-1") == count(trigger="token") == triggers + marks + gate
    assert count(trigger="orthogonal") == count(trigger="none") == marks + gate
    assert count(step_embedding="stream") == triggers + 2 * marks + gate
    assert count(step_embedding="none") == triggers + gate
    assert count(gate="uniform") == triggers + marks
    assert count(gate="per-step") == triggers + marks + 3 * gate


@pytest.mark.parametrize("trigger", ["added", "token", "orthogonal"])
def test_triggers_are_as_large_as_asked(trigger: str) -> None:
    def length(std: float) -> float:
        torch.manual_seed(0)
        reasoner = {"kind": "plr", "trigger": trigger, "trigger_std": std}
        model = build_model(parse_config({"encoder": ENCODER, "reasoner": reasoner}), CATALOGUE)
        return model.reasoner.triggers.norm().item()

    assert length(0.5) == pytest.approx(25 * length(0.02))


@pytest.mark.parametrize("dual", [True, False])
def test_what_ranks_is_chosen(dual: bool) -> None:
    config = parse_config({"encoder": ENCODER, "reasoner": {"kind": "plr", "dual_inference": dual}})
    model = build_model(config, CATALOGUE).eval()
    reasoned = model(torch.tensor([[2, 3]]), torch.tensor([[1]]))
    assert torch.equal(reasoned.infer_state, reasoned.train_state) != dual


def test_fields_add_their_tables() -> None:
    assert sizes(items={"fields": ["store"]})["items"] == sizes()["items"] + 2 * 8
    config = parse_config({"encoder": ENCODER, "items": {"fields": ["store"]}})
    items = build_model(config, CATALOGUE).items
    stores = items.fields[0].weight
    added = items.table() - items.ids.weight
    torch.testing.assert_close(added[2:], torch.stack([stores[1], stores[0], 0 * stores[0]]))


@pytest.mark.parametrize(
    ("catalogue", "have"), [(CATALOGUE, "has: store"), (Catalogue(INDEX), "has: none")]
)
def test_an_unknown_field_is_refused(catalogue: Catalogue, have: str) -> None:
    # Training without a field that the user asked for would be a silent other model.
    config = parse_config({"items": {"fields": ["colour"]}})
    with pytest.raises(ConfigError, match=rf"^items\.fields: 'colour' is not a field .*{have}"):
        build_model(config, catalogue)


def test_text_items_take_every_knob() -> None:
    knobs = {"kind": "text", "experts": 3, "dropout": 0.4, "temperature": 0.5}
    per_expert = 8 * 7 + 7 + 7 + 7  # W, b, W_g, W_n of 7-dimensional texts
    assert sizes(items=knobs)["items"] == 3 * per_expert
    assert sizes(items={**knobs, "use_ids": True})["items"] == 3 * per_expert + 5 * 8
    config = parse_config({"encoder": ENCODER, "items": knobs})
    items = build_model(config, CATALOGUE).items
    assert items.mixture.dropout.p == 0.4
    torch.testing.assert_close(items.queries(torch.eye(8)), 2 * torch.eye(8))


def test_text_items_need_their_vectors() -> None:
    config = parse_config({"items": {"kind": "text"}})
    with pytest.raises(ConfigError, match="no text vectors"):
        build_model(config, Catalogue(INDEX))


def test_dropout_reaches_every_place() -> None:
    config = parse_config({"encoder": {**ENCODER, "dropout": 0.3, "attention_dropout": 0.3}})
    dropouts = [m.p for m in build_model(config, CATALOGUE).modules() if isinstance(m, Dropout)]
    assert dropouts
    assert set(dropouts) == {0.3}


def test_weights_follow_the_seed() -> None:
    """What makes a run repeatable from its first step on."""
    models: list[list[torch.Tensor]] = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        config = parse_config({"encoder": ENCODER, "reasoner": {"kind": "plr"}})
        models.append(list(build_model(config, CATALOGUE).parameters()))
    assert all(torch.equal(a, b) for a, b in zip(models[0], models[1], strict=True))
    assert not torch.equal(models[0][0], models[2][0])


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_builds_and_all_its_parameters_are_trained(preset: str) -> None:
    config = load_config(preset, overrides=["encoder.dim=8"])
    if config.items.kind == "id":
        config = load_config(preset, overrides=["encoder.dim=8", "items.fields=[]"])
    model = build_model(config, CATALOGUE)
    build_objective(config.reasoner)
    groups = build_optimiser(model, config.train).param_groups
    held = [p for group in groups for p in group["params"]]
    assert {id(p) for p in held} == {id(p) for p in model.parameters()}
    assert len(held) == len(list(model.parameters()))
    assert all(p.requires_grad for p in held)


def test_names_in_tables() -> None:
    assert model_name(parse_config({"reasoner": {"kind": "none"}})) == "sasrec"
    assert model_name(parse_config({"reasoner": {"kind": "plr"}})) == "sasrec+plr"
    text, last = {"kind": "text"}, {"positions": "last"}
    assert model_name(parse_config({"items": text})) == "unisrec+plr"
    assert model_name(load_config("unisrec")) == "unisrec"
    bidirectional = {"items": text, "encoder": {"kind": "bert4rec"}, "train": last}
    assert model_name(parse_config(bidirectional)) == "bert4rec-text+plr"
