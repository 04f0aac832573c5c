"""Finding: what every analysis returns, and how it becomes a figure, a table and JSON."""

import io
import json
import warnings
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from latentrec.errors import ConfigError
from latentrec.evaluate.evaluate import Metric
from latentrec.train.atomic import write_bytes, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMAT_VERSION: Final = 1
"""Of the JSON; grows when a key changes its meaning or goes."""
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, apart for every kind of colour vision."""
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
"""Shapes beside the colours, for print without colours."""
GREY: Final = "#767676"
"""Reference lines and notes."""
ROW_INCHES: Final = 0.18
"""Height of a row whose label touches none of its neighbours."""
STYLE: Final[dict[str, Any]] = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "font.size": 9,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "svg.hashsalt": "latentrec",  # equal findings give equal files
}


class Finding(ABC):
    """The answer to one question about a trained model.

    Leaves are frozen dataclasses of plain values.
    """

    name: ClassVar[str]
    """The question: also the stem of the files."""
    size: ClassVar[tuple[float, float]] = (7.0, 3.6)
    """Width and height of the figure in inches."""

    @property
    def figure_size(self) -> tuple[float, float]:
        """Width and height of this figure, for kinds that grow with what they hold."""
        return self.size

    @abstractmethod
    def to_markdown(self) -> str:
        """The finding as a Markdown table, with what is needed to read it."""

    @abstractmethod
    def draw(self, figure: "Figure") -> None:
        """Draw it on an empty figure or sub-figure."""

    def to_dict(self) -> dict[str, Any]:
        """All of its values, with the name of the analysis and the version of the format."""
        return {"analysis": self.name, "format_version": FORMAT_VERSION, **asdict(self)}  # pyright: ignore

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"


def label_of(metric: str) -> str:
    """A metric as an axis label.

    Example:
        >>> label_of("ndcg@10"), label_of("recall@20")
        ('NDCG@10', 'Recall@20')
    """
    name, _, top_k = metric.partition("@")
    return f"{name.capitalize() if name in ('recall', 'hit') else name.upper()}@{top_k}"


def literal(text: str) -> str:
    r"""A text of others as a label of a figure: no dollar sign of it opens a formula.

    Example:
        >>> print(literal("p$1$"))
        p\$1\$
    """
    return text.replace("$", r"\$")


def drawable(text: str) -> bool:
    """Whether the font of the figures has a sign for every character of a text."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    return all(font.get_char_index(ord(character)) for character in text)


def number_of_histories(count: int) -> str:
    """A number of histories in words.

    Example:
        >>> number_of_histories(1), number_of_histories(30)
        ('1 history', '30 histories')
    """
    return f"{count} {'history' if count == 1 else 'histories'}"


def arms(metrics: Sequence[Metric]) -> tuple[list[float], list[float]]:
    """Lengths of the intervals below and above each value, for error bars.

    Where all values of a metric are equal, rounding may put its mean outside by a digit: a length
    is 0 there, since figures refuse negative ones.
    """
    below = [max(0.0, metric.value - metric.low) for metric in metrics]
    return below, [max(0.0, metric.high - metric.value) for metric in metrics]


def check_figures() -> None:
    """Refuse to go on where figures cannot be drawn, best before hours of training.

    Raises:
        ConfigError: If matplotlib is missing.
    """
    if find_spec("matplotlib") is None:
        raise ConfigError(
            "figures: the package matplotlib is missing; pip install 'latentrec[plot]'"
        )


def write(finding: Finding, folder: Path) -> list[Path]:
    """Write NAME.md, NAME.json, NAME.png and NAME.svg into a folder, and return their paths.

    Raises:
        ConfigError: If matplotlib is missing.
    """
    stem = folder / finding.name
    paths = [stem.with_suffix(suffix) for suffix in (".md", ".json", ".png", ".svg")]
    image, drawing = _rendered(finding)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(paths[0], finding.to_markdown())
    write_text(paths[1], finding.to_json())
    write_bytes(paths[2], image)
    write_text(paths[3], drawing)
    return paths


def to_svg(finding: Finding) -> str:
    """The figure as SVG, for another document.

    Raises:
        ConfigError: If matplotlib is missing.
    """
    with _drawn(finding) as figure:
        return _svg(figure)


def _rendered(finding: Finding) -> tuple[bytes, str]:
    with _drawn(finding) as figure:
        image = io.BytesIO()
        figure.savefig(image, format="png", dpi=160)
        return image.getvalue(), _svg(figure)


def _svg(figure: "Figure") -> str:
    drawing = io.StringIO()
    figure.savefig(drawing, format="svg", metadata={"Date": None})
    return drawing.getvalue()


@contextmanager
def _drawn(finding: Finding) -> "Generator[Figure]":
    """The figure, without pyplot: no window, no global state.

    Names of others may be in any script: a sign that the font lacks is a box, and no warning.
    """
    check_figures()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE), warnings.catch_warnings():  # pyright: ignore[reportArgumentType]
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure = Figure(figsize=finding.figure_size, layout="constrained")
        finding.draw(figure)
        figure.draw_without_rendering()  # settles the ticks, whose width the layout needs
        yield figure
