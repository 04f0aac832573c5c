"""Joining: every item, user and case of a domain is found again among those of all."""

import numpy as np
import polars as pl
import pytest

from latentrec.config import LeaveOneOutConfig, SyntheticConfig
from latentrec.data.catalogue import Catalogue, categorical_field
from latentrec.data.dataset import Cases, SequenceDataset
from latentrec.data.join import join_catalogues, join_datasets
from latentrec.data.prepare import prepare
from latentrec.errors import DataError
from latentrec.index import UNKNOWN, ItemIndex


def field(name: str, *lists: list[str]) -> object:
    return categorical_field(pl.Series(name, lists, dtype=pl.List(pl.String)))


def test_catalogues_by_hand() -> None:
    """Ids are sorted over both; fields that one part lacks are empty there."""
    text = np.arange(8, dtype=np.float32).reshape(4, 2)
    one = Catalogue(ItemIndex(["b", "d"]), {"b": "Bee"}, (field("store", ["s"], []),), text)
    two = Catalogue(ItemIndex(["a", "c"]), {"c": "Cee"}, (field("tag", ["t", "u"], ["u"]),), -text)
    joined, places = join_catalogues([one, two])
    assert list(joined.index.all_ids) == ["a", "b", "c", "d"]
    assert [place.tolist() for place in places] == [[0, 1, 3, 5], [0, 1, 2, 4]]
    assert joined.titles == {"b": "Bee", "c": "Cee"}
    assert {f.name: f.lists() for f in joined.fields} == {
        "store": [[], ["s"], [], []],
        "tag": [["t", "u"], [], ["u"], []],
    }
    assert joined.text is not None
    assert joined.text[2:].tolist() == [[-4, -5], [4, 5], [-6, -7], [6, 7]]


def test_an_item_of_two_catalogues_is_refused() -> None:
    with pytest.raises(DataError, match="occurs twice"):
        join_catalogues([Catalogue(ItemIndex(["a"])), Catalogue(ItemIndex(["a"]))])


def cases_of(data: SequenceDataset, part: Cases) -> list[tuple[str, list[str], str]]:
    """User, history and target of each case, as ids."""
    histories = data.histories(part)
    return [
        (
            str(data.user_ids[part.users[row]]),
            data.index.item_ids(histories[row].tolist()),
            "?" if part.targets[row] == UNKNOWN else data.index.item_ids([part.targets[row]])[0],
        )
        for row in range(len(part))
    ]


def test_data_sets_keep_their_histories_and_cases() -> None:
    domains = {
        name: prepare(
            SyntheticConfig(users=9, items=items, interests=3, interests_per_user=2, seed=seed),
            LeaveOneOutConfig(),
        ).dataset
        for name, items, seed in (("z", 30, 1), ("a", 24, 2))
    }
    joined = join_datasets(domains)
    for part in ("valid", "test"):
        expected = [
            (f"{name}/{user}", [f"{name}/{i}" for i in history], "?" if t == "?" else f"{name}/{t}")
            for name, data in domains.items()
            for user, history, t in cases_of(data, getattr(data, part))
        ]
        assert cases_of(joined, getattr(joined, part)) == expected
    train = [h for data in domains.values() for h in map(len, data.train())]
    assert [len(history) for history in joined.train()] == train
    assert joined.users == 18
    assert joined.timestamps.tolist() == [t for d in domains.values() for t in d.timestamps]
    assert len(joined.catalogue.titles) == len(joined.index)
