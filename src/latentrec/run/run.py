"""Train, load, judge and use a run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, final

import torch

from latentrec.baselines.markov import Markov
from latentrec.baselines.popularity import Popularity
from latentrec.build import (
    build_model,
    build_objective,
    build_optimiser,
    model_name,
    needs_partners,
)
from latentrec.config import EvaluateConfig, RunConfig
from latentrec.data.batch import training_samples
from latentrec.data.catalogue import Catalogue
from latentrec.data.dataset import SequenceDataset
from latentrec.data.prepare import Prepared, prepare
from latentrec.errors import ConfigError
from latentrec.evaluate.evaluate import Evaluation, evaluate, rank_cases
from latentrec.evaluate.metrics import metrics_of
from latentrec.explain import Explanation, explain
from latentrec.index import ItemIndex
from latentrec.model.recommender import Recommender
from latentrec.recommend import Recommendations, recommend
from latentrec.run.folder import (
    CHECKPOINTS,
    ITEMS,
    METRICS,
    append_metrics,
    check_data,
    check_items,
    check_start,
    read_config,
    reopen_folder,
    start_folder,
)
from latentrec.run.items import add_text, read_items
from latentrec.scorer import ModelScorer, Scorer
from latentrec.similar import Similar, similar
from latentrec.train.checkpoint import CheckpointFolder, load_model
from latentrec.train.loop import EpochReport, OnStep
from latentrec.train.loop import fit as train


@final
@dataclass(frozen=True)
class Run:
    """A trained run, ready to recommend.

    Attributes:
        folder: Where it lies.
        config: Its resolved configuration.
        catalogue: Items that it can recommend.
        scorer: The trained model.
        fallback: Popularity, for histories without any known item.
    """

    folder: Path
    config: RunConfig
    catalogue: Catalogue
    scorer: ModelScorer
    fallback: Popularity

    @property
    def index(self) -> ItemIndex:
        """Item ids and item indices."""
        return self.catalogue.index

    def recommend(
        self,
        histories: Sequence[Sequence[str]],
        *,
        top_k: int = 10,
        exclude_seen: bool = True,
        allow: Sequence[str] | None = None,
        deny: Sequence[str] = (),
    ) -> list[Recommendations]:
        """The best items after each history of raw item ids, best first.

        Args:
            histories: Item ids, oldest first; the users need not have been in training.
            top_k: List length.
            exclude_seen: Leave out the items of the history.
            allow: Recommend only these items.
            deny: Never recommend these items.

        Raises:
            UnknownItemError: If an allowed or denied item is not in the catalogue.
            ConfigError: If `top_k` is below 1, or a history is a bare text.
        """
        return recommend(
            self.scorer,
            self.index,
            histories,
            top_k=top_k,
            exclude_seen=exclude_seen,
            allow=allow,
            deny=deny,
            fallback=self.fallback,
        )

    def explain(self, history: Sequence[str], item_ids: Sequence[str]) -> Explanation:
        """Which items of a history moved each of some items, and what the model looked at.

        Raises:
            ConfigError: If no item of the history is known.
            UnknownItemError: If an item to explain is not in the catalogue.
        """
        return explain(self.scorer, self.index, history, item_ids)

    def similar(self, item_ids: Sequence[str], *, top_k: int = 10) -> list[Similar]:
        """The items whose vectors are nearest to each of some items.

        Raises:
            UnknownItemError: If an item is not in the catalogue.
            ConfigError: If `top_k` is below 1.
        """
        return similar(self.scorer, self.index, item_ids, top_k=top_k)


def fit(
    config: RunConfig,
    folder: str | Path,
    *,
    prepared: Prepared | None = None,
    given: dict[str, Any] | None = None,
    resume: bool = False,
    on_step: OnStep | None = None,
) -> Iterator[EpochReport]:
    """Prepare the data, then train: one report an epoch, everything kept in the run's folder.

    The data are prepared at the call; each epoch is trained when its report is asked for, so
    iterate to the end.

    Args:
        config: What to train.
        folder: Folder of the run; new, or with `resume` an existing one.
        prepared: The data, if the caller has prepared them already by `prepare(config.data, ..)`.
        given: What the user asked for before it was resolved; written down as it is.
        resume: Go on from the last checkpoint; equal to a run that was never interrupted.
        on_step: Told about every batch.

    Raises:
        ConfigError: If the folder holds a run already, or a resumed run had another configuration.
        CheckpointError: If a resumed run has no sound checkpoint, or its data changed.
        DataError: If the data break a rule.
        TrainingError: If a loss is not finite.
    """
    folder = Path(folder)
    check_start(config, folder, resume)
    prepared = prepared or prepare(config.data, config.split, bad_rows_dir=folder)
    if resume:
        check_items(folder)
    prepared = add_text(prepared, config.items, folder / ITEMS if resume else None)
    dataset = prepared.dataset
    torch.manual_seed(config.train.seed)
    model = build_model(config, dataset.catalogue).to(pick_device(config.train.device))
    if resume:
        resume = reopen_folder(config, folder, prepared)
    else:
        start_folder(config, folder, prepared, given or {})
    return _epochs(config, folder, dataset, model, resume, on_step)


def _epochs(
    config: RunConfig,
    folder: Path,
    dataset: SequenceDataset,
    model: Recommender,
    resume: bool,
    on_step: OnStep | None,
) -> Iterator[EpochReport]:
    samples = training_samples(
        dataset.train(),
        config.encoder.max_length,
        config.train.positions,
        config.train.long_histories,
        needs_partners(config.reasoner),
    )

    def validate(model: Recommender) -> dict[str, float]:
        scorer = _scorer(config, model)
        exclude_seen = config.evaluate.exclude_seen
        ranks = rank_cases(scorer, dataset, dataset.valid, exclude_seen=exclude_seen)
        return metrics_of(ranks, config.evaluate.top_k)

    return train(
        model,
        build_objective(config.reasoner),
        build_optimiser(model, config.train),
        samples,
        config.train,
        validate,
        CheckpointFolder(folder / CHECKPOINTS),
        partial(append_metrics, folder / METRICS),
        resume,
        on_step,
    )


def load(folder: str | Path, *, mark: str = "best", device: str = "auto") -> Run:
    """Load a trained run.

    Args:
        folder: Folder that `fit` wrote.
        mark: `best` or `last` checkpoint.
        device: Where it works; need not be where it was trained.

    Raises:
        CheckpointError: If the folder holds no sound run.
    """
    folder = Path(folder)
    config = read_config(folder)
    check_items(folder)
    catalogue, counts = read_items(folder / ITEMS)
    model = build_model(config, catalogue)
    load_model(CheckpointFolder(folder / CHECKPOINTS).find(mark), model)
    model.to(pick_device(device)).eval()
    return Run(folder, config, catalogue, _scorer(config, model), Popularity(counts))


def evaluate_run(
    run: Run, prepared: Prepared | None = None, knobs: EvaluateConfig | None = None
) -> list[Evaluation]:
    """Judge a run beside popularity and Markov on the test cases of its data.

    Args:
        run: The run.
        prepared: Its data, if the caller has them already.
        knobs: How to judge; by default as the run's own configuration says.

    Raises:
        CheckpointError: If the data changed since training.
        DataError: If there is no test case.
    """
    knobs = knobs or run.config.evaluate
    prepared = prepared or prepare(run.config.data, run.config.split, bad_rows_dir=run.folder)
    check_data(run.folder, prepared)
    dataset = prepared.dataset
    train, size = dataset.train(), dataset.index.size
    scorers: list[Scorer] = [Popularity.fit(train, size), Markov.fit(train, size), run.scorer]
    return [
        evaluate(
            scorer,
            dataset,
            dataset.test,
            top_k=knobs.top_k,
            exclude_seen=knobs.exclude_seen,
            resamples=knobs.resamples,
            confidence=knobs.confidence,
        )
        for scorer in scorers
    ]


def pick_device(name: str) -> torch.device:
    """The device of a name; `auto` takes an accelerator if there is one.

    Raises:
        ConfigError: If there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"device '{name}': not usable here ({reason[:100]}); use cpu or auto"
        ) from None
    return torch.device(name)


def _scorer(config: RunConfig, model: Recommender) -> ModelScorer:
    device = next(model.parameters()).device
    return ModelScorer(model, model_name(config), config.encoder.max_length, device)
