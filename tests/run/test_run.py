"""Train, load, use: the loaded run is the trained one, for anybody's history, also after a cut."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import latentrec
from latentrec.build import build_model
from latentrec.config import EvaluateConfig
from latentrec.data.dataset import Histories
from latentrec.data.item_text.vectors import with_text
from latentrec.data.prepare import prepare
from latentrec.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    TrainingError,
    UnknownItemError,
)
from latentrec.run import Run, evaluate_run, fit, load
from latentrec.run.folder import EVALUATION, read_json
from latentrec.run.run import pick_device
from latentrec.train.checkpoint import CheckpointFolder, load_model


@pytest.fixture(scope="module")
def run(trained: Path) -> Run:
    return load(trained, device="cpu")


def weights(folder: Path, mark: str) -> dict[str, bytes]:
    path = CheckpointFolder(folder / "checkpoints").find(mark)
    return {name: (path / f"{name}.safetensors").read_bytes() for name in ("model", "optimiser")}


def metrics(folder: Path) -> list[dict[str, Any]]:
    """Every line of metrics.jsonl without the times."""
    frame = pl.read_ndjson(folder / "metrics.jsonl", infer_schema_length=None)
    return frame.drop("train_s", "validate_s", "targets_per_s").to_dicts()


# --- loading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["best", "last"])
def test_a_loaded_run_scores_like_the_trained_model(trained: Path, tiny: Any, mark: str) -> None:
    """Catalogue, fields and weights put together from the folder equal those of training."""
    config = tiny()
    dataset = prepare(config.data, config.split).dataset
    model = build_model(config, dataset.catalogue).eval()
    load_model(CheckpointFolder(trained / "checkpoints").find(mark), model)
    rows = [[2, 3, 4], [dataset.index.size - 1]]
    found = load(trained, mark=mark).scorer.scores(Histories.from_lists(rows))
    for row, scores in zip(rows, found, strict=True):
        with torch.no_grad():
            expected = model.logits(torch.tensor([row]), torch.tensor([[len(row) - 1]]))[0, 0]
        torch.testing.assert_close(scores, expected)


def test_the_validation_of_the_best_epoch_comes_back(run: Run, tiny: Any) -> None:
    """The metric that chose the checkpoint is the metric of what is loaded."""
    from latentrec.evaluate.evaluate import rank_cases
    from latentrec.evaluate.metrics import metrics_of

    lines = metrics(run.folder)
    best = next(line for line in lines if line["epoch"] == lines[-1]["best_epoch"])
    dataset = prepare(tiny().data, tiny().split).dataset
    ranks = rank_cases(run.scorer, dataset, dataset.valid, exclude_seen=False)
    assert metrics_of(ranks, (5, 10, 20)) == pytest.approx(best["metrics"])


def test_a_loaded_run_needs_no_data(tmp_path: Path, tiny: Any) -> None:
    """Recommending must work where the log is not: on another machine, after a year."""
    log = tmp_path / "log.csv"
    rows = [f"u{u},i{(u + n) % 7},{1_700_000_000 + n}" for u in range(9) for n in range(5)]
    log.write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n")
    data = latentrec.RunConfig.model_validate({"data": {"kind": "files", "path": str(log)}}).data
    list(fit(tiny(data=data, items={"fields": []}, train={"epochs": 1}), tmp_path / "run"))
    log.unlink()
    assert len(load(tmp_path / "run").recommend([["i1", "i2"]], top_k=3)[0].item_ids) == 3
    with pytest.raises(DataError, match=r"log\.csv: does not exist"):
        evaluate_run(load(tmp_path / "run"))


# --- recommending ---------------------------------------------------------------------------------


def test_users_need_not_have_been_in_training(run: Run, tiny: Any) -> None:
    """Only the history counts: a new user with a trained user's history gets the same list."""
    dataset = prepare(tiny().data, tiny().split).dataset
    index = dataset.index
    history = index.item_ids(dataset.histories(dataset.test, 0, 1)[0].tolist())
    mixed = run.recommend([["i00"], history, history[::-1]], top_k=5)
    alone = run.recommend([history], top_k=5)
    assert mixed[1].item_ids == alone[0].item_ids
    assert mixed[1].scores == pytest.approx(alone[0].scores, abs=1e-5)
    scores = run.scorer.scores(Histories.from_lists([index.indices(history).tolist()]))[0].clone()
    scores[[0, 1, *index.indices(history).tolist()]] = -torch.inf
    assert alone[0].item_ids == tuple(index.item_ids(scores.topk(5).indices.tolist()))


def test_the_public_interface(trained: Path, tiny: Any, tmp_path: Path) -> None:
    """As README says it."""
    reports = list(latentrec.fit(tiny(train={"epochs": 1}), tmp_path / "run"))
    assert (reports[0].epoch, "ndcg@10" in reports[0].metrics) == (1, True)
    run = latentrec.load(trained)
    first, second = run.recommend([["i01", "i02"], ["i09"]], top_k=10)
    assert len(first.item_ids) == len(first.scores) == len(second.item_ids) == 10
    assert list(first.scores) == sorted(first.scores, reverse=True)
    assert not {"i01", "i02"} & set(first.item_ids)
    assert first.source == "sasrec+plr"


def test_lists_can_be_shaped(run: Run) -> None:
    only = ["i01", "i05", "i07"]
    found = run.recommend([["i01"]], allow=only, deny=["i07"])[0]
    assert found.item_ids == ("i05",)
    seen = run.recommend([["i01"]], allow=only, exclude_seen=False)[0]
    assert set(seen.item_ids) == set(only)
    with pytest.raises(UnknownItemError, match="item 'nope'"):
        run.recommend([["i01"]], deny=["nope"])


def test_unknown_items_are_reported_and_not_read(run: Run) -> None:
    found = run.recommend([["zz", "i03", "yy", "zz"]])[0]
    assert found.unknown_items == ("zz", "yy")
    assert found.item_ids == run.recommend([["i03"]])[0].item_ids


@pytest.mark.parametrize("history", [[], ["zz"]])
def test_nothing_known_falls_back_to_popularity(run: Run, history: list[str]) -> None:
    found = run.recommend([history], top_k=40)[0]
    assert found.source == "popularity"
    counts = pl.read_parquet(run.folder / "items.parquet")
    popular = counts.sort("interactions", "item_id", descending=[True, False])
    assert list(found.item_ids) == popular["item_id"].to_list()
    assert list(found.scores) == popular["interactions"].to_list()


# --- evaluating -----------------------------------------------------------------------------------


def test_a_run_is_judged_beside_the_baselines(run: Run) -> None:
    found = evaluate_run(run)
    baselines = ["popularity", "recent-popularity", "markov", "item-knn", "ease"]
    assert [e.scorer for e in found] == [*baselines, "sasrec+plr"]
    assert {e.candidates for e in found} == {len(run.index)}
    assert all("no item hidden" in e.protocol and "50 resamples" in e.protocol for e in found)


def test_the_evaluation_can_be_another_one(run: Run) -> None:
    found = evaluate_run(run, knobs=EvaluateConfig(top_k=(1,), exclude_seen=True, resamples=9))
    assert set(found[0].metrics) == {"recall@1", "ndcg@1", "mrr@1"}
    assert "never the target" in found[0].protocol


def test_other_data_are_not_judged(run: Run, tiny: Any) -> None:
    other = prepare(tiny(data={"seed": 8}).data, tiny().split)
    with pytest.raises(CheckpointError, match="the data changed"):
        evaluate_run(run, other)


# --- a new run ------------------------------------------------------------------------------------


def test_the_same_run_twice_is_the_same(trained: Path, tiny: Any, tmp_path: Path) -> None:
    list(fit(tiny(), tmp_path / "again"))
    assert weights(tmp_path / "again", "last") == weights(trained, "last")
    assert metrics(tmp_path / "again") == metrics(trained)


def test_a_second_fit_into_one_folder_is_refused_before_the_data_are_read(
    trained: Path, tiny: Any
) -> None:
    data = latentrec.RunConfig.model_validate({"data": {"kind": "files", "path": "none"}}).data
    with pytest.raises(ConfigError, match="holds a run already"):
        fit(tiny(data=data), trained)


@pytest.mark.parametrize(
    ("sections", "error"),
    [
        ({"items": {"fields": ["colour"]}}, ConfigError),
        ({"train": {"device": "nonsense"}}, ConfigError),
        ({"data": {"items": 5}}, ConfigError),
        (
            {"split": latentrec.RunConfig.model_validate({"split": {"kind": "given"}}).split},
            DataError,
        ),
    ],
)
def test_what_cannot_start_leaves_no_run_behind(
    tmp_path: Path, tiny: Any, sections: dict[str, Any], error: type[Exception]
) -> None:
    # Otherwise the corrected command would be refused: "holds a run already".
    with pytest.raises(error):
        fit(tiny(**sections), tmp_path / "run")
    list(itertools.islice(fit(tiny(), tmp_path / "run"), 1))


def test_a_diverging_run_ends_with_our_error(tmp_path: Path, tiny: Any) -> None:
    wild = tiny(train={"learning_rate": 1e30, "gradient_clip": 0.0})
    with pytest.raises(TrainingError):
        list(fit(wild, tmp_path / "run"))


def test_a_device_that_is_not_here_is_refused() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type in ("cpu", "cuda")
    for name in ("nonsense", "gpu", "cuda:x", ""):
        with pytest.raises(
            ConfigError, match=rf"^device '{name}': must be auto, cpu, cuda or mps$"
        ):
            pick_device(name)
    with pytest.raises(ConfigError, match=r"^device 'cuda:99': not usable here .*; use cpu"):
        pick_device("cuda:99")


# --- resuming -------------------------------------------------------------------------------------


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_resumed_run_equals_an_uninterrupted_one(
    trained: Path, tiny: Any, tmp_path: Path, epochs: int
) -> None:
    """Weights, optimiser and metrics.jsonl to the bit, wherever it was cut (docs/adr/0012)."""
    folder = tmp_path / "cut"
    reports = fit(tiny(), folder)
    for _ in range(epochs):
        next(reports)
    del reports
    resumed = list(fit(tiny(), folder, resume=True))
    assert [report.epoch for report in resumed] == list(range(epochs + 1, 4))
    for mark in ("best", "last"):
        assert weights(folder, mark) == weights(trained, mark)
    assert metrics(folder) == metrics(trained)


def test_a_run_cut_in_its_first_epoch_can_be_resumed(
    trained: Path, tiny: Any, tmp_path: Path
) -> None:
    # `fit` refuses the folder and says --resume; so --resume has to work.
    fit(tiny(), tmp_path / "cut")
    assert not (tmp_path / "cut" / "checkpoints").exists()
    assert len(list(fit(tiny(), tmp_path / "cut", resume=True))) == 3
    assert weights(tmp_path / "cut", "last") == weights(trained, "last")


def test_an_evaluation_ends_with_the_next_epoch(tiny: Any, tmp_path: Path) -> None:
    """A run that was judged half-way and resumed shows no figures of the first half."""
    folder = tmp_path / "cut"
    next(fit(tiny(), folder))
    (folder / EVALUATION).write_text("{}", encoding="utf-8")
    resumed = fit(tiny(), folder, resume=True)
    assert (folder / EVALUATION).exists()
    next(resumed)
    assert not (folder / EVALUATION).exists()


def test_a_finished_run_has_nothing_to_resume(copied: Path, tiny: Any) -> None:
    before = weights(copied, "last")
    (copied / EVALUATION).write_text("{}", encoding="utf-8")
    assert list(fit(tiny(), copied, resume=True)) == []
    assert weights(copied, "last") == before
    assert (copied / EVALUATION).exists()


def test_resuming_nothing_is_refused(tiny: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no run there"):
        fit(tiny(), tmp_path / "none", resume=True)
    assert not (tmp_path / "none").exists()


def test_a_resumed_run_keeps_its_configuration_and_data(copied: Path, tiny: Any) -> None:
    with pytest.raises(ConfigError, match=r"encoder\.dim: the run was started with 8, not 16"):
        fit(tiny(encoder={"dim": 16}), copied, resume=True)
    other = prepare(tiny(data={"seed": 8}).data, tiny().split)
    with pytest.raises(CheckpointError, match="the data changed"):
        fit(tiny(), copied, prepared=other, resume=True)


def test_what_was_asked_for_is_written_down(trained: Path, tiny: Any, tmp_path: Path) -> None:
    assert read_json(trained / "given.json") == {"preset": "tiny"}
    fit(tiny(), tmp_path / "run")
    assert read_json(tmp_path / "run" / "given.json") == {}


# --- items read as text ---------------------------------------------------------------------------


@pytest.fixture
def as_text(tiny: Any) -> Any:
    """The tiny configuration with text items instead of ids."""

    def configure(**sections: Any) -> latentrec.RunConfig:
        values = tiny(**sections).model_dump(mode="json")
        values["items"] = {"kind": "text", "experts": 2, "dim_text": 12}
        return latentrec.RunConfig.model_validate(values)

    return configure


def test_a_run_over_texts_is_loaded_resumed_and_recommends(tmp_path: Path, as_text: Any) -> None:
    """Save, load, same scores; cut and resumed, same weights; no text model is needed to load."""
    list(fit(as_text(), tmp_path / "whole"))
    reports = fit(as_text(), tmp_path / "cut")
    next(reports)
    del reports
    list(fit(as_text(), tmp_path / "cut", resume=True))
    assert weights(tmp_path / "cut", "last") == weights(tmp_path / "whole", "last")
    run = load(tmp_path / "whole", mark="last", device="cpu")
    dataset = prepare(as_text().data, as_text().split).dataset
    model = build_model(as_text(), with_text(dataset.catalogue, as_text().items)).eval()
    load_model(CheckpointFolder(tmp_path / "whole" / "checkpoints").find("last"), model)
    with torch.no_grad():
        expected = model.logits(torch.tensor([[2, 3, 4]]), torch.tensor([[2]]))[0]
    found = run.scorer.scores(Histories.from_lists([[2, 3, 4]]))
    torch.testing.assert_close(found, expected)
    assert float(found[:, 2:].abs().max()) <= 1 / 0.07 + 1e-4  # cosines
    best = run.recommend([list(run.index.all_ids[:3])], top_k=3)[0]
    assert len(best.item_ids) == 3
    assert [e.scorer for e in evaluate_run(run)][-1] == "unisrec+plr"


@pytest.mark.parametrize("reasoner", ["none", "erl", "prl"])
def test_every_reasoner_reads_texts(tmp_path: Path, as_text: Any, reasoner: str) -> None:
    config = as_text(
        reasoner=latentrec.RunConfig.model_validate({"reasoner": {"kind": reasoner}}).reasoner,
        train={"epochs": 1},
    )
    (report,) = fit(config, tmp_path / "run")
    assert report.losses["loss"] > 0
    assert 0 <= report.metrics["ndcg@10"] <= 1


def test_a_run_goes_on_without_the_source_of_its_vectors(tmp_path: Path, tiny: Any) -> None:
    ids = prepare(tiny().data, tiny().split).dataset.index.all_ids
    file = tmp_path / "v.npy"
    np.save(file, np.random.default_rng(0).normal(size=(len(ids), 3)))
    (tmp_path / "ids.txt").write_text("\n".join(ids))
    values = tiny(train={"epochs": 1}).model_dump(mode="json")
    values["items"] = {"kind": "text", "source": str(file)}
    config = latentrec.RunConfig.model_validate(values)
    fit(config, tmp_path / "run")
    file.unlink()
    assert len(list(fit(config, tmp_path / "run", resume=True))) == 1
