"""Attention: where each stream looks in each step, for one history or by recency over many."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, final

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from latentrec.analyse.finding import (
    COLOURS,
    ROW_INCHES,
    Finding,
    drawable,
    literal,
    number_of_histories,
)
from latentrec.analyse.subject import Subject
from latentrec.data.dataset import Histories
from latentrec.errors import ConfigError
from latentrec.evaluate.grid import Grid, grids_markdown
from latentrec.index import MASK, PAD
from latentrec.model.attention_tap import AttentionTap
from latentrec.model.encoder import TransformerEncoder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS: Final = 256
"""Histories at once."""
LONGEST: Final = 20
"""Places of the history that are shown, the latest ones."""
LONGEST_ID: Final = 16
"""Most characters of an item id in the figure; the table has it in full."""
CHARACTER_INCHES: Final = 0.08
"""Length of a character of an upright label, about."""


@final
@dataclass(frozen=True)
class Look:
    """Where one stream looks in one step.

    Attributes:
        stream: Number of the stream.
        step: Number of the step.
        weights: Weight of each shown place, latest interaction last, averaged over heads.
        older: Weight of older places.
        own: Weight of the stream's own steps (and of a mask behind the history, where the model
            asks by one); with the others it sums to 1.
    """

    stream: int
    step: int
    weights: tuple[float, ...]
    older: float
    own: float


@final
@dataclass(frozen=True)
class Attention(Finding):
    """Where streams look, in the last layer.

    Paper: PLR Fig. 5. Where a model looks does not say what moves its answer; that is asked by
    `latentrec.explain`.

    Attributes:
        protocol: Model and cases in words.
        places: What stands at each shown place: an item id, or how many interactions ago.
        looks: Every stream and step; mean over the histories.
        histories: Number of histories with at least one interaction at every shown place.
        user: Whose history alone it is, so that places are items; None over many histories.
        asks_by_mask: Whether a mask stands behind the history, whose weight is among the own.
    """

    name: ClassVar[str] = "attention"
    size: ClassVar[tuple[float, float]] = (8.0, 3.6)

    protocol: str
    places: tuple[str, ...]
    looks: tuple[Look, ...]
    histories: int
    user: str | None
    asks_by_mask: bool

    def to_markdown(self) -> str:
        """A row for every stream and step."""
        rows = tuple(
            (f"{look.stream}", f"{look.step}", *(f"{value:.3f}" for value in look.weights),
             f"{look.older:.3f}", f"{look.own:.3f}")
            for look in self.looks
        )  # fmt: skip
        head = ("stream", "step", *self.places, "older", "own steps")
        many = number_of_histories(self.histories)
        foot = f"{self.protocol}. {many}; last layer, mean over heads."
        if self.asks_by_mask:
            foot += " Own steps include the mask behind the history, by which the model asks."
        return grids_markdown([Grid("Attention over the history", head, rows)], foot)

    @property
    def figure_size(self) -> tuple[float, float]:
        """High enough for the labels of its rows, and for upright ones of its places."""
        labels = CHARACTER_INCHES * min(LONGEST_ID, max(map(len, self.places)))
        return self.size[0], max(self.size[1], 1.2 + labels + ROW_INCHES * len(self.looks))

    def draw(self, figure: "Figure") -> None:
        """A heat map of streams and steps against places, and what went elsewhere beside it."""
        axes, rest = figure.subplots(1, 2, sharey=True, width_ratios=(4, 1))
        axes.grid(visible=False)
        shown, count = np.array([look.weights for look in self.looks]), len(self.looks)
        image = axes.imshow(shown, cmap="viridis", aspect="auto", vmin=0)
        ticks = self._ticks()
        axes.set_xticks(range(len(ticks)), ticks)
        axes.tick_params(axis="x", rotation=90 if max(map(len, ticks)) > 3 else 0)
        axes.set_yticks(range(count), [f"stream {x.stream}, step {x.step}" for x in self.looks])
        mean = f"interactions ago, mean over {number_of_histories(self.histories)}"
        axes.set_xlabel(mean if self.user is None else "history, latest last")
        figure.colorbar(image, ax=axes, label="attention weight")
        older = [look.older for look in self.looks]
        own = [look.own for look in self.looks]
        rest.barh(range(count), older, color=COLOURS[0], label="older places")
        label = "own steps, mask" if self.asks_by_mask else "own steps"
        rest.barh(range(count), own, left=older, color=COLOURS[4], label=label)
        rest.grid(visible=False, axis="y")
        rest.set_xlabel("attention weight")
        figure.legend(loc="outside upper right", ncols=2, fontsize=8)

    def _ticks(self) -> list[str]:
        """A label for each place: how long ago it was where the font cannot show the item id."""
        short = [_shortened(place) for place in self.places]
        return [
            literal(text) if drawable(text) else f"{ago} ago"
            for ago, text in zip(range(len(short), 0, -1), short, strict=True)
        ]


def _shortened(place: str) -> str:
    return place if len(place) <= LONGEST_ID else f"{place[: LONGEST_ID - 1]}…"


def attention(subject: Subject, *, longest: int = LONGEST, user: str | None = None) -> Attention:
    """Where every stream looks in every step.

    Over many histories, places are counted from the end. So many are shown as half of the histories
    reach back over, and the mean is taken over those. Of one user, the places are items.

    Args:
        subject: A model whose steps attend to the history, and cases.
        longest: Most places to show, the latest ones.
        user: One user's test case alone.

    Raises:
        ConfigError: If steps do not attend through the encoder (no reasoning, LARES, HSTU), or the
            user has no test case.
    """
    histories, dataset = dataset_histories(subject, user), subject.dataset
    lengths = np.minimum(histories.lengths, subject.longest)
    shown = max(1, min(longest, int(np.median(lengths))))
    rows = np.flatnonzero(lengths >= shown)
    parts = np.array_split(rows, -(-len(rows) // ROWS))
    blocks = [_looks(subject, histories, part, shown) for part in parts]
    weights = torch.cat(blocks).mean(dim=0)
    places = tuple(str(shown - place) for place in range(shown))
    if user is not None:
        places = tuple(dataset.index.item_ids(histories[0][-shown:].tolist()))
    return Attention(
        protocol=subject.protocol if user is None else f"{subject.name}; user {user}",
        places=places,
        looks=tuple(_rows(weights)),
        histories=len(rows),
        user=user,
        asks_by_mask=subject.asks_by_mask,
    )


def dataset_histories(subject: Subject, user: str | None) -> Histories:
    """The histories of all cases, or of one user's first test case.

    Raises:
        ConfigError: If the user has no test case.
    """
    dataset = subject.dataset
    if user is None:
        return dataset.histories(subject.cases)
    users = dataset.user_ids[dataset.test.users]
    found = np.flatnonzero(users == user)
    if not len(found):
        known = " or ".join(f"'{each}'" for each in dict.fromkeys(map(str, users[:2])))
        raise ConfigError(f"user '{user}': has no test case; name one that has, like {known}")
    return dataset.histories(dataset.test, int(found[0]), int(found[0]) + 1)


@torch.inference_mode()
def _looks(
    subject: Subject, histories: Histories, rows: np.ndarray, shown: int
) -> Float[Tensor, "B M T X"]:
    """Weights over older places, the shown places, and own steps (X = shown + 2)."""
    model, scorer = subject.scorer.model, subject.scorer
    if not isinstance(model.encoder, TransformerEncoder):
        raise ConfigError("attention: this encoder has no attention weights (HSTU); use sasrec")
    part = Histories.from_lists([histories[row].tolist() for row in rows])
    batch = scorer.question(part, scorer.max_length).to(scorer.device)
    tap = AttentionTap(model.encoder)
    model.reasoner(model.encode(batch.items), batch.positions, tap)
    if not tap.steps:
        raise ConfigError(
            "attention: no step of this model attends to the history through the encoder (no "
            "reasoning, or LARES); use plr, erl or prl"
        )
    ends = (~batch.items.eq(PAD) & ~batch.items.eq(MASK)).sum(dim=1, keepdim=True)
    columns = ends - shown + torch.arange(shown, device=scorer.device)
    steps = [_parts(weights[:, 0], columns) for weights in tap.steps]
    return torch.stack(steps, dim=2)


def _parts(weights: Float[Tensor, "B M S"], columns: Int[Tensor, "B X"]) -> Tensor:
    """Older places, the shown ones, and the rest: own steps and a mask behind the history."""
    index = columns.unsqueeze(1).expand(-1, weights.shape[1], -1)
    sums = F.pad(weights.cumsum(dim=2), (1, 0))
    older = sums.gather(2, index[:, :, :1])
    own = 1 - sums.gather(2, index[:, :, -1:] + 1)
    return torch.cat([older, weights.gather(2, index), own], dim=2)


def _rows(weights: Float[Tensor, "M T X"]) -> Iterator[Look]:
    for stream, steps in enumerate(weights.tolist(), 1):
        for step, (older, *shown, own) in enumerate(steps, 1):
            yield Look(stream, step, tuple(shown), older, own)
