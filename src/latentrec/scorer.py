"""Scorer: whatever gives every item of the catalogue a score after a history."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from copy import copy
from typing import Final, Protocol, TypeAlias, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from latentrec.data.batch import Question, last_items
from latentrec.data.dataset import Histories
from latentrec.errors import ConfigError
from latentrec.index import PAD
from latentrec.model.items import TableItems
from latentrec.model.reasoner.contract import Reasoned
from latentrec.model.reasoner.effort import Effort
from latentrec.model.recommender import Recommender

TOKENS: Final = 2**14
"""Interactions that are encoded at once: few enough that activations stay in the cache."""

States: TypeAlias = Callable[
    [Float[Tensor, "B L D"], Bool[Tensor, "B L"], Int[Tensor, "B 1"]], Float[Tensor, "B D"]
]
"""Encoder and reasoner: item vectors, padding and last positions to the states that rank."""


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

    Item vectors are computed once, when the scorer is made, and kept a second time as they are
    scored: after a change of the weights, make another scorer.

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
        self._states: States | None = None
        with torch.inference_mode(), evaluating(model):
            items = model.items
            self._items = TableItems(items.table(), items.candidates(), items.queries)
            # One row times columns that lie together is read three times as fast.
            self._columns = self._items.candidates().T.contiguous()
        self._ranking = Recommender(self._items, model.encoder, model.reasoner)

    @property
    def name(self) -> str:
        """Row label in tables."""
        return self._name

    @property
    def model(self) -> Recommender:
        """The recommender itself, for what scores alone do not tell."""
        return self._model

    @property
    def items(self) -> TableItems:
        """Its item vectors, as they were when the scorer was made."""
        return self._items

    @property
    def max_length(self) -> int:
        """Longest history L that is read."""
        return self._max_length

    @property
    def question(self) -> Question:
        """How a history is put to the model."""
        return self._question

    @property
    def device(self) -> torch.device:
        """Where the model lies."""
        return self._device

    @property
    def size(self) -> int:
        """Number of item indices N."""
        return len(self._items.candidates())

    def limited(self, effort: Effort) -> "ModelScorer":
        """The same model at another effort; weights and item vectors are shared, not copied.

        Raises:
            ConfigError: If the reasoner cannot spend that effort.
        """
        reasoner = self._model.reasoner.limited(effort)
        view = copy(self)
        view._model = Recommender(self._model.items, self._model.encoder, reasoner)
        view._ranking = Recommender(self._items, self._model.encoder, reasoner)
        view._states = None
        return view

    def through(self, states: States) -> "ModelScorer":
        """The same scorer with states from elsewhere, such as an exported graph of its model."""
        view = copy(self)
        view._states = states
        return view

    @torch.inference_mode()
    def scores(self, histories: Histories) -> Float[Tensor, "B N"]:
        """Scores of all item indices after non-empty histories."""
        return (self.queries(histories) @ self._columns).float()

    @torch.inference_mode()
    def queries(self, histories: Histories) -> Float[Tensor, "B D"]:
        """What item vectors are compared with after non-empty histories: scores are products."""
        rows = max(1, TOKENS // self._max_length)
        states = [
            self._ranked_by(histories.block(start, min(start + rows, len(histories))))
            for start in range(0, len(histories), rows)
        ]
        return self._items.queries(torch.cat(states))

    @torch.inference_mode()
    def steps_taken(self, histories: Histories) -> Int[Tensor, " B"]:
        """Reasoning steps that an early exit took for each of a block of histories.

        Raises:
            ConfigError: If this scorer does not stop early.
        """
        taken = self._reasoned(histories).steps_taken
        if taken is None:
            raise ConfigError(
                "steps taken: this scorer takes all its steps; use "
                "limited(Effort(exit_threshold=..)) to stop early"
            )
        return taken

    def _ranked_by(self, histories: Histories) -> Float[Tensor, "B D"]:
        if self._states is None:
            return self._reasoned(histories).infer_state[:, 0]
        batch = self._question(histories, self._max_length)
        return self._states(self._items(batch.items), batch.items == PAD, batch.positions)

    def _reasoned(self, histories: Histories) -> Reasoned:
        batch = self._question(histories, self._max_length).to(self._device)
        with evaluating(self._ranking):
            return self._ranking(batch.items, batch.positions)


@contextmanager
def evaluating(model: nn.Module) -> Generator[None, None, None]:
    """Evaluation mode inside a block; what was in training mode goes back to it."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True
