"""Diversity: how far streams and steps differ, what a step does to it, and what the gate makes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar, Final, final

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from latentrec.analyse.finding import COLOURS, MARKERS, Finding
from latentrec.analyse.subject import Subject, Thoughts, scaled_by
from latentrec.errors import ConfigError
from latentrec.evaluate.grid import Grid, grids_markdown
from latentrec.index import FIRST_ITEM
from latentrec.model.reasoner.plr import PlrReasoner
from latentrec.objective.terms import pairwise_kl
from latentrec.train.streams import ALIKE_COSINE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOP_K: Final = 10
TINY: Final = 1e-5
"""Distances below this part of the states' length are none: rounding errors make up their ratio."""
DIVERGENCES: Final = {"between streams": "kl", "from the last step": "from_last"}
RATIOS: Final = {
    "cosine of streams": "cosine",
    "Lipschitz ratio": "lipschitz",
    "moved / length": "moved",
    "step ratio": "step_ratio",
}
"""Attributes of a step in each panel, by their names there."""


@final
@dataclass(frozen=True)
class Step:
    """One reasoning step, means over the cases; None where there is nothing to compare.

    Attributes:
        step: Its number.
        kl: Mean pairwise KL of the streams' distributions over items, in nats.
        cosine: Mean cosine of the streams' states.
        distance: Root mean squared distance of the streams' states.
        lipschitz: Median over cases and pairs of streams of their distance after the step over
            that before it; below 1 the step draws streams together.
        from_last: Mean KL of this step's distribution and that of the one before, both ways, in
            nats.
        moved: Mean length of the step over the length of the state before it.
        step_ratio: Median of this step's length over that of the step before; below 1 the states
            settle.
    """

    step: int
    kl: float | None
    cosine: float | None
    distance: float | None
    lipschitz: float | None
    from_last: float | None
    moved: float | None
    step_ratio: float | None


@final
@dataclass(frozen=True)
class Diversity(Finding):
    """How far streams and steps differ.

    Attributes:
        protocol: Model, cases and ranking in words.
        temperature: What scores are divided by, as in training.
        steps: Every step.
        all_states_kl: Mean pairwise KL over all states: the term that PLR and ERL reward, in nats.
        gate_mean: Mean weight of each stream; empty without a gate, as the next three.
        gate_wins: Share of the cases in which a stream has the largest weight; equals share a case.
        gate_entropy: Mean entropy of the gate over its largest value log M, 1 for a uniform gate;
            None with fewer than two streams.
        overlap: Mean share of their first items that two streams have in common, M x M;
            empty with one stream.
        top_k: Length of the lists that are compared.
    """

    name: ClassVar[str] = "diversity"
    size: ClassVar[tuple[float, float]] = (3.0, 3.2)
    """Of one panel."""

    protocol: str
    temperature: float
    steps: tuple[Step, ...]
    all_states_kl: float
    gate_mean: tuple[float, ...]
    gate_wins: tuple[float, ...]
    gate_entropy: float | None
    overlap: tuple[tuple[float, ...], ...]
    top_k: int

    def to_markdown(self) -> str:
        """A table of the steps and, with several streams under a gate, one of the streams."""
        names = ("kl", "cosine", "distance", "lipschitz", "from_last", "moved", "step_ratio")
        head = ("step", "KL of streams (nats)", "cosine of streams", "distance of streams",
                "Lipschitz ratio", "KL from last step (nats)", "moved", "step ratio")  # fmt: skip
        rows = [(str(s.step), *(_number(getattr(s, name)) for name in names)) for s in self.steps]
        grids = [Grid("Step by step", head, tuple(rows))]
        if len(self.gate_mean) > 1:
            grids.append(self._streams())
        entropy = (
            ""
            if self.gate_entropy is None
            else (f" Entropy of the gate: {self.gate_entropy:.3f} of its largest value.")
        )
        foot = (
            f"{self.protocol}. Mean pairwise KL over all states: {self.all_states_kl:.4f} nats."
            f"{scaled_by(self.temperature)}{entropy}{self._warning()} The Lipschitz ratio is "
            "measured: a step also reads the history and the stream's own past, so it is no "
            "constant of one map."
        )
        return grids_markdown(grids, foot)

    def _warning(self) -> str:
        cosines = [step.cosine for step in self.steps if step.cosine is not None]
        if not cosines or min(cosines) <= ALIKE_COSINE:
            return ""
        return (
            " The streams are one: they rank as a single one would. Larger triggers part them "
            "(reasoner.trigger_std), or take reasoner.streams=1."
        )

    @property
    def figure_size(self) -> tuple[float, float]:
        """As wide as its panels are many."""
        return self.size[0] * len(self._panels()), self.size[1]

    def draw(self, figure: "Figure") -> None:
        """Divergences and ratios by step, the gate, and what the streams' lists share."""
        panels = self._panels()
        row = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, panel in zip(row, panels, strict=True):
            panel(axes)

    def _panels(self) -> "list[Callable[[Axes], None]]":
        """What draws each panel, of those that have something to show."""
        panels: list[tuple[Callable[[Axes], None], bool]] = [
            (partial(self._draw_steps, DIVERGENCES, "KL (nats)"), self._has(DIVERGENCES)),
            (partial(self._draw_steps, RATIOS, "ratio"), self._has(RATIOS)),
            (self._draw_gate, len(self.gate_mean) > 1),
            (self._draw_overlap, len(self.overlap) > 1),
        ]
        return [panel for panel, shown in panels if shown]

    def _has(self, names: dict[str, str]) -> bool:
        values = [getattr(step, name) for step in self.steps for name in names.values()]
        return any(value is not None for value in values)

    def _draw_steps(self, shown: dict[str, str], label: str, axes: "Axes") -> None:
        numbers = [step.step for step in self.steps]
        for place, (what, name) in enumerate(shown.items()):
            values = [getattr(step, name) for step in self.steps]
            if any(value is not None for value in values):
                numeric = [np.nan if value is None else value for value in values]
                axes.plot(numbers, numeric, label=what, color=COLOURS[place], marker=MARKERS[place])
        axes.set_xticks(numbers)
        axes.set_xlabel("step")
        axes.set_ylabel(label)
        axes.ticklabel_format(axis="y", scilimits=(-2, 4))  # long numbers would need more room
        if axes.dataLim.y0 >= 0:  # cosines may be negative
            axes.set_ylim(bottom=0)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=8)

    def _draw_gate(self, axes: "Axes") -> None:
        places = np.arange(len(self.gate_mean))
        axes.bar(places - 0.2, self.gate_mean, 0.38, color=COLOURS[0], label="mean weight")
        axes.bar(places + 0.2, self.gate_wins, 0.38, color=COLOURS[1], label="share of cases won")
        axes.set_xticks(places, [str(place + 1) for place in places])
        axes.set_xlabel("stream")
        axes.set_ylim(0, 1)
        axes.set_title("Gate")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=8)

    def _draw_overlap(self, axes: "Axes") -> None:
        axes.grid(visible=False)
        image = axes.imshow(np.array(self.overlap), cmap="Blues", vmin=0, vmax=1)
        names = [str(place + 1) for place in range(len(self.overlap))]
        axes.set_xticks(range(len(names)), names)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("stream")
        axes.set_ylabel("stream")
        axes.set_title(f"Common items of the first {self.top_k}")
        for row, cells in enumerate(self.overlap):
            for column, value in enumerate(cells):
                colour = "white" if value > 0.6 else "black"
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour)
        axes.figure.colorbar(image, ax=axes, shrink=0.8, label="share")

    def _streams(self) -> Grid:
        head = (
            "stream",
            "mean weight",
            "cases won",
            *(f"common with {place + 1}" for place in range(len(self.overlap))),
        )
        rows = tuple(
            (str(place + 1), f"{self.gate_mean[place]:.3f}", f"{self.gate_wins[place]:.1%}",
             *(f"{value:.1%}" for value in self.overlap[place]))
            for place in range(len(self.gate_mean))
        )  # fmt: skip
        return Grid(f"Streams: gate, and common items of the first {self.top_k}", head, rows)


def diversity(subject: Subject, top_k: int = TOP_K) -> Diversity:
    """Measure how far the streams and steps of a model differ.

    Args:
        subject: A model that reasons, and cases.
        top_k: Length of the streams' lists that are compared.

    Raises:
        ConfigError: If the model does not reason, or in one state only.
    """
    table = subject.scorer.model.items.candidates().detach()[FIRST_ITEM:]
    parts = [_measure(subject, block, table, top_k) for block in subject.thoughts()]
    gates = torch.cat([part.gate for part in parts])
    overlap = torch.cat([part.overlap for part in parts]).mean(dim=0)
    kl = torch.cat([part.all_states_kl for part in parts]).mean()
    return Diversity(
        protocol=subject.protocol,
        temperature=subject.temperature,
        steps=tuple(_steps(parts, subject.first_step)),
        all_states_kl=float(kl),
        gate_mean=tuple(gates.mean(dim=0).tolist()),
        gate_wins=_wins(gates),
        gate_entropy=_entropy(gates),
        overlap=tuple(map(tuple, overlap.tolist())) if len(overlap) > 1 else (),
        top_k=top_k,
    )


@final
@dataclass(frozen=True)
class _Part:
    """What one block of cases gives; T steps, Q pairs of streams, time 0 is before the first."""

    kl: Float[Tensor, "B T"]
    cosine: Float[Tensor, "B T"]
    apart: Float[Tensor, "B S Q"]
    from_last: Float[Tensor, "B U"]
    moves: Float[Tensor, "B U M"]
    lengths: Float[Tensor, "B U M"]
    all_states_kl: Float[Tensor, " B"]
    gate: Float[Tensor, "B G"]
    overlap: Float[Tensor, "B M M"]


@torch.inference_mode()
def _measure(subject: Subject, block: Thoughts, table: Tensor, top_k: int) -> _Part:
    _, streams, steps, _ = block.steps.shape
    if steps == 0:
        raise ConfigError("diversity: this model does not reason, so nothing can differ")
    items, path = subject.scorer.model.items, _path(subject, block)
    if streams * path.shape[2] == 1:
        raise ConfigError("diversity: this model reasons in one state only, so nothing can differ")
    pairs = list(combinations(range(streams), 2))
    queries = items.queries(block.steps).double()  # KL may be tiny
    table = table.double() / subject.temperature  # divides the scores
    apart = [(path[:, a] - path[:, b]).norm(dim=-1) for a, b in pairs]
    cosines = [F.cosine_similarity(block.steps[:, a], block.steps[:, b], dim=-1) for a, b in pairs]
    none = block.steps.new_zeros(len(block.rows), path.shape[2], 0)
    moved = path.diff(dim=2)
    return _Part(
        kl=torch.stack([pairwise_kl(queries[:, :, t], table) for t in range(steps)], dim=1),
        cosine=torch.stack(cosines).mean(dim=0) if pairs else none[:, :steps, 0:0].sum(-1),
        apart=torch.stack(apart, dim=-1) if pairs else none,
        from_last=_from_last(items.queries(path).double(), table),
        moves=moved.norm(dim=-1).transpose(1, 2),
        lengths=path[:, :, :-1].norm(dim=-1).transpose(1, 2),
        all_states_kl=pairwise_kl(queries.flatten(1, 2), table),
        gate=none[:, 0] if block.gate is None else block.gate,
        overlap=_overlap(items.queries(block.steps.mean(dim=2)).double() @ table.T, top_k),
    )


def _path(subject: Subject, block: Thoughts) -> Float[Tensor, "B M S D"]:
    """The states of each stream from its start on, where the start is known."""
    reasoner = subject.scorer.model.reasoner
    if not isinstance(reasoner, PlrReasoner):
        return block.steps
    start = reasoner.start(block.first.unsqueeze(1))[:, 0]
    return torch.cat([start.unsqueeze(2), block.steps], dim=2)


def _from_last(queries: Float[Tensor, "B M S D"], table: Tensor) -> Float[Tensor, "B U"]:
    """Divergence of each state on the path from the one before it, mean over streams."""
    pairs = torch.stack([queries[:, :, :-1], queries[:, :, 1:]], dim=3)
    return pairwise_kl(pairs.flatten(0, 2), table).view(pairs.shape[:3]).mean(dim=1)


def _overlap(scores: Float[Tensor, "B M N"], top_k: int) -> Float[Tensor, "B M M"]:
    """Share of their first items that each two streams have in common."""
    count = min(top_k, scores.shape[-1])
    best = scores.topk(count, dim=-1).indices
    same = best[:, :, None, :, None] == best[:, None, :, None, :]
    return same.flatten(3).sum(dim=-1) / count


def _steps(parts: Sequence[_Part], first_step: int) -> list[Step]:
    kl, cosine, apart, from_last, moves, lengths = (
        torch.cat([getattr(part, name) for part in parts]).double().cpu()
        for name in ("kl", "cosine", "apart", "from_last", "moves", "lengths")
    )
    several, before = apart.shape[2] > 0, apart.shape[1] - kl.shape[1]
    steps: list[Step] = []
    for t in range(kl.shape[1]):
        now = t + before  # its place on the path
        steps.append(
            Step(
                step=t + first_step,
                kl=float(kl[:, t].mean()) if several else None,
                cosine=float(cosine[:, t].mean()) if several else None,
                distance=float(apart[:, now].square().mean().sqrt()) if several else None,
                lipschitz=_ratio(apart, now, lengths) if several else None,
                from_last=float(from_last[:, now - 1].mean()) if now else None,
                moved=float((moves[:, now - 1] / lengths[:, now - 1]).mean()) if now else None,
                step_ratio=_ratio(moves, now - 1, lengths),
            )
        )
    return steps


def _ratio(
    sizes: Float[Tensor, "B S Q"], place: int, lengths: Float[Tensor, "B U M"]
) -> float | None:
    """Median of the sizes at a place over those at the place before it."""
    if place < 1:
        return None
    now, before = sizes[:, place], sizes[:, place - 1]
    usable = before > TINY * lengths[:, place - 1].mean(dim=1, keepdim=True)
    return float(np.median(now[usable] / before[usable])) if bool(usable.any()) else None


def _wins(gates: Float[Tensor, "C M"]) -> tuple[float, ...]:
    if gates.shape[1] == 0:
        return ()
    largest = (gates == gates.amax(dim=1, keepdim=True)).double()
    return tuple((largest / largest.sum(dim=1, keepdim=True)).mean(dim=0).tolist())


def _entropy(gates: Float[Tensor, "C M"]) -> float | None:
    if gates.shape[1] < 2:
        return None
    entropy = torch.special.entr(gates.double()).sum(dim=1).mean()
    return float(entropy / np.log(gates.shape[1]))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
