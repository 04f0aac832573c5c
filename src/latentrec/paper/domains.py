"""Domains: which of the paper's three Amazon categories a folder holds, or any log as a sample."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, final

from latentrec.errors import DataError

ENDINGS: Final = (".train.csv", ".train.csv.gz", ".jsonl", ".jsonl.gz", ".csv", ".csv.gz")
"""How a category's file goes on behind its name: the official split, or raw reviews."""


@final
@dataclass(frozen=True)
class Domain:
    """One data set of the paper's section 6.

    Attributes:
        name: What the paper calls it.
        folder: Name of its folder among the results.
        path: File or folder of the log; None for the embedded synthetic users.
        beside: The category whose published figures stand beside ours.
        settings: Settings `section.key=value` of its runs.
        sample: Whether the data are any log, not the category.
        sensitivity: Whether it has the figures of section 6.4 and 6.5.
        ablation: Whether it has the ablation, Table 3.
    """

    name: str
    folder: str
    path: Path | None
    beside: str
    settings: tuple[str, ...] = ()
    sample: bool = False
    sensitivity: bool = True
    ablation: bool = True


AMAZON: Final = "data.format=amazon-2023"
"""What a file of raw reviews does not tell by its name."""
CATEGORIES: Final = {
    "CDs_and_Vinyl": Domain("CDs & Vinyl", "cds", None, "CDs & Vinyl", (AMAZON,)),
    "Movies_and_TV": Domain(
        "Movies & TV", "movies", None, "Movies & TV", (AMAZON,), sensitivity=False, ablation=False
    ),
    "Video_Games": Domain(
        "Video & Games",
        "games",
        None,
        "Video & Games",
        (AMAZON, "data.min_user_interactions=5"),
        sensitivity=False,
    ),
}
"""The categories by the name of their files.

Differs: The paper says that users of Video & Games have at least 10 interactions, but prints 8.04 a
user; 5 is what ReaRec keeps there (docs/adr/0048).
"""


def find_domains(folder: Path) -> list[Domain]:
    """The paper's categories in a folder, each by its file there or in a folder of its name.

    Raises:
        DataError: If there is none.
    """
    found: list[Domain] = []
    for category, domain in CATEGORIES.items():
        places = [
            place / f"{category}{ending}"
            for place in (folder, folder / category)
            for ending in ENDINGS
        ]
        file = next((place for place in places if place.is_file()), None)
        if file is not None:
            found.append(replace(domain, path=file))
    if not found:
        raise DataError(
            f"{folder}: holds none of {', '.join(f'{name}.train.csv' for name in CATEGORIES)} (nor "
            ".jsonl, packed, or in a folder of that name); get them with `latentrec data "
            "download`, or take any log with --sample"
        )
    return found


def sample_domain(log: Path | None) -> Domain:
    """Any log, or the embedded synthetic users, beside the paper's CDs & Vinyl."""
    name = "synthetic users" if log is None else _name(log)
    settings = ("data.users=1000",) if log is None else ()
    return Domain(name, "sample", log, "CDs & Vinyl", settings, sample=True)


def _name(log: Path) -> str:
    """What a log is called: its file without endings, or its folder."""
    name = log.resolve().name
    return name if log.is_dir() else Path(name.removesuffix(".gz")).stem
