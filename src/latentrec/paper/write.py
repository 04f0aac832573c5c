"""Write: the findings of all domains as files, and one Markdown and one HTML page over them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from latentrec.analyse.finding import Finding
from latentrec.report.analyses import analysis
from latentrec.report.html import e, page, section
from latentrec.train.atomic import write_text

TITLES: Final = {
    "table-1": "Table 1: the data",
    "table-2": "Table 2: every method",
    "sensitivity": "Figure 2: sensitivity",
    "table-3": "Table 3: ablation",
    "robustness": "Figure 3: robustness",
    "figure-4": "Figure 4: ceiling",
    "table-4": "Table 4: cost",
    "attention": "Figure 5: attention",
}
"""What each finding is in the paper, by its name."""


def write_pages(out: Path, found: Mapping[str, tuple[Path, Sequence[Finding]]]) -> list[Path]:
    """Write paper.md and paper.html from findings whose own files are written.

    Args:
        out: Folder of the pages.
        found: By name of the domain: the folder of its findings' files, and the findings.
    """
    text = [f"# {_TITLE}", _READ]
    body = [e("h1", _TITLE), e("p", _READ)]
    for domain, (folder, findings) in found.items():
        text.append(f"## {domain}")
        parts = [e("h2", domain)]
        for finding in findings:
            stem, title = folder / finding.name, TITLES[finding.name]
            drawing = stem.with_suffix(".png").relative_to(out).as_posix()
            text += [f"### {title}", f"![{title}]({drawing})", finding.to_markdown().strip()]
            parts.append(section(title, *analysis(stem.with_suffix(".svg")), level=3))
        body.append(e("section", *parts))
    paths = [out / "paper.md", out / "paper.html"]
    write_text(paths[0], "\n\n".join(text) + "\n")
    write_text(paths[1], page(_TITLE, *body))
    return paths


_TITLE: Final = "Parallel Latent Reasoning, section 6, run again"
_READ: Final = (
    "Tables and figures of arXiv 2601.03153, made by latentrec. What the paper prints stands "
    "beside what came out here, with intervals over users."
)
