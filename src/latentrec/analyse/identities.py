"""Identities: how much of a pooled model's loss its diversity explains, exactly."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentrec.analyse.finding import COLOURS, GREY, Finding
from latentrec.analyse.subject import Subject, Thoughts, scaled_by
from latentrec.errors import ConfigError
from latentrec.evaluate.grid import Grid, grids_markdown
from latentrec.index import FIRST_ITEM, UNKNOWN
from latentrec.model.items import IdItemEncoder
from latentrec.objective.terms import pairwise_kl

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TERMS: Final = (
    "states_loss", "steps_ambiguity", "streams_ambiguity", "pooled_loss", "uniform_loss",
    "first_loss", "ranking_loss", "half_loss", "pairwise_kl",
)  # fmt: skip
"""Terms of one case, in the order in which they are computed."""
POOLED_TOLERANCE: Final = 1e-4
"""Largest relative distance of the weighted mean of the states from the state that was trained."""


@final
@dataclass(frozen=True)
class Identities(Finding):
    """The ambiguity decomposition of a pooled loss, in nats, means over the cases.

    With linear scores and weights w_i that sum to 1, the loss of the pooled state is exactly
    `L(sum_i w_i h_i) = sum_i w_i L(h_i) - sum_i w_i KL(p || p_i)`, p the distribution of the pooled
    state, for any target. It is applied to the steps inside each stream, then to the streams.

    Differs: PLR's theorems 4.1 to 4.6 average probabilities, the model averages states; this is the
    statement about the states.

    Attributes:
        protocol: Model, cases and ranking in words.
        temperature: What scores are divided by, as in training.
        cases: Cases with a known target.
        states_loss: Weighted mean loss of the single states.
        steps_ambiguity: What pooling the steps of each stream takes off.
        streams_ambiguity: What pooling the streams takes off; 0 with one stream.
        pooled_loss: Loss of the pooled state, computed by itself.
        uniform_loss: Loss with the plain mean of the streams in place of the gate.
        first_loss: Loss of h_0.
        ranking_loss: Loss of the state that ranks; for h_0 + z_rea sharper than half of it.
        half_loss: Loss of (h_0 + z_rea) / 2, which ranks alike: the mean of both losses less their
            ambiguity. None where the model does not rank with h_0 + z_rea.
        pairwise_kl: The divergence that PLR rewards (Eq. 7), over all states.
        error: Largest difference between both sides of the identity over the cases.
    """

    name: ClassVar[str] = "identities"
    size: ClassVar[tuple[float, float]] = (7.0, 3.4)

    protocol: str
    temperature: float
    cases: int
    states_loss: float
    steps_ambiguity: float
    streams_ambiguity: float
    pooled_loss: float
    uniform_loss: float
    first_loss: float
    ranking_loss: float
    half_loss: float | None
    pairwise_kl: float
    error: float

    @property
    def share(self) -> float:
        """Part of the single states' loss that pooling takes off."""
        return (self.steps_ambiguity + self.streams_ambiguity) / self.states_loss

    def to_markdown(self) -> str:
        """The terms one below another."""
        rows = (
            ("mean loss of the single states", self.states_loss),
            ("- ambiguity of the steps of a stream", -self.steps_ambiguity),
            ("- ambiguity of the streams", -self.streams_ambiguity),
            ("= loss of the pooled state", self.pooled_loss),
            ("loss of the pooled state without the gate", self.uniform_loss),
            ("loss of h_0", self.first_loss),
            ("loss of the state that ranks", self.ranking_loss),
            ("loss of (h_0 + pooled) / 2, which ranks as h_0 + pooled", self.half_loss),
            ("mean pairwise KL of the states (the rewarded term)", self.pairwise_kl),
        )
        table = Grid(
            "What the loss is made of",
            ("term", "nats"),
            tuple((name, f"{value:z.4f}") for name, value in rows if value is not None),
        )
        foot = (
            f"{self.protocol}. {self.cases} of the cases have a target that training knew."
            f"{scaled_by(self.temperature)} "
            f"Diversity takes off {self.share:z.1%} of the loss of the single states. The two "
            f"sides of the identity differ by at most {self.error:.1e} nats."
        )
        return grids_markdown([table], foot)

    def draw(self, figure: "Figure") -> None:
        """A waterfall from the mean loss of the states to the loss of the pooled state."""
        tops = [self.states_loss, self.states_loss, self.states_loss - self.steps_ambiguity]
        heights = [self.states_loss, -self.steps_ambiguity, -self.streams_ambiguity]
        names = ["single states\n(mean)", "steps of a\nstream differ", "streams\ndiffer"]
        extra = {
            "pooled": self.pooled_loss,
            "h_0": self.first_loss,
            "as it ranks": self.ranking_loss,
        }
        colours = [COLOURS[0], COLOURS[1], COLOURS[1], COLOURS[0], GREY, GREY]
        bottoms = [0.0, *tops[1:], 0.0, 0.0, 0.0]
        heights += list(extra.values())
        names += list(extra)
        axes = figure.subplots()
        axes.bar(names, heights, bottom=bottoms, color=colours, width=0.6)
        for place, (bottom, height) in enumerate(zip(bottoms, heights, strict=True)):
            top = max(bottom, bottom + height)
            axes.annotate(f"{height:z.3f}", (place, top), (0, 2), ha="center",
                          textcoords="offset points")  # fmt: skip
        axes.set_ylabel("loss (nats)")
        axes.margins(y=0.12)


def identities(subject: Subject) -> Identities:
    """Decompose the loss of the pooled state, in float64.

    Raises:
        ConfigError: If the model pools nothing, its scores are not linear in the states, or its
            gate weighs single states; or if no case has a known target.
    """
    items = subject.scorer.model.items
    if not isinstance(items, IdItemEncoder):
        raise ConfigError(
            "identities: they hold for dot products only, and this model scores by cosines"
        )
    table = items.candidates().detach()[FIRST_ITEM:].double()
    sums, error, cases = torch.zeros(len(TERMS), dtype=torch.float64), 0.0, 0
    dual = True
    for block in subject.thoughts():
        known = block.targets != UNKNOWN
        terms = _terms(block, table, known, subject.temperature)
        gap = terms[0] - terms[1] - terms[2] - terms[3]
        error = max(error, float(gap.abs().max())) if len(gap) else error
        sums += terms.sum(dim=1).cpu()
        cases += int(known.sum())
        dual &= torch.allclose(block.ranking, block.first + block.pooled, atol=1e-4)
    if cases == 0:
        raise ConfigError("identities: no case has a target that training knew, so none has a loss")
    means = dict(zip(TERMS, (sums / cases).tolist(), strict=True))
    half = means.pop("half_loss")
    return Identities(
        protocol=subject.protocol,
        temperature=subject.temperature,
        cases=cases,
        error=error,
        half_loss=half if dual else None,
        **means,
    )


def _terms(
    block: Thoughts, table: Float[Tensor, "N D"], known: Tensor, temperature: float
) -> Float[Tensor, "9 B"]:
    """Every term for each case with a known target, in the order of `Identities`."""
    steps, targets = block.steps[known].double(), block.targets[known] - FIRST_ITEM
    weights = _weights(block)[known].double()
    weights = weights / weights.sum(dim=1, keepdim=True)  # 1 in float64, not only in float32
    streams, first = steps.mean(dim=2), block.first[known].double()
    pooled = torch.einsum("bm,bmd->bd", weights, streams)
    _check_pooled(pooled, block.pooled[known])
    table = table / temperature  # scores are linear: dividing either side divides them
    count = steps.shape[2]
    single = torch.stack([_loss(steps[:, :, t], table, targets) for t in range(count)])
    inside = torch.stack([_divergence(streams, steps[:, :, t], table) for t in range(count)])
    between = _divergence(pooled.unsqueeze(1).expand_as(streams), streams, table)
    one = [pooled, streams.mean(dim=1), first, block.ranking[known].double(), (first + pooled) / 2]
    losses = [_loss(state.unsqueeze(1), table, targets)[:, 0] for state in one]
    return torch.stack(
        [
            (weights * single.mean(dim=0)).sum(dim=1),
            (weights * inside.mean(dim=0)).sum(dim=1),
            (weights * between).sum(dim=1),
            *losses,
            pairwise_kl(steps.flatten(1, 2), table),
        ]
    )


def _weights(block: Thoughts) -> Float[Tensor, "B M"]:
    _, streams, steps, _ = block.steps.shape
    if streams * steps == 0:
        raise ConfigError("identities: this model does not reason, so it pools nothing")
    if block.gate is not None:
        return block.gate
    if streams > 1:
        raise ConfigError("identities: this model has streams and no gate that mixes them")
    return block.steps.new_ones(len(block.steps), 1)


def _check_pooled(pooled: Float[Tensor, "B D"], trained: Float[Tensor, "B D"]) -> None:
    """Refuse a model whose trained state is not the weighted mean of all its states."""
    far = (pooled - trained).norm() > POOLED_TOLERANCE * pooled.norm()
    if far:
        raise ConfigError(
            "identities: the trained state is not the mean of each stream's steps mixed by one "
            "weight a stream (PRL and LARES take the last step, gate='per-step' weighs each); "
            "ask for ceiling and diversity instead"
        )


def _loss(
    states: Float[Tensor, "B K D"], table: Float[Tensor, "N D"], targets: Int[Tensor, " B"]
) -> Float[Tensor, "B K"]:
    logs = (states @ table.T).log_softmax(dim=-1)
    return -logs.gather(2, targets[:, None, None].expand(-1, states.shape[1], 1))[..., 0]


def _divergence(
    of: Float[Tensor, "B K D"], to: Float[Tensor, "B K D"], table: Float[Tensor, "N D"]
) -> Float[Tensor, "B K"]:
    """KL(p_of || p_to) for each pair."""
    left, right = (of @ table.T).log_softmax(dim=-1), (to @ table.T).log_softmax(dim=-1)
    return (left.exp() * (left - right)).sum(dim=-1)
