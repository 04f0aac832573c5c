"""ItemSearch: items by words of their title, and items that hold given values of fields."""

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np

from latentrec.data.catalogue import Catalogue, CategoricalField
from latentrec.errors import ConfigError
from latentrec.index import FIRST_ITEM


@final
class ItemSearch:
    """Looks items up; made once a run.

    Args:
        catalogue: The items.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._fields = {field.name: field for field in catalogue.fields}
        titles = catalogue.titles
        self._texts = [f"{titles.get(i, '')} {i}".casefold() for i in catalogue.index.all_ids]

    @property
    def fields(self) -> Mapping[str, CategoricalField]:
        """The fields by name."""
        return self._fields

    def search(self, query: str, limit: int) -> tuple[list[str], int]:
        """Items whose title or id holds every word of a query, and how many there are.

        Args:
            query: Words or parts of words; empty finds all.
            limit: Most items to return; the order is that of the item ids.
        """
        words = query.casefold().split()
        ids = self._catalogue.index.all_ids
        found = [
            i for i, text in zip(ids, self._texts, strict=True) if all(w in text for w in words)
        ]
        return found[:limit], len(found)

    def title(self, item_id: str) -> str | None:
        """The title of an item, if it has one."""
        return self._catalogue.titles.get(item_id)

    def values(self, item_id: str) -> dict[str, list[str]]:
        """The values of an item in each field."""
        row = self._catalogue.index.index(item_id)
        found: dict[str, list[str]] = {}
        for name, field in self._fields.items():
            codes = field.codes[field.offsets[row] : field.offsets[row + 1]]
            found[name] = [field.values[code] for code in codes]
        return found

    def matching(self, filters: Mapping[str, Sequence[str]]) -> list[str]:
        """Items that hold, in every named field, at least one of its given values.

        Raises:
            ConfigError: If there is no such field or value.
        """
        keep = np.ones(self._catalogue.index.size, dtype=bool)
        keep[:FIRST_ITEM] = False
        for name, values in filters.items():
            if name not in self._fields:
                known = ", ".join(self._fields) or "none"
                raise ConfigError(f"no such field; the fields of this run are: {known}")
            keep &= _holds(self._fields[name], values)
        return self._catalogue.index.item_ids(np.flatnonzero(keep).tolist())


def _holds(field: CategoricalField, values: Sequence[str]) -> np.ndarray:
    """True for each item index that holds one of the values, shape (N,)."""
    places = {value: code for code, value in enumerate(field.values)}
    unknown = [value for value in values if value not in places]
    if unknown:
        raise ConfigError(f"field {field.name}: {len(unknown)} of the values occur with no item")
    wanted = np.isin(field.codes, [places[value] for value in values])
    counts = np.concatenate([np.zeros(1, np.int64), np.cumsum(wanted)])
    return counts[field.offsets[1:]] > counts[field.offsets[:-1]]
