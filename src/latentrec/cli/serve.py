"""`latentrec serve`: recommendations, reasons and events over HTTP."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

if TYPE_CHECKING:
    from latentrec.serve.settings import Engine


def serve(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run, or a link to one.")],
    against: Annotated[
        Path | None, typer.Option(help="A second run for an A/B test, split by user id.")
    ] = None,
    share: Annotated[float, typer.Option(help="Share of the users for the second run.")] = 0.5,
    store: Annotated[
        str | None,
        typer.Option(
            envvar="LATENTREC_STORE", help="History store: a file (SQLite), or redis://HOST:PORT."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; any but a local one needs LATENTREC_TOKEN.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at; 0 takes a free one.")] = 8000,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "cpu",
    engine: Annotated[
        str, typer.Option(help="torch; or onnx: starts later, answers faster (CPU only).")
    ] = "torch",
    queue: Annotated[int, typer.Option(help="Most histories that wait; then 429.")] = 1024,
    timeout_s: Annotated[float, typer.Option(help="Longest wait for an answer, in seconds.")] = 10,
) -> None:
    """Serve a run over HTTP; the token is read from LATENTREC_TOKEN."""
    from latentrec.errors import ConfigError

    try:
        from latentrec.serve.server import run as start
        from latentrec.serve.settings import TOKEN_VARIABLE, Settings
    except ImportError as error:
        raise ConfigError(
            f"serve: the package {error.name} is missing; pip install 'latentrec[serve]'"
        ) from None
    token = os.environ.get(TOKEN_VARIABLE)
    start(
        Settings(
            run=run,
            against=against,
            share=share,
            store=store,
            token=token,
            host=host,
            port=port,
            device=device,
            engine=cast("Engine", engine),
            queue=queue,
            timeout_s=timeout_s,
        )
    )
