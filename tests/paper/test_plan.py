"""Every scale must hold the 15 methods of Table 2 and studies that change one thing each."""

from pathlib import Path

import pytest

from latentrec.errors import ConfigError
from latentrec.experiment import cells
from latentrec.experiment.studies import GRIDS, PARTS
from latentrec.paper.domains import CATEGORIES, Domain, sample_domain
from latentrec.paper.plan import WHOLE, Scale, experiment_of
from latentrec.paper.published import published

CDS = CATEGORIES["CDs_and_Vinyl"]


def domain_of(scale: Scale) -> Domain:
    return sample_domain(None) if scale is Scale.SAMPLE else CDS


@pytest.mark.parametrize("scale", Scale)
def test_the_methods_are_those_of_the_paper(scale: Scale, tmp_path: Path) -> None:
    domain = domain_of(scale)
    experiment = experiment_of(scale, domain)
    path = None if scale is Scale.SAMPLE else tmp_path
    todo = {cell.row: cell.config for cell in cells(experiment, tmp_path, data=path)}
    assert list(todo)[:15] == list(published().quality["CDs & Vinyl"])
    for row, config in list(todo.items())[:15]:
        backbone, _, reasoner = row.partition("+")
        assert config.reasoner.kind == (reasoner or "none")
        assert config.items.kind == ("text" if backbone == "unisrec" else "id")
        assert config.encoder.kind == ("bert4rec" if backbone == "bert4rec" else "sasrec")
        assert config.train.monitor == "ndcg@10"
        assert config.split.kind == "time"
        assert not config.evaluate.exclude_seen


@pytest.mark.parametrize("scale", Scale)
def test_a_study_row_changes_one_thing_of_plr(scale: Scale, tmp_path: Path) -> None:
    domain = domain_of(scale)
    path = None if scale is Scale.SAMPLE else tmp_path
    todo = {x.row: x.config for x in cells(experiment_of(scale, domain), tmp_path, data=path)}
    whole = todo[WHOLE].model_dump()
    for row in list(todo)[15:]:
        other = todo[row].model_dump()
        changed = [
            f"{part}.{key}"
            for part in ("data", "split", "items", "encoder", "reasoner", "train", "evaluate")
            for key in whole[part]
            if whole[part][key] != other[part].get(key)
        ]
        axis = row.partition("=")[0]
        wanted = {PARTS[row].partition("=")[0]} if row in PARTS else set(GRIDS[axis][0])
        assert changed, row
        assert set(changed) <= wanted, row


def test_the_paper_scale_tries_all_values_of_the_paper() -> None:
    rows = {row.name for row in experiment_of(Scale.PAPER, CDS).rows} | {
        "streams=2", "steps=2", "kl_weight=0.1", "dropout=0.3",
    }  # fmt: skip
    wanted = {f"{axis}={value:g}" for axis, (_, values) in GRIDS.items() for value in values}
    assert wanted <= rows


def test_a_part_can_be_chosen() -> None:
    domain = sample_domain(None)
    only = experiment_of(Scale.SAMPLE, domain, backbones=["unisrec"], seeds=[3, 4])
    assert [row.name for row in only.rows] == [
        "unisrec", "unisrec+erl", "unisrec+prl", "unisrec+lares", "unisrec+plr",
    ]  # fmt: skip
    assert only.seeds == (3, 4)
    with pytest.raises(ConfigError, match="--backbone gru4rec: must be one of sasrec"):
        experiment_of(Scale.SAMPLE, domain, backbones=["gru4rec"])


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("tfidf", "tfidf"),
        ("BAAI/bge-base-en-v1.5", "model:BAAI/bge-base-en-v1.5"),
        ("model:BAAI/bge-base-en-v1.5", "model:BAAI/bge-base-en-v1.5"),
        ("v.npy", "{here}/v.npy"),
        ("my model", "model:{here}/my model"),
    ],
)
def test_text_vectors_are_a_model_or_a_file_from_wherever_it_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, source: str
) -> None:
    (tmp_path / "my model").mkdir()
    monkeypatch.chdir(tmp_path)
    of = experiment_of(Scale.SAMPLE, sample_domain(None), backbones=["unisrec"], text=text)
    sources = {cell.config.items.model_dump()["source"] for cell in cells(of, tmp_path)}
    assert sources == {source.format(here=tmp_path.resolve())}


def test_the_games_keep_users_with_five(tmp_path: Path) -> None:
    games = CATEGORIES["Video_Games"]
    config = cells(experiment_of(Scale.SMALL, games), tmp_path, data=tmp_path)[0].config
    assert config.data.model_dump()["min_user_interactions"] == 5
