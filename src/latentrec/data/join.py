"""Several catalogues or data sets as one: item ids stay distinct, item indices are made anew."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from latentrec.data.catalogue import Catalogue, CategoricalField, categorical_field
from latentrec.data.dataset import Cases, Int32s, SequenceDataset
from latentrec.index import FIRST_ITEM, MASK, PAD, UNKNOWN, ItemIndex


def join_catalogues(parts: Sequence[Catalogue]) -> tuple[Catalogue, list[Int32s]]:
    """One catalogue of all items, and for each part the new item index of each of its own.

    Text vectors are joined where every part has them; the vectoriser is that of the first part.

    Raises:
        DataError: If two parts hold the same item id.
    """
    index = ItemIndex([item_id for part in parts for item_id in part.index.all_ids])
    places = [
        np.concatenate([np.array([PAD, MASK], np.int32), index.indices(part.index.all_ids)])
        for part in parts
    ]
    titles = {item_id: title for part in parts for item_id, title in part.titles.items()}
    names = list(dict.fromkeys(field.name for part in parts for field in part.fields))
    fields = tuple(_joined_field(name, parts, index) for name in names)
    joined = Catalogue(index, titles, fields, _joined_text(parts, places), parts[0].vectoriser)
    return joined, places


def _joined_field(name: str, parts: Sequence[Catalogue], index: ItemIndex) -> CategoricalField:
    """The field with the values of every part; none for items of a part without it."""
    known: dict[str, list[str]] = {}
    for part in parts:
        for field in part.fields:
            if field.name == name:
                known |= zip(part.index.all_ids, field.lists(), strict=True)
    lists = [known.get(item_id, []) for item_id in index.all_ids]
    return categorical_field(pl.Series(name, lists, dtype=pl.List(pl.String)))


def _joined_text(parts: Sequence[Catalogue], places: Sequence[Int32s]) -> np.ndarray | None:
    texts = [part.text for part in parts if part.text is not None]
    if len(texts) < len(parts):
        return None
    rows = sum(len(place) - FIRST_ITEM for place in places) + FIRST_ITEM
    text = np.zeros((rows, texts[0].shape[1]), dtype=np.float32)
    for place, part in zip(places, texts, strict=True):
        text[place] = part
    return text


def join_datasets(domains: Mapping[str, SequenceDataset]) -> SequenceDataset:
    """All users of several domains over the items of all, each under the name of its domain.

    Item `i` of domain `d` becomes `d/i`, and so do users: domains share no item and no user.

    Args:
        domains: Data sets by name; no name may hold `/`.
    """
    sets = list(domains.values())
    catalogue, places = join_catalogues(
        [_named(name, data.catalogue) for name, data in domains.items()]
    )
    starts = np.cumsum([0, *(len(data.items) for data in sets)])
    first_users = np.cumsum([0, *(data.users for data in sets)])
    users = [f"{name}/{user}" for name, data in domains.items() for user in data.user_ids]
    return SequenceDataset(
        index=catalogue.index,
        catalogue=catalogue,
        user_ids=np.array(users, dtype=np.str_),
        items=np.concatenate([p[data.items] for p, data in zip(places, sets, strict=True)]),
        timestamps=np.concatenate([data.timestamps for data in sets]),
        offsets=np.concatenate(
            [[0], *(data.offsets[1:] + at for data, at in zip(sets, starts, strict=False))]
        ),
        train_ends=np.concatenate(
            [data.train_ends + at for data, at in zip(sets, starts, strict=False)]
        ),
        valid=_joined_cases([data.valid for data in sets], places, starts, first_users),
        test=_joined_cases([data.test for data in sets], places, starts, first_users),
        protocol="; ".join(f"{name}: {data.protocol}" for name, data in domains.items()),
    )


def _named(name: str, catalogue: Catalogue) -> Catalogue:
    """The catalogue with the domain's name before every id; a common prefix keeps the order."""
    index = ItemIndex([f"{name}/{item_id}" for item_id in catalogue.index.all_ids])
    titles = {f"{name}/{item_id}": title for item_id, title in catalogue.titles.items()}
    return replace(catalogue, index=index, titles=titles)


def _joined_cases(
    parts: Sequence[Cases],
    places: Sequence[Int32s],
    starts: np.ndarray,
    first_users: np.ndarray,
) -> Cases:
    targets = [
        np.where(part.targets == UNKNOWN, UNKNOWN, place[part.targets])
        for part, place in zip(parts, places, strict=True)
    ]
    return Cases(
        users=np.concatenate([p.users + u for p, u in zip(parts, first_users, strict=False)]),
        ends=np.concatenate([p.ends + at for p, at in zip(parts, starts, strict=False)]),
        targets=np.concatenate(targets).astype(np.int32),
        timestamps=np.concatenate([part.timestamps for part in parts]),
    )
