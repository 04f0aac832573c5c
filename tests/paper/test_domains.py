"""The paper's categories are found where people put the files; nothing else is taken for one."""

import gzip
import json
from pathlib import Path

import pytest

from latentrec.data.prepare import prepare
from latentrec.errors import DataError
from latentrec.experiment import cells
from latentrec.paper.domains import CATEGORIES, find_domains, sample_domain
from latentrec.paper.plan import Scale, experiment_of
from latentrec.paper.published import published

LATER = (1_640_000_000_000, 1_670_000_000_000)
"""One moment in the paper's months of validation, one in those of the test."""


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_files_side_by_side_or_in_folders_of_their_own(tmp_path: Path) -> None:
    cds = touch(tmp_path / "CDs_and_Vinyl.train.csv.gz")
    games = touch(tmp_path / "Video_Games" / "Video_Games.jsonl")
    touch(tmp_path / "Books.train.csv")
    found = find_domains(tmp_path)
    assert [(domain.name, domain.path) for domain in found] == [
        ("CDs & Vinyl", cds),
        ("Video & Games", games),
    ]
    assert "data.min_user_interactions=5" in found[1].settings


def test_a_folder_without_them_says_what_is_wanted(tmp_path: Path) -> None:
    touch(tmp_path / "Books.train.csv")
    with pytest.raises(DataError, match=r"holds none of CDs_and_Vinyl\.train\.csv.*--sample"):
        find_domains(tmp_path)


def test_every_domain_has_published_numbers_beside_it() -> None:
    paper = published()
    for domain in (*CATEGORIES.values(), sample_domain(None)):
        assert domain.beside in paper.quality
        assert domain.beside in paper.statistics
        assert not domain.ablation or domain.beside in paper.ablation


def test_a_sample_without_a_log_is_small_and_with_one_is_all_of_it(tmp_path: Path) -> None:
    assert sample_domain(None).settings == ("data.users=1000",)
    assert sample_domain(tmp_path / "log.csv").settings == ()


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("log.csv.gz", "log"),
        ("CDs & Vinyl.csv", "CDs & Vinyl"),
        ("ml-1.5", "ml-1.5"),
        (".", "here"),
    ],
)
def test_a_sample_is_called_after_its_log_and_is_never_the_papers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, name: str
) -> None:
    (tmp_path / "here" / "ml-1.5").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    found = sample_domain(Path(place))
    assert (found.name, found.sample) == (name, True)
    assert not any(domain.sample for domain in CATEGORIES.values())


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".csv"])
def test_raw_reviews_are_read(tmp_path: Path, ending: str) -> None:
    """Their names tell nothing: `parent_asin` is the item in these files alone."""
    reviews = [
        {"user_id": f"u{u}", "parent_asin": f"i{(u + t) % 12}", "rating": 5.0, "timestamp": when}
        for u in range(12)
        for t, when in enumerate([*range(1_500_000_000_000, 1_500_000_000_012), *LATER])
    ]
    lines = [json.dumps(review) for review in reviews]
    if ending == ".csv":
        lines = [",".join(reviews[0]), *(",".join(map(str, x.values())) for x in reviews)]
    text = ("\n".join(lines) + "\n").encode()
    path = tmp_path / f"Video_Games{ending}"
    path.write_bytes(gzip.compress(text) if ending.endswith(".gz") else text)
    (domain,) = find_domains(tmp_path)
    config = cells(experiment_of(Scale.SMALL, domain), tmp_path, data=domain.path)[0].config
    assert len(prepare(config.data, config.split).dataset.items) == len(reviews)
