"""Examples: a few test users, what they had, what they are recommended, and what came next."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from latentrec.data.dataset import Cases, SequenceDataset
from latentrec.errors import LatentrecError
from latentrec.index import UNKNOWN
from latentrec.recommend import Recommendations
from latentrec.report.html import Child, e, section
from latentrec.run.run import Run, load, prepared_data

SHOWN_HISTORY = 8
"""Last items of a history that are shown."""
TOP_K = 5
"""Items of a list that are shown."""


def examples(run_folder: Path, count: int) -> Element:
    """Lists for some test cases, evenly spread over all; the reason where they cannot be made.

    Args:
        run_folder: Folder of the run; its data are read again.
        count: Number of cases.
    """
    try:
        run = load(run_folder)
        dataset = prepared_data(run).dataset
    except LatentrecError as error:
        return section(
            "Examples", e("p", f"None, since the run or its data cannot be read: {error}")
        )
    cases = _spread(dataset.test, count)
    histories = dataset.histories(cases)
    ids = [run.index.item_ids(histories[row].tolist()) for row in range(len(cases))]
    hidden = run.config.evaluate.exclude_seen
    found = run.recommend(ids, top_k=TOP_K, exclude_seen=hidden)
    drawn = [_example(run, dataset, cases, row, ids[row], found[row]) for row in range(len(cases))]
    return section(
        "Examples",
        e("p", f"{len(cases)} test cases, evenly spread over all of them; nobody chose them. "
          + ("Items of the history are hidden." if hidden else "No item is hidden."),
          class_="soft"),
        *drawn,
    )  # fmt: skip


def _spread(cases: Cases, count: int) -> Cases:
    rows = np.unique(np.linspace(0, len(cases) - 1, count).astype(np.int64))
    return Cases(cases.users[rows], cases.ends[rows], cases.targets[rows], cases.timestamps[rows])


def _example(
    run: Run,
    dataset: SequenceDataset,
    cases: Cases,
    row: int,
    history: Sequence[str],
    found: Recommendations,
) -> Element:
    titles = dataset.catalogue.titles

    def titled(item_id: str) -> str:
        return titles.get(item_id, item_id)

    target = int(cases.targets[row])
    came = None if target == UNKNOWN else run.index.item_ids([target])[0]
    past = [titled(item_id) for item_id in history[-SHOWN_HISTORY:]]
    more = f"last {len(past)} of {len(history)} items, oldest first"
    hit = " (recommended)" if came in found.item_ids else " (not in the list)"
    return e(
        "article",
        e("h3", f"User {dataset.user_ids[cases.users[row]]}"),
        e("p", e("span", f"{more}: ", class_="soft"), " → ".join(past)),
        e("p", e("span", "recommended:", class_="soft")),
        e("ol", *(_listed(titled(item_id), item_id == came) for item_id in found.item_ids)),
        e("p", e("span", "what came next: ", class_="soft"),
          "an item that training never saw" if came is None else titled(came) + hit),
    )  # fmt: skip


def _listed(title: str, hit: bool) -> Child:
    return e("li", e("span", f"{title} ✓", class_="hit")) if hit else e("li", title)
