"""From a configuration to a checked dataset and its report: read, filter, split, index."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np
import polars as pl

from latentrec.config import DataConfig, FilesConfig, SplitConfig
from latentrec.data.dataset import SequenceDataset
from latentrec.data.filters import count_repeats, filter_interactions
from latentrec.data.interactions import Interactions, read_interactions
from latentrec.data.leaks import check_leaks
from latentrec.data.report import DataReport, FilterReport, ItemReport, SplitReport
from latentrec.data.split import build_dataset, split
from latentrec.data.synthetic import synthetic
from latentrec.errors import DataError


@final
@dataclass(frozen=True)
class Prepared:
    """A dataset and the report of how it came about."""

    dataset: SequenceDataset
    report: DataReport


def prepare(data: DataConfig, how: SplitConfig, bad_rows_dir: Path | None = None) -> Prepared:
    """Read, filter, split and check a data set.

    Args:
        data: Files, or synthetic data.
        how: The split.
        bad_rows_dir: Where `bad_rows.csv` goes with `bad_rows = "report"`; default: the current
            directory.

    Raises:
        DataError: If the data break a rule.
    """
    if isinstance(data, FilesConfig):
        found, filtered = filter_interactions(read_interactions(data, bad_rows_dir), data)
    else:
        found = synthetic(data)
        filtered = count_repeats(found, FilterReport())
    return prepare_interactions(found, how, filtered)


def prepare_interactions(
    interactions: Interactions, how: SplitConfig, filtered: FilterReport | None = None
) -> Prepared:
    """Split and check interactions that are already in memory.

    Args:
        interactions: From `read_interactions`, `interactions_from_frame` or `synthetic`.
        how: The split.
        filtered: What filters took out before; default: nothing.

    Raises:
        DataError: If a part of the split comes out empty or without a case, or the check finds a
            leak.
    """
    parts = split(interactions, how)
    if filtered and filtered.rules:
        parts = replace(parts, protocol=f"{parts.protocol}; of the log {filtered.rules}")
    dataset, split_report = build_dataset(interactions, parts)
    _check_cases(split_report)
    check_leaks(dataset, parts.moments)
    frame = interactions.frame
    report = DataReport(
        read=interactions.report,
        filtered=filtered or count_repeats(interactions, FilterReport()),
        users=dataset.users,
        items=frame["item_id"].n_unique(),
        interactions=len(frame),
        first_time=frame.select(pl.col("timestamp").min()).item(),
        last_time=frame.select(pl.col("timestamp").max()).item(),
        split=split_report,
        item_table=_item_report(interactions, dataset),
        fingerprint=fingerprint(dataset),
    )
    return Prepared(dataset, report)


def _check_cases(report: SplitReport) -> None:
    """Raise where all users of a part are new: without a history there is nothing to rank after."""
    for name, cases in (("validation", report.valid), ("test", report.test)):
        if not cases.cases:
            raise DataError(
                f"split: the {name} part has no case: none of its {cases.empty_histories} "
                f"interactions comes after an item that training has ({report.protocol}); choose "
                "another split, or earlier moments"
            )


def _item_report(interactions: Interactions, dataset: SequenceDataset) -> ItemReport | None:
    table = interactions.items
    if table is None:
        return None
    in_train = len(dataset.index)
    used = int((dataset.index.indices(table.frame["item_id"]) >= 0).sum())
    return ItemReport(
        rows=table.rows,
        duplicates=table.duplicates,
        unused=len(table.frame) - used,
        missing=in_train - used,
        untitled=in_train - len(dataset.catalogue.titles),
        fields=tuple(table.fields),
    )


def fingerprint(dataset: SequenceDataset) -> str:
    """SHA-256 of the arrays, the index and the item fields: equal data give an equal one."""
    digest = hashlib.sha256(dataset.index.fingerprint.encode())
    digest.update("\0".join(dataset.user_ids.tolist()).encode())
    cases = [(part.users, part.ends, part.targets) for part in (dataset.valid, dataset.test)]
    arrays = [dataset.items, dataset.timestamps, dataset.offsets, dataset.train_ends]
    arrays += [array for part in cases for array in part]
    for field in dataset.catalogue.fields:
        digest.update("\0".join([field.name, *field.values]).encode())
        arrays += [field.codes, field.offsets]
    for array in arrays:
        plain = np.ascontiguousarray(array)
        digest.update(f"{plain.dtype.str}{plain.shape}".encode())
        digest.update(plain.tobytes())
    return digest.hexdigest()
