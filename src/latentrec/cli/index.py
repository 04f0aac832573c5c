"""`latentrec index`: an item index beside a run, with its recall and its speed."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from latentrec.approximate import ApproximateRun

TRIED = 1000
"""Histories on which an index is tried."""


def index(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run.")],
    kind: Annotated[str, typer.Option(help="flat (exact), hnsw or ivf.")] = "hnsw",
    effort: Annotated[
        int | None, typer.Option(help="Items (hnsw) or cells (ivf) that a search looks at.")
    ] = None,
    top_k: Annotated[int, typer.Option(help="List length of the measured recall.")] = 20,
) -> None:
    """Make an index over a run's items, for large catalogues."""
    from latentrec.errors import ConfigError
    from latentrec.run import load

    try:
        from latentrec.approximate import ApproximateRun, build_vectors, save_vectors
    except ImportError as error:
        raise ConfigError(
            f"index: the package {error.name} is missing; pip install 'latentrec[ann]'"
        ) from None
    loaded = load(run, device="cpu")
    approximate = ApproximateRun(loaded, build_vectors(loaded, kind, effort))
    measured = _measured(approximate, top_k)
    folder = save_vectors(approximate, measured)
    looks = f", looks at {approximate.vectors.effort}" if approximate.vectors.effort else ""
    print(f"{kind} index over {len(loaded.index):,} items{looks}: {folder}")
    print(f"  recall@{top_k} against the exact lists: {measured['recall']:.4f}")
    print(
        f"  a list after {measured['histories']:.0f} drawn histories, alone: "
        f"{measured['ms']:.2f} ms, exact {measured['exact_ms']:.2f} ms (model included)"
    )


def _measured(approximate: "ApproximateRun", top_k: int) -> dict[str, float]:
    """Recall on drawn histories, and the mean time of one list alone, both ways."""
    from latentrec.approximate import drawn, recall

    run, rows = approximate.run, drawn(approximate.run, TRIED)
    asked = [run.index.item_ids(row) for row in rows[:50]]
    times: list[float] = []
    for way in (approximate, run):
        way.recommend(asked[:1], top_k=top_k)  # the first call allocates
        begun = time.perf_counter()
        for history in asked:
            way.recommend([history], top_k=top_k)
        times.append(1000 * (time.perf_counter() - begun) / len(asked))
    found = recall(approximate, rows, top_k)
    return {"recall": found, "top_k": top_k, "histories": len(rows), "ms": times[0]} | {
        "exact_ms": times[1]
    }
