"""`latentrec analyse`: questions to a trained run, answered by figures, tables and JSON."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from latentrec.analyse.finding import Finding
    from latentrec.analyse.subject import Subject


class Question(StrEnum):
    """What can be asked."""

    CEILING = "ceiling"
    DIVERSITY = "diversity"
    IDENTITIES = "identities"
    ATTENTION = "attention"


def analyse(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run.")],
    questions: Annotated[
        list[Question] | None, typer.Argument(help="What to ask; by default everything.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the answers; by default RUN/analysis.")
    ] = None,
    sample: Annotated[int, typer.Option(help="Test cases to look at; 0 for all.")] = 2000,
    checkpoint: Annotated[str, typer.Option(help="best or last.")] = "best",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Look into a trained model: ceilings, diversity, identities, attention, robustness, cost."""
    from latentrec.analyse.finding import write
    from latentrec.analyse.subject import subject_of
    from latentrec.run import load

    subject = subject_of(load(run, mark=checkpoint, device=device), sample=sample or None)
    for question in questions or list(Question):
        finding = _answer(question)(subject)
        paths = write(finding, out or run / "analysis")
        print(f"{finding.to_markdown()}\n{', '.join(map(str, paths))}\n", flush=True)


def _answer(question: Question) -> "Callable[[Subject], Finding]":
    from latentrec.analyse.attention import attention
    from latentrec.analyse.ceiling import ceiling
    from latentrec.analyse.diversity import diversity
    from latentrec.analyse.identities import identities

    match question:
        case Question.CEILING:
            return ceiling
        case Question.DIVERSITY:
            return diversity
        case Question.IDENTITIES:
            return identities
        case Question.ATTENTION:
            return attention
