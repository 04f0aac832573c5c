"""PRL's objective: next item at every state, sharper from step to step, plus a noisy contrast."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from latentrec.data.batch import Batch
from latentrec.model.encoder import Encoded
from latentrec.model.reasoner.prl import PrlReasoner
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Losses, Objective, Ramp, next_item_loss, warmup_losses
from latentrec.objective.next_item import NextItemLoss
from latentrec.objective.positions import choose_positions, states_at
from latentrec.objective.terms import noise_contrast


@final
class PrlObjective(Objective):
    """Next-item losses of h_0 .. h_T, and the contrast of a noisy against the clean trajectory.

    Paper: arXiv 2503.22675 v2, temperatures and Eq. 10 (next item at every state), noisy steps
        and their contrast, and the sum of both.

    Differs:
        - The states before the last enter as a weighted mean, as in the authors' code; the weight T
          gives the paper's plain sum (docs/adr/0019).
        - Noise has the standard deviation `noise_std`; the contrast is a mean over steps and rows
          with dot products, as in the authors' code (docs/adr/0020).
        - By default the temperature is 1 instead of 0.07 (docs/adr/0018), and the contrast weighs a
          tenth (docs/adr/0020).
        - The warm-up trains the encoder alone, then the contrast ramps up (docs/adr/0008).
        - The contrast is evaluated on a random subset of positions (docs/adr/0006).

    Args:
        temperature: Temperature of the last state and of the contrast, above 0.
        temperature_scale: Factor from each step's temperature to the one before it, at least 1.
        earlier_weight: Weight of the mean next-item loss of h_0 .. h_{T-1}.
        contrastive_weight: Weight of the contrast; 0 saves the noisy trajectory.
        noise_std: Standard deviation of the noise on the state from which a step starts.
        ramp: When and how fast the contrast sets in.
        term_positions: Positions of a history on which the contrast is evaluated; 0 means all.
        next_item: How states are scored against the catalogue; default: all of it, exactly.
    """

    def __init__(
        self,
        temperature: float,
        temperature_scale: float,
        earlier_weight: float,
        contrastive_weight: float,
        noise_std: float,
        ramp: Ramp,
        term_positions: int,
        next_item: NextItemLoss | None = None,
    ) -> None:
        super().__init__(next_item, ramp)
        self.temperature = temperature
        self.temperature_scale = temperature_scale
        self.earlier_weight = earlier_weight
        self.contrastive_weight = contrastive_weight
        self.noise_std = noise_std
        self.term_positions = term_positions

    def forward(self, model: Recommender, batch: Batch, epoch: int) -> Losses:
        """The losses of one batch; the model's reasoner must be PRL's."""
        encoded = model.encode(batch.items)
        if epoch < self.warmup_epochs:
            return warmup_losses(model, encoded, batch, self.next_item, self.temperature)
        table, queries = model.items.candidates(), model.items.queries
        reasoned = model.reason(encoded, batch.positions)
        scaled = queries(reasoned.train_state) / self.temperature
        next_item = next_item_loss(scaled, batch, table, self.next_item)
        earlier = self._earlier(queries(reasoned.steps), batch, table)
        total = next_item + self.earlier_weight * earlier
        parts = {"next_item": next_item.detach(), "earlier": earlier.detach()}
        if self.contrastive_weight > 0:
            contrast = self._contrast(model, batch, encoded, reasoned.steps)
            total = total + self.ramp.share(epoch) * self.contrastive_weight * contrast
            parts["contrast"] = contrast.detach()
        return Losses(total, parts)

    def _earlier(
        self, steps: Float[Tensor, "B P 1 S D"], batch: Batch, table: Float[Tensor, "N D"]
    ) -> Float[Tensor, ""]:
        """Mean next-item loss of all states but the last, each with its temperature; S = T + 1."""
        rows, count = batch.predicted, steps.shape[3] - 1
        divisors = step_temperatures(self.temperature, self.temperature_scale, count)[:-1]
        states = steps[rows][:, 0, :-1] / steps.new_tensor(divisors).unsqueeze(-1)
        targets = batch.targets[rows].repeat_interleave(count)
        return self.next_item(states.flatten(0, 1), table, targets)

    def _contrast(
        self,
        model: Recommender,
        batch: Batch,
        encoded: Encoded,
        steps: Float[Tensor, "B P 1 S D"],
    ) -> Float[Tensor, ""]:
        """Contrast of the noisy with the clean states h_1 .. h_T at the chosen positions."""
        reasoner = model.reasoner
        assert isinstance(reasoner, PrlReasoner), "build gives this objective PRL's reasoner"
        columns, rows = choose_positions(batch, self.term_positions)
        clean = states_at(steps, columns)
        previous = clean[:, :, :, :-1]
        previous = previous + self.noise_std * torch.randn_like(previous)
        positions = batch.positions.gather(1, columns)
        noisy = reasoner.fork(previous, encoded, positions, model.encoder)
        return noise_contrast(noisy[rows][:, 0], clean[rows][:, 0, 1:], self.temperature)


def step_temperatures(temperature: float, scale: float, steps: int) -> list[float]:
    """Temperatures of h_0 .. h_T: falling from step to step down to `temperature`.

    Paper: `tau_k = tau alpha^(K - k)` for K steps, arXiv 2503.22675 v2.

    Example:
        >>> step_temperatures(0.5, 2.0, 2)
        [2.0, 1.0, 0.5]
    """
    return [temperature * scale ** (steps - step) for step in range(steps + 1)]
