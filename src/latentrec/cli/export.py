"""`latentrec export`: a run as ONNX graphs, with its parity and what INT8 costs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from latentrec.export import Exported
    from latentrec.run import Run


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run.")],
    out: Annotated[Path, typer.Option(help="Folder to write; must not exist.")],
    format: Annotated[str, typer.Option(help="onnx.")] = "onnx",
    top_k: Annotated[int, typer.Option(help="Length of each list, unless a caller asks.")] = 20,
    int8: Annotated[bool, typer.Option("--int8", help="Weights in 8 bits.")] = False,
    streams: Annotated[
        int | None, typer.Option(help="Reason in so many streams only; as trained if left out.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Reason for so many steps only; 0 means not at all.")
    ] = None,
) -> None:
    """Export a run to ONNX: history to scores, and history to the best items, on any machine."""
    from latentrec.errors import ConfigError
    from latentrec.model.reasoner.effort import Effort
    from latentrec.run import load

    if format != "onnx":
        raise ConfigError(f"format '{format}': must be onnx")
    try:
        from latentrec.export import export as write
    except ImportError as error:
        raise ConfigError(
            f"export: the package {error.name} is missing; pip install 'latentrec[onnx]'"
        ) from None
    loaded = load(run, device="cpu").limited(Effort(streams, steps))
    done = write(loaded, out, top_k=top_k, int8=int8)
    _describe(done)
    if int8:
        _print_quality(loaded, done)


def _describe(done: "Exported") -> None:
    manifest = done.manifest
    print(f"{manifest.model}, {manifest.weights}, opset {manifest.opset}: {done.folder}")
    for name, each in manifest.graphs.items():
        inputs, outputs = (_names(each[side]) for side in ("inputs", "outputs"))
        print(f"  {name}: {inputs} -> {outputs}")
    size = f"{done.bytes / 1e6:,.1f} MB, {manifest.items:,} items"
    print(f"  {size}; histories up to {manifest.longest} items, older ones are to be cut off")
    print(f"  largest difference from torch: {manifest.parity:.1e} of the largest score")
    if manifest.weights == "int8":
        print(f"  {manifest.quantised_nodes} matrix products in 8 bits")


def _names(values: "list[dict[str, list[str | int]]]") -> str:
    return ", ".join(f"{v['name']}{v['shape']}".replace("'", "") for v in values)


def _print_quality(run: "Run", done: "Exported") -> None:
    """What the smaller weights cost on the run's validation cases, if its data are at hand."""
    from latentrec.errors import LatentrecError
    from latentrec.export import load_exported
    from latentrec.export.quality import quality
    from latentrec.run.run import prepared_data

    try:
        found = quality(run, load_exported(done.folder), prepared_data(run))
    except (LatentrecError, OSError) as error:
        print(f"  what it costs in quality was not measured: {error}")
        return
    print(
        f"  NDCG@10 on {found.cases:,} validation cases: {found.exported:.4f}, in float32 "
        f"{found.run:.4f}"
    )
