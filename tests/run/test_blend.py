"""Blending a run: a run of its own that ranks with a baseline, its weight from validation."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import latentrec
from latentrec.blending import WEIGHTS, Blend
from latentrec.errors import CheckpointError, ConfigError
from latentrec.evaluate.baselines import fit_linked, validation_score
from latentrec.export.export import export
from latentrec.run import Run, blend, evaluate_run, fit, load
from latentrec.run.run import prepared_data

WANTED = {"resamples": 20, "baselines": ["popularity", "markov"]}


@pytest.fixture(scope="module")
def sources(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of one model."""
    folder = tmp_path_factory.mktemp("sources")
    for seed in (0, 1):
        config = tiny(train={"epochs": 2, "seed": seed}, evaluate=WANTED)
        list(fit(config, folder / f"plr-s{seed}"))
    return folder


@pytest.fixture(scope="module")
def blended(sources: Path) -> Run:
    return blend(sources / "plr-s0", sources / "both-s0", partner="markov")


def test_the_weight_is_the_best_on_validation(sources: Path, blended: Run) -> None:
    dataset = prepared_data(blended).dataset
    model = load(sources / "plr-s0").scorer
    links = fit_linked("markov", dataset, exclude_seen=False).links
    found = {
        weight: validation_score(Blend(model, links, weight, ""), dataset, exclude_seen=False)
        for weight in WEIGHTS
    }
    assert blended.partner is not None
    assert found[blended.partner.weight] == max(found.values())
    assert blended.partner.settings.startswith(f"weight={blended.partner.weight:g}, decay=")


def test_the_best_partner_is_taken_unless_one_is_named(sources: Path, tmp_path: Path) -> None:
    run = blend(sources / "plr-s0", tmp_path / "best")
    dataset = prepared_data(run).dataset
    scores = {
        name: validation_score(
            blend(sources / "plr-s0", tmp_path / name, partner=name).ranker,
            dataset,
            exclude_seen=False,
        )
        for name in ("markov", "item-knn", "ease")
    }
    assert run.config.blend is not None
    assert scores[run.config.blend.partner] == max(scores.values())


def test_it_is_judged_beside_its_model_alone(sources: Path, blended: Run) -> None:
    found = evaluate_run(blended)
    names = ["popularity", "markov", "sasrec+plr", "sasrec+plr+markov"]
    assert [each.scorer for each in found] == names
    alone = evaluate_run(load(sources / "plr-s0"))[-1]
    assert found[2].ranks.tolist() == alone.ranks.tolist()
    assert any("tuned on validation: weight=" in note for note in found[-1].notes)


def test_it_needs_the_old_folder_no_more(sources: Path, blended: Run, tmp_path: Path) -> None:
    shutil.copytree(sources / "both-s0", tmp_path / "moved")
    moved = latentrec.load(tmp_path / "moved")
    histories = [["i01", "i02", "i03"], ["i30"], ["nothing known"]]
    assert moved.recommend(histories) == blended.recommend(histories)
    sources_of = [found.source for found in moved.recommend(histories)]
    assert sources_of == ["sasrec+plr+markov", "sasrec+plr+markov", "popularity"]


def test_less_thinking_keeps_the_partner(blended: Run) -> None:
    few = blended.limited(latentrec.Effort(streams=1, steps=1))
    assert few.partner is blended.partner
    assert few.recommend([["i01", "i02"]])[0].source == "sasrec+plr+markov"


def test_seeds_of_a_blend_are_one_row_and_so_are_those_of_its_model(
    sources: Path, blended: Run
) -> None:
    blend(sources / "plr-s1", sources / "both-s1", partner="markov")
    found = latentrec.compare([sources / "both-s0", sources / "both-s1"], baseline="markov")
    assert [(row.name, row.seeds) for row in found.rows] == [
        ("popularity", 1), ("markov", 1), ("sasrec+plr", 2), ("both", 2)
    ]  # fmt: skip


def test_models_of_two_blends_are_two_rows_unless_they_are_one_method(
    tiny: Any, sources: Path, blended: Run, tmp_path: Path
) -> None:
    """Both are called sasrec+plr, and their mean would be nobody's."""
    config = tiny(train={"epochs": 2}, encoder={"dim": 16}, evaluate=WANTED)
    list(fit(config, tmp_path / "run"))
    blend(tmp_path / "run", tmp_path / "wide", partner="markov")
    found = latentrec.compare([blended.folder, tmp_path / "wide"])
    assert [(row.name, row.seeds) for row in found.rows[2:]] == [
        ("sasrec+plr of both-s0", 1), ("sasrec+plr of wide", 1), ("both-s0", 1), ("wide", 1)
    ]  # fmt: skip
    blend(sources / "plr-s1", tmp_path / "knn", partner="item-knn")
    found = latentrec.compare([blended.folder, tmp_path / "knn"])
    assert [(row.name, row.seeds) for row in found.rows[2:3]] == [("sasrec+plr", 2)]


def test_what_cannot_be_blended_is_refused(sources: Path, blended: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is blended with markov already"):
        blend(blended.folder, tmp_path / "twice")
    with pytest.raises(ConfigError, match="holds a run already"):
        blend(sources / "plr-s0", sources / "plr-s1")
    with pytest.raises(CheckpointError, match="no run there"):
        blend(tmp_path / "nothing", tmp_path / "new")


def test_a_catalogue_that_ease_cannot_take_is_refused(tiny: Any, tmp_path: Path) -> None:
    config = tiny(train={"epochs": 1}, evaluate={"ease_items": 10})
    list(fit(config, tmp_path / "run"))
    with pytest.raises(ConfigError, match=r"at most 10 are allowed .* markov or item-knn"):
        blend(tmp_path / "run", tmp_path / "new", partner="ease")
    best = blend(tmp_path / "run", tmp_path / "new")  # of those that are left
    assert best.config.blend is not None
    assert best.config.blend.partner != "ease"


def test_a_blend_is_neither_trained_nor_exported(blended: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a blend is not trained"):
        fit(blended.config, blended.folder, resume=True)
    with pytest.raises(ConfigError, match="a blend is not trained"):
        fit(blended.config, tmp_path / "new")
    with pytest.raises(ConfigError, match="export: can hold the model alone"):
        export(blended, tmp_path / "onnx")


def test_a_changed_partner_is_refused(sources: Path, blended: Run, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(blended.folder, tmp_path / "changed"))
    file = folder / "partner.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        load(folder)
