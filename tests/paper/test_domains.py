"""The paper's categories are found where people put the files; nothing else is taken for one."""

from pathlib import Path

import pytest

from latentrec.errors import DataError
from latentrec.paper.domains import CATEGORIES, find_domains, sample_domain
from latentrec.paper.published import published


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
    assert found[1].settings == ("data.min_user_interactions=5",)


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
