"""`latentrec recommend`: the best items after given histories, for users never seen before."""

import json
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from latentrec.recommend import Recommendations
    from latentrec.run import Run

PARQUET = ".parquet"
BATCH = 1024
"""Histories that are read, scored and written together."""


def recommend(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run.")],
    history: Annotated[
        str | None, typer.Option(help="Item ids, oldest first, with commas between them.")
    ] = None,
    input: Annotated[
        Path | None,
        typer.Option(
            help='JSON lines: a list of ids, or {"user_id": .., "history": [..]}; - for stdin. '
            "Or a Parquet file with columns history (lists) and perhaps user_id."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="File for the answers, .parquet if the input is; default: printed."),
    ] = None,
    long: Annotated[
        bool, typer.Option("--long", help="Parquet: a row an item in place of a row a history.")
    ] = False,
    top_k: Annotated[int, typer.Option(help="Length of each list.")] = 10,
    exclude_seen: Annotated[bool, typer.Option(help="Leave out the items of the history.")] = True,
    allow: Annotated[
        Path | None, typer.Option(help="File of item ids, one a line: recommend only these.")
    ] = None,
    deny: Annotated[
        Path | None, typer.Option(help="File of item ids, one a line: never recommend these.")
    ] = None,
    streams: Annotated[
        int | None, typer.Option(help="Reason in so many streams only; as trained if left out.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Reason for so many steps only; 0 means not at all.")
    ] = None,
    exit_threshold: Annotated[
        float, typer.Option(help="PLR: stop early once a step moves the state by less than this.")
    ] = 0.0,
    new_items: Annotated[
        Path | None,
        typer.Option(help="Item table of further items, by their texts (text models only)."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Recommend items after one history, or after many from a file."""
    from latentrec.errors import ConfigError
    from latentrec.model.reasoner.effort import Effort
    from latentrec.run import load

    if (history is None) == (input is None):
        raise ConfigError('give either --history "id1,id2" or --input FILE')
    loaded = load(run, device=device)
    if new_items is not None:
        from latentrec.run.new_items import check_can_grow, read_new_items

        check_can_grow(loaded.config)
        loaded = loaded.with_new_items(read_new_items(new_items, loaded.config))
    loaded = loaded.limited(Effort(streams, steps, exit_threshold))
    knobs: dict[str, Any] = {
        "top_k": top_k,
        "exclude_seen": exclude_seen,
        "allow": _ids(allow) if allow else None,
        "deny": _ids(deny) if deny else (),
    }
    if history is not None:
        ids = [text.strip() for text in history.split(",") if text.strip()]
        print_list(loaded, loaded.recommend([ids], **knobs)[0])
        return
    source = cast("Path", input)
    if source.suffix == PARQUET:
        spent = {"streams": streams, "steps": steps, "exit_threshold": exit_threshold}
        _score(loaded, source, output, long, knobs, spent)
        return
    _stream(loaded, source, output, knobs)


def print_list(run: "Run", found: "Recommendations") -> None:
    """Print one list of recommendations with scores and titles."""
    if found.unknown_items:
        unknown = ", ".join(found.unknown_items)
        print(f"not in the catalogue, not read: {unknown}", file=sys.stderr)
    if found.source != run.ranker.name:
        print(f"no known item in the history: this is by {found.source}", file=sys.stderr)
    if not found.item_ids:
        print(
            "nothing left to recommend: every item is seen, denied or not allowed", file=sys.stderr
        )
    width = max((len(item_id) for item_id in found.item_ids), default=0)
    for place, (item_id, score) in enumerate(zip(found.item_ids, found.scores, strict=True), 1):
        title = run.catalogue.titles.get(item_id, "")
        print(f"{place:3d}  {item_id:{width}}  {score:9.4f}  {title}".rstrip())


def _score(
    run: "Run",
    source: Path,
    output: Path | None,
    long: bool,
    knobs: dict[str, Any],
    spent: dict[str, Any],
) -> None:
    """Score a Parquet file; the same command goes on where one was interrupted."""
    from latentrec.cli.offline import show
    from latentrec.errors import ConfigError
    from latentrec.offline import Job, score_file
    from latentrec.run.folder import weights_hash

    if output is None or output.suffix != PARQUET:
        raise ConfigError(f"--output {output}: must be a {PARQUET} file, as --input is one")
    weights = {"weights_sha256": weights_hash(run.folder), "items": run.index.fingerprint}
    if run.partner is not None:
        weights["blend"] = f"{run.ranker.name}: {run.partner.settings}"
    job = Job(source, output, "long" if long else "lists", weights | knobs | spent)
    show(job, score_file(job, lambda histories: run.recommend(histories, **knobs)))


def _stream(run: "Run", source: Path, output: Path | None, knobs: dict[str, Any]) -> None:
    """Read, score and write histories in batches; the file appears whole or not at all."""
    lines = _histories(source)
    if output is None:
        for line in _answers(run, lines, knobs):
            print(line)
        return
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in _answers(run, lines, knobs))
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _answers(
    run: "Run", lines: Iterator[tuple[Any, list[str]]], knobs: dict[str, Any]
) -> Iterator[str]:
    while batch := list(islice(lines, BATCH)):
        found = run.recommend([history for _, history in batch], **knobs)
        for (user_id, _), answer in zip(batch, found, strict=True):
            yield json.dumps(_answer(user_id, answer), ensure_ascii=False)


def _answer(user_id: Any, found: "Recommendations") -> dict[str, Any]:
    return {
        **({} if user_id is None else {"user_id": user_id}),
        "item_ids": found.item_ids,
        "scores": found.scores,
        "unknown_items": found.unknown_items,
        "source": found.source,
    }


def _histories(source: Path) -> Iterator[tuple[Any, list[str]]]:
    """User id (or None) and history of each line.

    Raises:
        DataError: With file and line, if a line is no history.
    """
    from latentrec.data.text import reason
    from latentrec.errors import DataError

    name = "standard input" if str(source) == "-" else str(source)
    try:
        stream = sys.stdin if str(source) == "-" else source.open(encoding="utf-8-sig")
        with stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield _history(f"{name}, line {number}", line)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{name}: not readable ({reason(error)})") from None


def _history(place: str, line: str) -> tuple[Any, list[str]]:
    from latentrec.errors import DataError

    try:
        value: Any = json.loads(line)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair cannot be written
    except (ValueError, RecursionError):
        raise DataError(f"{place}: not JSON; each line must be a list of item ids") from None
    user_id = value.get("user_id") if isinstance(value, dict) else None
    ids: Any = value.get("history") if isinstance(value, dict) else value
    if not isinstance(ids, list) or not all(isinstance(i, str) for i in cast("list[Any]", ids)):
        raise DataError(
            f'{place}: must be a list of item ids (texts), or {{"history": [..]}} with such a list'
        )
    return user_id, cast("list[str]", ids)


def _ids(path: Path) -> Sequence[str]:
    from latentrec.data.text import reason
    from latentrec.errors import DataError

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable ({reason(error)})") from None
    return [line.strip() for line in text.split("\n") if line.strip()]
