"""Scorer: whatever gives every item of the catalogue a score after a history."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, Protocol, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentrec.data.batch import Question, last_items
from latentrec.data.dataset import Histories
from latentrec.errors import ConfigError
from latentrec.model.reasoner.effort import Effort
from latentrec.model.recommender import Recommender

TOKENS: Final = 2**14
"""Interactions that are encoded at once: few enough that activations stay in the cache."""


class Scorer(Protocol):
    """Scores the whole catalogue after each of several histories: a model or a baseline."""

    @property
    def name(self) -> str:
        """Row label in tables."""
        ...

    @property
    def size(self) -> int:
        """Number of item indices N, PAD and MASK included."""
        ...

    def scores(self, histories: Histories) -> Float[Tensor, "B N"]:
        """Scores of all item indices, float32; the columns of PAD and MASK carry no meaning."""
        ...


@final
class ModelScorer:
    """A trained recommender as a scorer.

    Args:
        model: The recommender; put into evaluation mode for each call, and back.
        name: Row label in tables.
        max_length: Longest history L; older interactions are not read.
        device: Where the model lies.
        question: How a history is put to the model, see `latentrec.build.build_question`.
    """

    def __init__(
        self,
        model: Recommender,
        name: str,
        max_length: int,
        device: torch.device,
        question: Question = last_items,
    ) -> None:
        self._model = model
        self._name = name
        self._max_length = max_length
        self._device = device
        self._question = question
        with torch.no_grad():
            self._size = len(model.items.candidates())

    @property
    def name(self) -> str:
        """Row label in tables."""
        return self._name

    @property
    def model(self) -> Recommender:
        """The recommender itself, for what scores alone do not tell."""
        return self._model

    @property
    def max_length(self) -> int:
        """Longest history L that is read."""
        return self._max_length

    @property
    def device(self) -> torch.device:
        """Where the model lies."""
        return self._device

    @property
    def size(self) -> int:
        """Number of item indices N."""
        return self._size

    def limited(self, effort: Effort) -> "ModelScorer":
        """The same model at another effort; weights are shared, not copied.

        Raises:
            ConfigError: If the reasoner cannot spend that effort.
        """
        reasoner = self._model.reasoner.limited(effort)
        model = Recommender(self._model.items, self._model.encoder, reasoner)
        model.train(self._model.training)
        return ModelScorer(model, self._name, self._max_length, self._device, self._question)

    @torch.inference_mode()
    def scores(self, histories: Histories) -> Float[Tensor, "B N"]:
        """Scores of all item indices after non-empty histories."""
        with self._evaluating():
            return (self.queries(histories) @ self._model.items.candidates().T).float()

    @torch.inference_mode()
    def queries(self, histories: Histories) -> Float[Tensor, "B D"]:
        """What item vectors are compared with after non-empty histories: scores are products."""
        rows = max(1, TOKENS // self._max_length)
        with self._evaluating():
            states = [
                self._states(histories.block(start, min(start + rows, len(histories))))
                for start in range(0, len(histories), rows)
            ]
            return self._model.items.queries(torch.cat(states))

    @contextmanager
    def _evaluating(self) -> Generator[None, None, None]:
        """The model in evaluation mode, and back."""
        training = self._model.training
        self._model.eval()
        try:
            yield
        finally:
            self._model.train(training)

    def _states(self, histories: Histories) -> Float[Tensor, "B D"]:
        batch = self._question(histories, self._max_length).to(self._device)
        return self._model(batch.items, batch.positions).infer_state[:, 0]

    @torch.inference_mode()
    def steps_taken(self, histories: Histories) -> Int[Tensor, " B"]:
        """Reasoning steps that an early exit took for each of a block of histories.

        Raises:
            ConfigError: If this scorer does not stop early.
        """
        with self._evaluating():
            batch = self._question(histories, self._max_length).to(self._device)
            taken = self._model(batch.items, batch.positions).steps_taken
        if taken is None:
            raise ConfigError(
                "steps taken: this scorer takes all its steps; use "
                "limited(Effort(exit_threshold=..)) to stop early"
            )
        return taken
