"""Models, batches and histories of a given size, drawn at random, for benchmarks of speed."""

from typing import Any

MEAN_LENGTH = 15
"""Mean of the lengths of drawn histories, which are skewed as in real logs."""


def make(
    kind: str, items: int, dim: int, reasoner: dict[str, Any] | None = None
) -> tuple[Any, Any, Any]:
    """A recommender in training mode past its warm-up, its objective and its optimiser."""
    import torch

    from latentrec.build import build_model, build_objective, build_optimiser
    from latentrec.configure import parse_config
    from latentrec.data.catalogue import Catalogue
    from latentrec.index import ItemIndex

    torch.manual_seed(0)
    warm = {} if kind in ("none", "lares") else {"warmup_epochs": 0}
    knobs = {"kind": kind} | warm | (reasoner or {})
    config = parse_config({"reasoner": knobs, "encoder": {"dim": dim}})
    catalogue = Catalogue(ItemIndex(f"i{item:07}" for item in range(items)))
    model = build_model(config, catalogue).train()
    return model, build_objective(config.reasoner), build_optimiser(model, config.train)


def histories(users: int, items: int, mean: int = MEAN_LENGTH, longest: int = 300) -> Any:
    """Histories of geometric length, at least 2."""
    import numpy as np

    from latentrec.data.dataset import Histories
    from latentrec.index import FIRST_ITEM

    rng = np.random.default_rng(0)
    lengths = np.minimum(2 + rng.geometric(1 / mean, users), longest)
    drawn = rng.integers(FIRST_ITEM, items + FIRST_ITEM, lengths.sum()).astype(np.int32)
    return Histories(drawn, np.concatenate([[0], np.cumsum(lengths)]))


def full_batch(items: int, histories: int, length: int) -> Any:
    """A batch of histories of one length that predict every next item; partners for LARES."""
    import torch

    from latentrec.data.batch import Batch, Partners

    torch.manual_seed(0)
    drawn = torch.randint(2, items + 2, (histories, length + 1))
    positions = torch.arange(length).expand(histories, length).contiguous()
    read = drawn[:, :-1].contiguous()
    partners = Partners(positions[:, -1:], read.roll(1, 0), positions[:, -1:])
    return Batch(read, positions, drawn[:, 1:].contiguous(), partners)


def drawn_batches(
    users: int, items: int, positions: Any, size: int, count: int, mean: int = MEAN_LENGTH
) -> list[Any]:
    """Batches of an epoch over drawn histories of at most 50 items, the longest of them first.

    Histories of like length share a batch, so a few batches stand for an epoch only if their
    lengths do: they are full ones, spread evenly over all, with the shortest and the longest.
    """
    import numpy as np

    from latentrec.data.batch import batches, training_samples

    samples = training_samples(histories(users, items, mean), 50, positions, "split")
    drawn = list(batches(samples, size, np.random.default_rng(0)))
    if count < len(drawn):
        drawn = [batch for batch in drawn if len(batch.items) == size]
    drawn.sort(key=lambda batch: batch.items.shape[1], reverse=True)
    places = np.linspace(0, len(drawn) - 1, min(count, len(drawn))).round().astype(int)
    return [drawn[place] for place in places]


def train(model: Any, objective: Any, optimiser: Any, batches: list[Any]) -> int:
    """One update for each batch; the number of targets."""
    for batch in batches:
        optimiser.zero_grad()
        objective(model, batch, 0).total.backward()
        optimiser.step()
    return sum(int(batch.predicted.sum()) for batch in batches)
