"""`latentrec data`: look at a log, turn it into Parquet, download a public one."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

if TYPE_CHECKING:
    import polars as pl

    from latentrec.config import FilesConfig, SplitConfig
    from latentrec.data.interactions import Interactions
    from latentrec.data.report import DataReport

app = typer.Typer(help="Look at, prepare and download interaction logs.", no_args_is_help=True)
downloads = typer.Typer(help="Download a public data set.", no_args_is_help=True)
app.add_typer(downloads, name="download")

SourcePath: TypeAlias = Annotated[Path, typer.Argument(help="Log file, or folder of a data set.")]
Format: TypeAlias = Annotated[
    Literal["auto", "table", "movielens", "amazon-2023", "recbole"],
    typer.Option(help="Which reader; auto looks at the file names."),
]
Items: TypeAlias = Annotated[
    Path | None, typer.Option(help="Item table; found by itself beside a known log.")
]
UserColumn: TypeAlias = Annotated[str, typer.Option(help="Column of the user id.")]
ItemColumn: TypeAlias = Annotated[str, typer.Option(help="Column of the item id.")]
TimeColumn: TypeAlias = Annotated[str, typer.Option(help="Column of the time.")]
RatingColumn: TypeAlias = Annotated[str, typer.Option(help="Column of the rating.")]
MoreField: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="Further categorical column of the item table; repeatable.")
]
TimeUnit: TypeAlias = Annotated[
    Literal["auto", "s", "ms", "us", "iso"], typer.Option(help="Unit of the time column.")
]
RatingAbove: TypeAlias = Annotated[
    float | None, typer.Option(help="Keep only interactions rated above this.")
]
MinUser: TypeAlias = Annotated[int, typer.Option(min=0, help="Drop users with fewer interactions.")]
MinItem: TypeAlias = Annotated[int, typer.Option(min=0, help="Drop items with fewer interactions.")]
Duplicates: TypeAlias = Annotated[
    Literal["first", "keep", "error"], typer.Option(help="Rows equal in user, item and time.")
]
Repeats: TypeAlias = Annotated[
    Literal["keep", "first", "last"], typer.Option(help="Same user and item at other times.")
]
BadRows: TypeAlias = Annotated[
    Literal["fail", "report"],
    typer.Option(help="Rows that break a rule: refuse the data, or list them in bad_rows.csv."),
]
SplitName: TypeAlias = Annotated[
    Literal["leave-one-out", "time", "given"], typer.Option("--split", help="Which split.")
]
ValidFrom: TypeAlias = Annotated[
    str | None, typer.Option(help="Time split: first moment of validation.")
]
TestFrom: TypeAlias = Annotated[
    str | None, typer.Option(help="Time split: first moment of the test.")
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]
Folder: TypeAlias = Annotated[Path, typer.Option("--to", help="Folder to write to.")]
MaxGb: TypeAlias = Annotated[float, typer.Option(min=0.001, help="Largest file to accept, in GB.")]


@app.command()
def inspect(
    path: SourcePath,
    format: Format = "auto",
    items: Items = None,
    user_column: UserColumn = "user_id",
    item_column: ItemColumn = "item_id",
    time_column: TimeColumn = "timestamp",
    rating_column: RatingColumn = "rating",
    more_field: MoreField = None,
    time_unit: TimeUnit = "auto",
    rating_above: RatingAbove = None,
    min_user_interactions: MinUser = 0,
    min_item_interactions: MinItem = 0,
    duplicates: Duplicates = "first",
    repeats: Repeats = "keep",
    bad_rows: BadRows = "fail",
    split: SplitName = "leave-one-out",
    valid_from: ValidFrom = None,
    test_from: TestFrom = None,
    as_json: AsJson = False,
) -> None:
    """Read, filter and split a log, and print what was found; writes nothing but bad rows."""
    config, how = _configs(dict(locals()))
    _print(_prepared(config, how, None, as_json)[1], as_json)


@app.command("prepare")
def prepare_files(
    path: SourcePath,
    to: Folder,
    format: Format = "auto",
    items: Items = None,
    user_column: UserColumn = "user_id",
    item_column: ItemColumn = "item_id",
    time_column: TimeColumn = "timestamp",
    rating_column: RatingColumn = "rating",
    more_field: MoreField = None,
    time_unit: TimeUnit = "auto",
    rating_above: RatingAbove = None,
    min_user_interactions: MinUser = 0,
    min_item_interactions: MinItem = 0,
    duplicates: Duplicates = "first",
    repeats: Repeats = "keep",
    bad_rows: BadRows = "fail",
    split: SplitName = "leave-one-out",
    valid_from: ValidFrom = None,
    test_from: TestFrom = None,
    as_json: AsJson = False,
) -> None:
    """Read and filter a log and write interactions.parquet, items.parquet and report.json."""
    config, how = _configs(dict(locals()))
    found, report = _prepared(config, how, to, as_json)
    to.mkdir(parents=True, exist_ok=True)
    _write_parquet(found.frame, to / "interactions.parquet")
    if found.items is not None:
        _write_parquet(found.items.frame, to / "items.parquet")
    _write_text(json.dumps(report.to_dict(), indent=2), to / "report.json")
    _print(report, as_json)


@downloads.command("amazon-2023")
def download_amazon_2023(
    category: Annotated[str, typer.Option(help="As the data set spells it, like All_Beauty.")],
    to: Folder,
    kind: Annotated[
        Literal["5core", "raw"], typer.Option(help="The official 5-core split, or all reviews.")
    ] = "5core",
    max_gb: MaxGb = 20.0,
    base_url: Annotated[
        str | None, typer.Option(help="Another server with the same files.")
    ] = None,
) -> None:
    """Amazon Reviews 2023 (McAuley Lab, UC San Diego); see its terms before you use it."""
    from latentrec.data.sources.download import AMAZON_URL, download_amazon

    download_amazon(category, kind, to, int(max_gb * 1e9), print, base_url or AMAZON_URL)


@downloads.command("movielens")
def download_movielens_archive(
    name: Annotated[
        Literal["ml-100k", "ml-1m", "ml-10m", "ml-20m", "ml-latest-small"],
        typer.Option(help="Which MovieLens data set."),
    ],
    to: Folder,
    max_gb: MaxGb = 20.0,
    base_url: Annotated[
        str | None, typer.Option(help="Another server with the same files.")
    ] = None,
) -> None:
    """MovieLens (GroupLens, University of Minnesota); see its terms before you use it."""
    from latentrec.data.sources.download import MOVIELENS_URL, download_movielens

    download_movielens(name, to, int(max_gb * 1e9), print, base_url or MOVIELENS_URL)


def _configs(given: dict[str, Any]) -> "tuple[FilesConfig, SplitConfig]":
    """The configuration of the data and of the split from a command's options."""
    from latentrec.config import FilesConfig
    from latentrec.configure import parse_config

    options = {name: given[name] for name in FilesConfig.model_fields if name in given}
    items = given["items"]
    data = options | {
        "kind": "files",
        "path": str(given["path"]),
        "items_path": None if items is None else str(items),
        "more_fields": tuple(given["more_field"] or ()),
    }
    how = {"kind": given["split"]}
    moments = {name: given[name] for name in ("valid_from", "test_from") if given[name] is not None}
    run = parse_config({"data": data, "split": how | moments})
    if not isinstance(run.data, FilesConfig):
        raise AssertionError("kind is 'files'")
    return run.data, run.split


def _prepared(
    config: "FilesConfig", how: "SplitConfig", folder: Path | None, as_json: bool
) -> "tuple[Interactions, DataReport]":
    """What was read and filtered, and the report; its first part is printed if the rest fails.

    Args:
        config: Files, columns and rules.
        how: The split.
        folder: Where `bad_rows.csv` goes; None for the current directory.
        as_json: Whether standard output is for JSON only.
    """
    from latentrec.data.filters import filter_interactions
    from latentrec.data.interactions import read_interactions
    from latentrec.data.prepare import prepare_interactions
    from latentrec.errors import DataError

    found = read_interactions(config, folder)
    lines = found.report.lines()
    try:
        found, filtered = filter_interactions(found, config)
        lines += filtered.lines()
        return found, prepare_interactions(found, how, filtered).report
    except DataError:
        print("\n".join(lines), file=sys.stderr if as_json else sys.stdout)
        raise


def _print(report: "DataReport", as_json: bool) -> None:
    print(json.dumps(report.to_dict(), indent=2) if as_json else "\n".join(report.lines()))


def _write_parquet(frame: "pl.DataFrame", path: Path) -> None:
    part = path.with_name(path.name + ".part")
    frame.write_parquet(part)
    part.replace(path)


def _write_text(text: str, path: Path) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(path)
