"""Train, load, judge and use a run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import polars as pl
import torch

from latentrec.baselines.popularity import Popularity
from latentrec.blending import Blend
from latentrec.build import (
    build_model,
    build_optimiser,
    build_question,
    model_name,
)
from latentrec.config import RunConfig
from latentrec.data.batch import TrainingSamples
from latentrec.data.catalogue import Catalogue
from latentrec.data.dataset import Histories, SequenceDataset
from latentrec.data.prepare import Prepared, prepare
from latentrec.errors import ConfigError
from latentrec.evaluate.evaluate import rank_cases
from latentrec.evaluate.metrics import metrics_of
from latentrec.explain import Explanation, explain
from latentrec.index import FIRST_ITEM, ItemIndex
from latentrec.model.reasoner.effort import Effort
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Objective
from latentrec.recommend import Recommendations, recommend
from latentrec.run.folder import (
    CHECKPOINTS,
    ITEMS,
    RUN,
    check_data,
    check_items,
    check_start,
    keep_epoch,
    read_config,
    read_json,
    reopen_folder,
    start_folder,
)
from latentrec.run.items import add_text, read_items
from latentrec.run.new_items import check_can_grow, extended
from latentrec.run.partner import Partner, read_partner
from latentrec.run.phase import adopt_source, known_items, start_phase
from latentrec.run.pretrained import (
    known_vectoriser,
    start_from_pretrained,
    vectoriser_if_kept,
)
from latentrec.run.vectoriser_file import read_vectoriser
from latentrec.scorer import ModelScorer, Scorer
from latentrec.similar import Similar, similar
from latentrec.train.checkpoint import CheckpointFolder, load_model
from latentrec.train.loop import EpochReport, OnStep
from latentrec.train.loop import fit as train

if TYPE_CHECKING:
    from latentrec.run.judged import Judged


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
        partner: The baseline that ranks together with the model, None if the model ranks alone.
    """

    folder: Path
    config: RunConfig
    catalogue: Catalogue
    scorer: ModelScorer
    fallback: Popularity
    partner: Partner | None = None

    @property
    def index(self) -> ItemIndex:
        """Item ids and item indices."""
        return self.catalogue.index

    @property
    def ranker(self) -> Scorer:
        """What recommends: the model, or its blend with a partner."""
        if self.partner is None:
            return self.scorer
        name = model_name(self.config)
        return Blend(self.scorer, self.partner.links, self.partner.weight, name)

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
            self.ranker,
            self.index,
            histories,
            top_k=top_k,
            exclude_seen=exclude_seen,
            allow=allow,
            deny=deny,
            fallback=self.fallback,
        )

    def limited(self, effort: Effort) -> "Run":
        """The same run at another effort: keep it and call it as often as you like.

        Weights are shared, not copied, so a run and its limited views can stand side by side.

        Args:
            effort: Streams, steps and early exit; None leaves as trained.

        Raises:
            ConfigError: If the model has fewer streams or steps, or no early exit.
        """
        return replace(self, scorer=self.scorer.limited(effort))

    def with_new_items(self, table: pl.DataFrame) -> "Run":
        """The run with further items, known by their texts only and recommended like all others.

        Nothing is trained and this run stays as it is. Scores of the old items do not change, and
        histories may hold new items. An item without a word that training knew gets the mean
        vector; in popularity new items count 0.

        Args:
            table: Columns `item_id`, and `title`, `categories` (a list, or text with `|`) and
                `store` where the run has them; `vector` where the run reads given vectors.

        Raises:
            ConfigError: If the run reads its items by ids.
            DataError: If an item is known already, or has no usable vector.
            CheckpointError: If the run keeps no text vectoriser.
        """
        knobs = check_can_grow(self.config)
        expected = read_json(self.folder / RUN).get("text_sha256")
        vectoriser = read_vectoriser(self.folder, expected)
        catalogue, places = extended(self.catalogue, knobs, vectoriser, table)
        trained = self.scorer.model
        items = build_model(self.config, catalogue).items.to(self.scorer.device)
        items.load_state_dict(trained.items.state_dict())
        model = Recommender(items, trained.encoder, trained.reasoner)
        counts = torch.zeros(catalogue.index.size)
        old = self.fallback.scores(Histories.from_lists([[FIRST_ITEM]]))[0]
        counts[torch.from_numpy(places).long()] = old
        return replace(
            self,
            catalogue=catalogue,
            scorer=model_scorer(self.config, model.eval()),
            fallback=Popularity(counts),
        )

    def explain(self, history: Sequence[str], item_ids: Sequence[str]) -> Explanation:
        """Which items of a history moved each of some items, and what the model looked at.

        Raises:
            ConfigError: If no item of the history is known.
            UnknownItemError: If an item to explain is not in the catalogue.
        """
        question = build_question(self.config.encoder)
        return explain(self.scorer, self.index, history, item_ids, question=question)

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
    items = known_items(config, folder, resume)
    prepared = prepared or prepare(config.data, config.split, bad_rows_dir=folder)
    known = vectoriser_if_kept(items.parent) if items else known_vectoriser(config)
    prepared = add_text(prepared, config.items, items, known)
    dataset = prepared.dataset
    torch.manual_seed(config.train.seed)
    model = build_model(config, dataset.catalogue).to(pick_device(config.train.device))
    going_on = resume and reopen_folder(config, folder, prepared)
    fresh = not going_on and config.post_train is None
    start_from_pretrained(model, config, weights=fresh)
    if not resume:
        adopt_source(config, folder, prepared)
    objective, samples = start_phase(config, folder, model, dataset)
    if not resume:
        start_folder(config, folder, prepared, given or {})
    return _epochs(config, folder, dataset, model, objective, samples, going_on, on_step)


def _epochs(
    config: RunConfig,
    folder: Path,
    dataset: SequenceDataset,
    model: Recommender,
    objective: Objective,
    samples: TrainingSamples,
    resume: bool,
    on_step: OnStep | None,
) -> Iterator[EpochReport]:
    def validate(model: Recommender) -> dict[str, float]:
        scorer = model_scorer(config, model)
        exclude_seen = config.evaluate.exclude_seen
        ranks = rank_cases(scorer, dataset, dataset.valid, exclude_seen=exclude_seen)
        return metrics_of(ranks, config.evaluate.top_k)

    return train(
        model,
        objective,
        build_optimiser(model, config.train),
        samples,
        config.train,
        validate,
        CheckpointFolder(folder / CHECKPOINTS),
        partial(keep_epoch, folder),
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
    partner = None
    if config.blend is not None:
        partner = read_partner(folder, read_json(folder / RUN).get("partner_sha256"))
    return Run(folder, config, catalogue, model_scorer(config, model), Popularity(counts), partner)


def refuse_blend(run: Run, what: str) -> None:
    """Raise ConfigError on a blended run, for what can rank by the model alone only."""
    if run.partner is not None:
        raise ConfigError(
            f"{what}: can hold the model alone, and {run.folder} is blended with a baseline; take "
            "the run that it came from"
        )


def prepared_data(run: "Run | Judged") -> Prepared:
    """The data that a run was trained on, read again.

    Raises:
        CheckpointError: If the data changed since training.
        DataError: If the data break a rule.
    """
    prepared = prepare(run.config.data, run.config.split, bad_rows_dir=run.folder)
    check_data(run.folder, prepared)
    return prepared


def pick_device(name: str) -> torch.device:
    """The device of a name; `auto` takes an accelerator if there is one.

    Raises:
        ConfigError: If there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.device(name)
    except RuntimeError:
        raise ConfigError(f"device '{name}': must be auto, cpu, cuda or mps") from None
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"device '{name}': not usable here ({reason[:100]}); use cpu or auto"
        ) from None
    return torch.device(name)


def model_scorer(config: RunConfig, model: Recommender) -> ModelScorer:
    """The model of a configuration as a scorer, whatever it is blended with."""
    device = next(model.parameters()).device
    question = build_question(config.encoder)
    alone = config.model_copy(update={"blend": None})
    return ModelScorer(model, model_name(alone), config.encoder.max_length, device, question)
