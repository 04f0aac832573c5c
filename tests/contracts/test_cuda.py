"""On a GPU: what the CPU computes, and all that a run can do. Skipped where there is none."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from latentrec.analyse.attention import attention
from latentrec.analyse.ceiling import ceiling
from latentrec.analyse.cost import measure
from latentrec.analyse.diversity import diversity
from latentrec.analyse.finding import Finding
from latentrec.analyse.identities import identities
from latentrec.analyse.robustness import robustness
from latentrec.analyse.subject import subject_of
from latentrec.build import build_model, build_objective, build_samples
from latentrec.config import RunConfig, UnisrecItemsConfig
from latentrec.configure import parse_config
from latentrec.data.batch import batches
from latentrec.data.dataset import Histories, SequenceDataset
from latentrec.data.item_text.vectors import with_text
from latentrec.data.prepare import prepare
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Losses
from latentrec.run import evaluate_run, fit, load, post_train
from latentrec.run.run import model_scorer

if not torch.cuda.is_available():
    pytest.skip("no CUDA device here", allow_module_level=True)

BACKBONES = ("sasrec", "hstu", "bert4rec", "unisrec")
REASONERS = ("none", "erl", "prl", "lares", "plr")
EVERY = pytest.mark.parametrize(
    ("backbone", "reasoner"), [(b, r) for b in BACKBONES for r in REASONERS]
)
LOSSES: dict[str, dict[str, Any]] = {
    "exact": {},
    "sampled": {"negatives": 10},
    "in-batch": {},
    "sce": {"bucket_items": 8},
    "gbce": {"negatives": 10},
}


def config_of(backbone: str, reasoner: str, dropout: float = 0.0, **train: Any) -> RunConfig:
    encoder = "sasrec" if backbone == "unisrec" else backbone
    knobs = {"dropout": dropout, "attention_dropout": dropout, "dim": 8, "inner": 12}
    own: dict[str, Any] = {} if reasoner in ("none", "lares") else {"warmup_epochs": 1}
    if reasoner in ("erl", "plr"):
        own["term_positions"] = 0  # all: no chance is left in the loss
    text = {"kind": "text", "experts": 2, "dim_text": 6, "dropout": 0.0}
    return parse_config(
        {
            "data": {"users": 60, "items": 40, "mean_length": 7, "interests": 6},
            "items": text if backbone == "unisrec" else {},
            "encoder": {"kind": encoder, "max_length": 6, **knobs},
            "reasoner": {"kind": reasoner, **own},
            "train": {
                "positions": "last" if backbone == "bert4rec" else "all",
                "batch_size": 16,
                "epochs": 3,
                "device": "cuda",
                **train,
            },
            "evaluate": {"resamples": 20, "baselines": ["markov"]},
        }
    )


def built(config: RunConfig) -> tuple[Recommender, SequenceDataset]:
    """A model with visible weights, on the CPU."""
    dataset = prepare(config.data, config.split).dataset
    catalogue = dataset.catalogue
    if isinstance(config.items, UnisrecItemsConfig):
        catalogue = with_text(catalogue, config.items)
    torch.manual_seed(1)
    model = build_model(config, catalogue)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval(), dataset


@EVERY
def test_scores_are_those_of_the_cpu(backbone: str, reasoner: str) -> None:
    config = config_of(backbone, reasoner)
    model, _ = built(config)
    histories = Histories.from_lists([[4, 9, 3], [5, 6, 7, 8, 9, 10], [2]])
    here = model_scorer(config, model).scores(histories)
    there = model_scorer(config, model.to("cuda")).scores(histories)
    assert there.device.type == "cuda"
    torch.testing.assert_close(there.cpu(), here, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("reasoner", ["none", "erl", "plr"])
def test_losses_and_gradients_are_those_of_the_cpu(backbone: str, reasoner: str) -> None:
    """Where nothing is drawn: no dropout, no noise, no random depth, terms at all positions."""
    config = config_of(backbone, reasoner)
    model, dataset = built(config)
    for parameter in model.items.parameters():
        parameter.detach().mul_(0.3)  # scores of the size that training sees
    batch = next(batches(build_samples(config, dataset.train()), 16, np.random.default_rng(0)))
    found = []
    for device in ("cpu", "cuda"):
        model.to(device).zero_grad()
        objective = build_objective(config.reasoner).to(device)
        losses: Losses = objective(model, batch.to(torch.device(device)), 5)
        losses.total.backward()
        found.append([losses.total.detach().cpu()])
        grads = (p.grad for p in model.parameters() if p.grad is not None)
        found[-1] += [grad.detach().clone().cpu() for grad in grads]
    assert len(found[0]) > 1
    for here, there in zip(*found, strict=True):
        torch.testing.assert_close(there, here, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("precision", ["no", "bf16"])
@EVERY
def test_a_run_trains_resumes_and_moves_to_the_cpu(
    backbone: str, reasoner: str, precision: str, tmp_path: Path
) -> None:
    """Resumed or not, the losses are the same; what was trained here ranks alike on the CPU."""
    config = config_of(backbone, reasoner, dropout=0.1, precision=precision)
    losses = [report.losses["loss"] for report in fit(config, tmp_path / "whole")]
    stopped = fit(config, tmp_path / "stopped")
    next(stopped)
    stopped.close()
    resumed = [r.losses["loss"] for r in fit(config, tmp_path / "stopped", resume=True)]
    assert resumed == pytest.approx(losses[1:], rel=1e-3)
    there, here = load(tmp_path / "whole", device="cuda"), load(tmp_path / "whole", device="cpu")
    histories = Histories.from_lists([[4, 9, 3], [5, 6, 7, 8, 9, 10]])
    scores = there.scorer.scores(histories).cpu()
    torch.testing.assert_close(scores, here.scorer.scores(histories), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", LOSSES)
def test_every_loss_trains(kind: str, tmp_path: Path) -> None:
    given = config_of("sasrec", "plr").model_dump(mode="json")
    config = parse_config({**given, "loss": {"kind": kind, **LOSSES[kind]}})
    *_, last = fit(config, tmp_path / "run")
    assert np.isfinite(last.losses["loss"])


def test_runs_of_one_process_stay_on_their_own_devices(tmp_path: Path) -> None:
    """Accelerate keeps one device for a process; a run keeps to its own."""
    for place, device in enumerate(("cpu", "cuda", "cpu", "auto")):
        config = config_of("sasrec", "plr", epochs=1, device=device)
        started = torch.cuda.memory_stats().get("allocation.all.allocated", 0)
        list(fit(config, tmp_path / str(place)))
        used = torch.cuda.memory_stats().get("allocation.all.allocated", 0) - started
        assert (used > 0) == (device != "cpu")


def test_training_twice_gives_the_same_numbers(tmp_path: Path) -> None:
    config = config_of("sasrec", "plr", dropout=0.1)
    first, again = ([r.losses for r in fit(config, tmp_path / name)] for name in ("a", "b"))
    assert first == again


def test_every_analysis_answers_as_on_the_cpu(tmp_path: Path) -> None:
    list(fit(config_of("sasrec", "plr"), tmp_path / "run"))
    there, here = (subject_of(load(tmp_path / "run", device=name)) for name in ("cuda", "cpu"))
    assert ceiling(there).states.keys() == ceiling(here).states.keys()
    for ask in (diversity, identities, attention):
        told, known = (numbers(ask(subject)) for subject in (there, here))
        assert told == pytest.approx(known, rel=1e-2, abs=1e-3)
    assert len(robustness([there]).levels) == len(robustness([here]).levels)
    assert measure(there.scorer, (1, 4)).flops == measure(here.scorer, (1, 4)).flops


def numbers(found: Finding) -> list[float]:
    """All numbers of a finding, however deep."""

    def walk(value: object) -> Iterator[float]:
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list | tuple):
            for each in value:
                yield from walk(each)
        elif isinstance(value, int | float):
            yield float(value)

    return list(walk(asdict(found)))


def test_reinforcement_and_new_items(tmp_path: Path) -> None:
    """What starts from a finished run: another phase, and items that training never saw."""
    list(fit(config_of("sasrec", "lares"), tmp_path / "lares"))
    quick = ("train.epochs=1", "post_train.rollouts=2")
    *_, last = post_train(tmp_path / "lares", tmp_path / "post", overrides=quick)
    assert np.isfinite(last.losses["loss"])
    list(fit(config_of("unisrec", "none"), tmp_path / "text"))
    run = load(tmp_path / "text", device="cuda")
    table = pl.DataFrame({"item_id": ["new"], "title": ["unheard"]})
    grown = run.with_new_items(table)
    assert len(grown.recommend([["new", *run.index.all_ids[:2]]])[0].item_ids) == 10


def test_a_run_is_judged_asked_and_explained(tmp_path: Path) -> None:
    """Everything that a loaded run does, on the GPU as on the CPU."""
    list(fit(config_of("sasrec", "plr"), tmp_path / "run"))
    there, here = (load(tmp_path / "run", device=device) for device in ("cuda", "cpu"))
    ids = list(here.index.all_ids)
    asked = [ids[:4], ids[3:9]]
    for wanted in ({}, {"deny": ids[5:7]}, {"allow": ids[:20], "exclude_seen": False}):
        pairs = zip(there.recommend(asked, **wanted), here.recommend(asked, **wanted), strict=True)
        for one, other in pairs:
            assert one.item_ids == other.item_ids
            assert one.scores == pytest.approx(other.scores, abs=1e-4)
    told, known = (run.explain(ids[:4], ids[5:7]) for run in (there, here))
    assert told.influence[0] == pytest.approx(known.influence[0], abs=1e-4)
    assert there.similar(ids[:1])[0].item_ids == here.similar(ids[:1])[0].item_ids
    tables = [evaluate_run(run) for run in (there, here)]
    for one, other in zip(*tables, strict=True):
        assert one.metrics["ndcg@10"].value == pytest.approx(other.metrics["ndcg@10"].value)
