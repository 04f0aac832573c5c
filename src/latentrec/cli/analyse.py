"""`latentrec analyse`: questions to trained runs, answered by figures, tables and JSON."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, assert_never

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
    ROBUSTNESS = "robustness"
    EFFICIENCY = "efficiency"


def analyse(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run.")],
    questions: Annotated[
        list[Question] | None, typer.Argument(help="What to ask; by default everything.")
    ] = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option(help="A further run for robustness and efficiency; repeatable."),
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Attention: the test case of this user alone.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the answers; by default RUN/analysis (last: analysis-last)."),
    ] = None,
    sample: Annotated[
        int, typer.Option(min=0, help="Test cases to look at, drawn with a fixed seed; 0 for all.")
    ] = 2000,
    checkpoint: Annotated[str, typer.Option(help="best or last.")] = "best",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Look into trained models: ceiling, diversity, identities, attention, robustness, cost."""
    from latentrec.analyse.finding import write
    from latentrec.analyse.subject import check_same_cases, distinct_names, subject_of
    from latentrec.errors import ConfigError
    from latentrec.report.analyses import FOLDER, note_weights
    from latentrec.run import load
    from latentrec.run.folder import weights_hash

    if user is not None and questions and Question.ATTENTION not in questions:
        raise ConfigError(f"--user {user}: is for attention alone; ask for it too, or leave it out")
    if beside and questions and not set(questions) & {Question.ROBUSTNESS, Question.EFFICIENCY}:
        raise ConfigError(
            f"--beside {beside[0]}: is for robustness and efficiency; ask for one of them too, or "
            "leave it out"
        )
    weights = weights_hash(run)  # before anything is loaded: the run may be training
    loaded = [load(each, mark=checkpoint, device=device) for each in (run, *(beside or ()))]
    subjects = distinct_names([subject_of(each, sample=sample or None) for each in loaded])
    check_same_cases(subjects)
    folder = out or run / (FOLDER if checkpoint == "best" else f"{FOLDER}-{checkpoint}")
    for question in questions or list(Question):
        try:
            finding = _answer(question, subjects, user)
        except ConfigError as error:
            if questions or (user is not None and question is Question.ATTENTION):
                raise  # it was asked for
            print(f"left out: {error}\n", flush=True)  # everything was asked: what can be answered
            continue
        paths = write(finding, folder)
        if checkpoint == "best" and folder == run / FOLDER:
            note_weights(run, finding.name, weights)  # reports show it while these are the best
        print(f"{finding.to_markdown()}\nwritten: {', '.join(map(str, paths))}\n", flush=True)


def _answer(question: Question, subjects: "list[Subject]", user: str | None) -> "Finding":
    from latentrec.analyse.attention import attention
    from latentrec.analyse.ceiling import ceiling
    from latentrec.analyse.diversity import diversity
    from latentrec.analyse.efficiency import efficiency
    from latentrec.analyse.identities import identities
    from latentrec.analyse.robustness import robustness

    match question:
        case Question.CEILING:
            return ceiling(subjects[0])
        case Question.DIVERSITY:
            return diversity(subjects[0])
        case Question.IDENTITIES:
            return identities(subjects[0])
        case Question.ATTENTION:
            return attention(subjects[0], user=user)
        case Question.ROBUSTNESS:
            return robustness(subjects)
        case Question.EFFICIENCY:
            return efficiency(subjects)
        case _:
            assert_never(question)
