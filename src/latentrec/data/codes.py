"""Ids to whole numbers: distinct ids in sorted order, and each row's place among them."""

import numpy as np
import numpy.typing as npt
import polars as pl


def id_codes(ids: pl.Series) -> tuple[pl.Series, npt.NDArray[np.int64]]:
    """Distinct ids, sorted, and the place of each row's id among them, shape (n,).

    Example:
        >>> distinct, codes = id_codes(pl.Series(["b", "a", "b"]))
        >>> distinct.to_list(), codes.tolist()
        (['a', 'b'], [1, 0, 1])
    """
    distinct = ids.unique().sort()
    return distinct, ids.cast(pl.Enum(distinct)).to_physical().to_numpy().astype(np.int64)
