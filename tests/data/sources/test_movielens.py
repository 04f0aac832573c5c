"""MovieLens in its three file forms; titles are Latin-1 or UTF-8, genres may be absent."""

from pathlib import Path

import pytest

from latentrec.config import FilesConfig
from latentrec.data.interactions import read_interactions
from latentrec.errors import DataError

FORMS: dict[str, dict[str, bytes]] = {
    "dat, Latin-1": {
        "ratings.dat": b"1::10::5::978300760\n1::20::3::978302109\n2::10::4::978301968\n",
        "movies.dat": "10::Les Misérables (1995)::Drama|Musical\n20::A::Comedy\n".encode("latin-1"),
    },
    "dat, UTF-8": {
        "ratings.dat": b"1::10::5::978300760\n1::20::3::978302109\n2::10::4::978301968\n",
        "movies.dat": "10::Les Misérables (1995)::Drama|Musical\n20::A::Comedy\n".encode(),
    },
    "csv": {
        "ratings.csv": b"userId,movieId,rating,timestamp\n1,10,5.0,978300760\n1,20,3.0,978302109\n"
        b"2,10,4.0,978301968\n",
        "movies.csv": 'movieId,title,genres\n10,"Les Misérables (1995)",Drama|Musical\n'
        "20,A,(no genres listed)\n".encode(),
    },
    "u.data": {
        "u.data": b"1\t10\t5\t978300760\n1\t20\t3\t978302109\n2\t10\t4\t978301968\n",
        "u.item": ("10|Les Misérables (1995)|" + "|" * 21 + "\n20|A|" + "|" * 21).encode("latin-1"),
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_found_and_read(tmp_path: Path, form: str) -> None:
    for name, content in FORMS[form].items():
        (tmp_path / name).write_bytes(content)
    log = read_interactions(FilesConfig(path=str(tmp_path)))
    assert log.frame.rows() == [
        ("1", "10", 978300760000, 5.0),
        ("1", "20", 978302109000, 3.0),
        ("2", "10", 978301968000, 4.0),
    ]
    assert log.report.found.startswith("MovieLens")
    assert log.items is not None
    assert log.items.frame["title"].to_list() == ["Les Misérables (1995)", "A"]
    if form == "csv":
        assert log.items.frame["categories"].to_list() == [["Drama", "Musical"], []]


def test_movies_are_optional_and_ratings_are_not(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_bytes(FORMS["dat, UTF-8"]["ratings.dat"])
    log = read_interactions(FilesConfig(path=str(tmp_path / "ratings.dat")))
    assert log.items is None
    (tmp_path / "ratings.dat").rename(tmp_path / "other.dat")
    with pytest.raises(DataError, match="no MovieLens ratings file"):
        read_interactions(FilesConfig(path=str(tmp_path), format="movielens"))


def test_a_bad_row_is_named(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_bytes(b"1::10::5::978300760\n1::20::3\n")
    with pytest.raises(DataError, match=r"ratings.dat:2: the line .* must have 4 fields, has 3"):
        read_interactions(FilesConfig(path=str(tmp_path)))
