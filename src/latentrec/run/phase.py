"""What a run minimises and on which targets: its reasoner's objective, or post-training."""

import shutil
from copy import deepcopy
from pathlib import Path
from typing import Final

from latentrec.build import (
    build_loss,
    build_model,
    build_objective,
    build_post_objective,
    build_samples,
)
from latentrec.config import PostTrainConfig, RunConfig
from latentrec.data.batch import Samples, TrainingSamples, training_samples
from latentrec.data.catalogue import Catalogue
from latentrec.data.dataset import SequenceDataset
from latentrec.data.prepare import Prepared
from latentrec.errors import ConfigError, TrainingError
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Objective
from latentrec.run.folder import (
    CHECKPOINTS,
    ITEMS,
    check_data,
    check_items,
    read_config,
    write_json,
)
from latentrec.train.checkpoint import MANIFEST, MODEL, CheckpointFolder, load_model
from latentrec.train.reachable import reachable_targets

REFERENCE: Final = "reference"
"""Weights that a post-trained run started from, in its own folder."""
TARGETS: Final = "targets.json"
"""How many of the training targets post-training uses."""


def read_source(source: Path) -> RunConfig:
    """The configuration of a run that is to be trained further.

    Raises:
        ConfigError: If it is no LARES run.
        CheckpointError: If there is no run.
    """
    config = read_config(source)
    if config.reasoner.kind != "lares":
        raise ConfigError(
            f"run {source}: has reasoner '{config.reasoner.kind}', and post-training is the second "
            "phase of LARES; give a run trained with reasoner.kind='lares'"
        )
    if config.blend is not None:
        raise ConfigError(
            f"run {source}: is a blend, of which nothing is trained; give the run that it came from"
        )
    if config.encoder.kind == "bert4rec-cloze":
        raise ConfigError(
            f"run {source}: has encoder 'bert4rec-cloze', and post-training ranks next items, not "
            "masked ones; give a run with another encoder"
        )
    return config


def known_items(config: RunConfig, folder: Path, resume: bool) -> Path | None:
    """The items that a run must share, text vectors included; None if it may define its own.

    Raises:
        ConfigError: If it post-trains what is no LARES run.
        CheckpointError: If those items are gone or changed.
    """
    if resume:
        owner = folder
    elif config.post_train is None:
        return None
    else:
        owner = Path(config.post_train.source)
        read_source(owner)
    check_items(owner)
    return owner / ITEMS


def adopt_source(config: RunConfig, folder: Path, prepared: Prepared) -> None:
    """Copy the best weights of the run that is trained further into the new run's folder.

    The copy makes the folder whole: going on and judging need no other run.

    Raises:
        CheckpointError: If that run has no checkpoint, or the data changed since.
    """
    if config.post_train is None:
        return
    source = Path(config.post_train.source)
    check_data(source, prepared)
    best = CheckpointFolder(source / CHECKPOINTS).find("best")
    (folder / REFERENCE).mkdir(parents=True, exist_ok=True)
    for name in (MANIFEST, MODEL):
        shutil.copyfile(best / name, folder / REFERENCE / name)


def start_phase(
    config: RunConfig, folder: Path, model: Recommender, dataset: SequenceDataset
) -> tuple[Objective, TrainingSamples]:
    """The objective and the samples of a run; in post-training the model gets its first weights.

    Raises:
        CheckpointError: If the weights to start from are gone, changed or of another shape.
        TrainingError: If post-training has no target to train on.
    """
    post, train = config.post_train, dataset.train()
    if post is None:
        loss = build_loss(config.loss, train, dataset.index.size)
        return build_objective(config.reasoner, loss), build_samples(config, train)
    knobs = config.train
    samples = training_samples(
        train, config.encoder.max_length, knobs.positions, knobs.long_histories
    )
    load_model(folder / REFERENCE, model)
    reference = deepcopy(model)
    kept = _filtered(post, reference, samples, config.train.batch_size)
    write_json(folder / TARGETS, {"kept": kept.targets, "of": samples.targets})
    return build_post_objective(post, reference), kept


def reference_model(config: RunConfig, folder: Path, catalogue: Catalogue) -> Recommender:
    """The model that a post-trained run started from.

    Raises:
        CheckpointError: If its weights are gone or changed.
    """
    model = build_model(config, catalogue)
    load_model(folder / REFERENCE, model)
    return model.eval()


def _filtered(
    post: PostTrainConfig, model: Recommender, samples: Samples, batch_size: int
) -> Samples:
    if post.filter_top_k == 0:
        return samples
    kept = reachable_targets(model, samples, post.filter_top_k, post.filter_runs, batch_size)
    if not len(kept):
        raise TrainingError(
            f"post_train.filter_top_k={post.filter_top_k}: the trained run ranks no training "
            "target that high; raise it, or set it to 0 to train on all"
        )
    return kept
