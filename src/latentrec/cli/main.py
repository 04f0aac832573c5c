"""The `latentrec` command: its sub-commands together, errors as one line and an exit code."""

import os
import sys
import traceback
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

import latentrec
from latentrec.cli import data
from latentrec.cli.analyse import analyse
from latentrec.cli.blend import blend
from latentrec.cli.compare import compare
from latentrec.cli.demo import demo
from latentrec.cli.doctor import doctor
from latentrec.cli.evaluate import evaluate
from latentrec.cli.experiment import experiment
from latentrec.cli.export import export
from latentrec.cli.fit import fit
from latentrec.cli.index import index
from latentrec.cli.paper import paper
from latentrec.cli.post_train import post_train
from latentrec.cli.pretrain import pretrain
from latentrec.cli.recommend import recommend
from latentrec.cli.report import report
from latentrec.cli.serve import serve
from latentrec.cli.study import study
from latentrec.cli.tune import tune
from latentrec.errors import LatentrecError

LONGEST_ERROR: Final = 2000
"""Most characters of an error line."""
EXIT_ERROR: Final = 2
"""Exit code when input, configuration or a file is wrong."""
EXIT_INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells use it."""
EXIT_PIPE_CLOSED: Final = 141
"""Exit code when the reader of our output went away, as shells use it."""


class _Commands(TyperGroup):
    """A command group that reports expected errors in one line."""

    # The context class differs between typer versions, hence Any.
    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command; raises `typer.Exit` with the exit code of an expected error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _drop_output()
            raise typer.Exit(EXIT_PIPE_CLOSED) from None
        except (LatentrecError, OSError) as error:
            if ctx.params.get("traceback"):
                traceback.print_exc()
            print(error_line(error), file=sys.stderr)
            raise typer.Exit(EXIT_ERROR) from None
        except KeyboardInterrupt:
            print(_interrupted(ctx.invoked_subcommand), file=sys.stderr)
            raise typer.Exit(EXIT_INTERRUPTED) from None


app = typer.Typer(
    name="latentrec",
    cls=_Commands,
    help="Sequential recommendation with latent reasoning, from an interaction log to a list.",
    epilog="Start with `latentrec demo`; it needs no data and takes about two minutes.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"latentrec {latentrec.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    traceback: Annotated[
        bool,
        typer.Option(
            "--traceback", envvar="LATENTREC_TRACEBACK", help="Show where an error came from."
        ),
    ] = False,
) -> None:
    """Sequential recommendation with latent reasoning, from an interaction log to a list."""


app.command()(demo)
app.add_typer(data.app, name="data")
app.command()(fit)
app.command()(pretrain)
app.command()(post_train)
app.command()(blend)
app.command()(evaluate)
app.command()(compare)
app.command()(analyse)
app.command()(report)
app.command()(recommend)
app.command()(serve)
app.command()(export)
app.command()(index)
app.command()(experiment)
app.command()(study)
app.command()(tune)
app.command()(paper)
app.command()(doctor)


def main() -> None:
    """Entry point of the console script; always ends with `SystemExit`.

    Exit codes: 0 done; 1 a bug in latentrec (with traceback); 2 wrong input, configuration or
    file; 130 interrupted; 141 the reader of our output went away.
    """
    try:
        app()
    except SystemExit as done:
        sys.exit(_flushed(done.code))


def error_line(error: BaseException) -> str:
    r"""An error as one printable line of at most `LONGEST_ERROR` characters.

    Example:
        >>> error_line(LatentrecError("table\n  broken\x1b[31m"))
        'error: table broken [31m'
    """
    printable = "".join(c if c.isprintable() else " " for c in str(error))
    text = " ".join(printable.split()) or type(error).__name__
    line = f"error: {text}"
    return line if len(line) <= LONGEST_ERROR else line[: LONGEST_ERROR - 4] + " ..."


def _interrupted(command: str | None) -> str:
    if command in ("fit", "pretrain"):
        return "interrupted: the same command with --resume continues after the last finished epoch"
    if command == "post-train":
        return "interrupted: `latentrec fit --resume --run OUT` continues after the last epoch"
    if command in ("experiment", "study", "tune", "paper"):
        return "interrupted: the same command goes on where it stopped"
    if command == "recommend":
        return "interrupted; with Parquet files, the same command goes on after the last block"
    return "interrupted"


def _flushed(code: Any) -> Any:
    """Flush the output before the interpreter does, where a closed pipe would print a traceback."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        return EXIT_PIPE_CLOSED
    return code


def _drop_output() -> None:
    """Send what is still buffered nowhere: the reader has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
