"""The text of an item: its title, categories and store."""

from collections.abc import Iterator, Sequence

import numpy as np

from latentrec.data.catalogue import Catalogue, CategoricalField
from latentrec.index import FIRST_ITEM

TEXT_FIELDS = ("categories", "store")
"""Fields whose values belong to the text of an item, in this order."""


def item_texts(catalogue: Catalogue) -> list[str]:
    """The text of every real item in the order of item indices; empty where nothing is known.

    Example:
        >>> from latentrec.index import ItemIndex
        >>> item_texts(Catalogue(ItemIndex(["a", "b"]), titles={"b": "Kind of Blue"}))
        ['', 'Kind of Blue']
    """
    known = {field.name: field for field in catalogue.fields}
    fields = [known[name] for name in TEXT_FIELDS if name in known]
    return [
        " ".join([catalogue.titles.get(item, ""), *_values(fields, FIRST_ITEM + place)]).strip()
        for place, item in enumerate(catalogue.index.all_ids)
    ]


def _values(fields: list[CategoricalField], index: int) -> Iterator[str]:
    for field in fields:
        for code in field.codes[field.offsets[index] : field.offsets[index + 1]]:
            yield field.values[code]


def drop_words(texts: Sequence[str], share: float, seed: int) -> list[str]:
    """The texts with each word left out by the given chance, the same ones for the same seed.

    Example:
        >>> drop_words(["a b", "c"], 0.0, seed=0)
        ['a b', 'c']
    """
    rng = np.random.default_rng(seed)
    split = [text.split() for text in texts]
    return [
        " ".join(w for w, kept in zip(words, rng.random(len(words)) >= share, strict=True) if kept)
        for words in split
    ]
