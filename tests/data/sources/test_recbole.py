"""RecBole atomic files, and UniSRec's prefix rows that must chain back to whole sequences."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentrec.config import FilesConfig
from latentrec.data.interactions import Interactions, read_interactions
from latentrec.errors import DataError

INTER = (
    "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    '1\ta"b\t5\t881250949\n1\tc\t3\t881250950\n'
)
ITEM = (
    'item_id:token\tmovie_title:token_seq\tclass:token_seq\na"b\tThe "Net\tAction Drama\nc\tC\t\n'
)


def test_atomic_files(tmp_path: Path) -> None:
    (tmp_path / "toy.inter").write_text(INTER)
    (tmp_path / "toy.item").write_text(ITEM)
    log = read_interactions(FilesConfig(path=str(tmp_path)))
    assert log.frame.rows() == [("1", 'a"b', 881250949000, 5.0), ("1", "c", 881250950000, 3.0)]
    assert log.items is not None
    assert log.items.frame.rows() == [('a"b', 'The "Net', ["Action", "Drama"]), ("c", "C", [])]


def test_benchmark_files_keep_their_parts(tmp_path: Path) -> None:
    head, *rows = INTER.splitlines()
    for part in ("train", "valid", "test"):
        (tmp_path / f"toy.{part}.inter").write_text("\n".join([head, rows[0]]))
    log = read_interactions(FilesConfig(path=str(tmp_path)))
    assert log.frame["part"].to_list() == ["train", "valid", "test"]
    (tmp_path / "toy.valid.inter").unlink()
    with pytest.raises(DataError, match="is missing beside the other parts"):
        read_interactions(FilesConfig(path=str(tmp_path)))


def test_two_data_sets_in_one_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "toy.inter").write_text(INTER)
    (tmp_path / "other.inter").write_text(INTER)
    with pytest.raises(DataError, match="holds: other, toy"):
        read_interactions(FilesConfig(path=str(tmp_path)))
    assert len(read_interactions(FilesConfig(path=str(tmp_path / "toy.inter"))).frame) == 2


HEAD = "user_id:token\titem_id_list:token_seq\titem_id:token\n"


def write_prefixes(
    folder: Path, sequences: list[list[int]], longest: int, shrinking: bool
) -> FilesConfig:
    rows: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for user, sequence in enumerate(sequences):
        places = list(range(1, len(sequence)))
        for place in reversed(places) if shrinking else places:
            part = {0: "test", 1: "valid"}.get(len(sequence) - 1 - place, "train")
            history = " ".join(map(str, sequence[max(0, place - longest) : place]))
            rows[part].append(f"{user}\t{history}\t{sequence[place]}")
    for part, lines in rows.items():
        (folder / f"toy.{part}.inter").write_text(HEAD + "\n".join(lines))
    names = [f"n{item}\t{item}" for item in range(10)]
    (folder / "toy.item2index").write_text("\n".join(names))
    texts = [f"n{item}\ttext of {item}" for item in range(10)]
    (folder / "toy.text").write_text("item_id:token\ttext:token_seq\n" + "\n".join(texts))
    return FilesConfig(path=str(folder))


def sequences_of(log: Interactions) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(len(log.offsets) - 1)]
    for user, item, place in log.frame.select("user_id", "item_id", "timestamp").rows():
        assert place == len(found[int(user)])
        found[int(user)].append(int(item[1:]))
    return found


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=12), min_size=2, max_size=9),
    st.integers(2, 6),
    st.booleans(),
)
def test_prefix_rows_give_the_sequences_back(
    tmp_path_factory: pytest.TempPathFactory,
    sequences: list[list[int]],
    longest: int,
    shrinking: bool,
) -> None:
    folder = tmp_path_factory.mktemp("prefixes")
    log = read_interactions(write_prefixes(folder, sequences, longest, shrinking))
    assert sequences_of(log) == sequences
    assert log.report.time_unit == "position"
    ends = {"train": 2, "valid": 1, "test": 1}
    parts = log.frame.group_by("user_id", "part").len()
    for _, part, count in parts.rows():
        assert count >= ends[part]
    assert log.items is not None
    assert log.items.frame["title"][0] == "text of 0"


def test_a_row_that_does_not_chain_is_bad(tmp_path: Path) -> None:
    config = write_prefixes(tmp_path, [[1, 2, 3, 4, 5]] * 2, 50, shrinking=True)
    file = tmp_path / "toy.valid.inter"
    file.write_text(file.read_text().replace("1\t1 2 3\t4", "1\t1 9 3\t4"))
    with pytest.raises(DataError, match=r"toy\.valid\.inter:3: history='1 9 3' must continue"):
        read_interactions(config)


def test_an_item_number_without_a_name_is_refused(tmp_path: Path) -> None:
    config = write_prefixes(tmp_path, [[1, 2, 3, 42]] * 2, 50, shrinking=False)
    with pytest.raises(DataError, match="no name for item number '42'"):
        read_interactions(config)
