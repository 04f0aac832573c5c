"""Pre-train a text model on several domains, into a folder that fine-tuning starts from."""

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import torch

from latentrec.build import build_model, build_optimiser, build_pretraining
from latentrec.data.batch import training_samples
from latentrec.data.dataset import SequenceDataset
from latentrec.data.prepare import Prepared, fingerprint
from latentrec.errors import CheckpointError, ConfigError
from latentrec.evaluate.evaluate import rank_cases
from latentrec.evaluate.metrics import metrics_of
from latentrec.model.recommender import Recommender
from latentrec.pretrain_config import PretrainConfig
from latentrec.run.domains import dropped_text, join_domains, prepare_domains
from latentrec.run.folder import (
    CHECKPOINTS,
    CONFIG,
    FREE_ON_RESUME,
    PRETRAIN,
    RUN,
    check_usable,
    environment,
    forget_unsaved_epochs,
    keep_epoch,
    read_json,
    write_json,
)
from latentrec.run.pretrained import kept_vectoriser, read_pretrain_config
from latentrec.run.run import pick_device
from latentrec.run.vectoriser_file import write_vectoriser
from latentrec.scorer import ModelScorer
from latentrec.train.checkpoint import CheckpointFolder
from latentrec.train.loop import EpochReport, OnStep
from latentrec.train.loop import fit as train


def pretrain(
    config: PretrainConfig,
    folder: str | Path,
    *,
    prepared: Mapping[str, Prepared] | None = None,
    resume: bool = False,
    on_step: OnStep | None = None,
) -> Iterator[EpochReport]:
    """Pre-train UniSRec on several domains: one report an epoch, everything kept in the folder.

    The best epoch is chosen by validation over the items of all domains together. Start from the
    folder with `items.pretrained`, or `latentrec fit --from`.

    Paper: UniSRec (arXiv 2206.05941).

    Args:
        config: From `load_pretrain`.
        folder: Folder of the pre-training; new, or with `resume` an existing one.
        prepared: The domains, if the caller has prepared them already.
        resume: Go on from the last checkpoint; equal to a pre-training never interrupted.
        on_step: Told about every batch.

    Raises:
        ConfigError: If the folder holds something already, or the configuration changed.
        CheckpointError: If a resumed pre-training has no sound checkpoint, or its data changed.
        DataError: If the data of a domain break a rule.
        TrainingError: If a loss is not finite.
    """
    folder = Path(folder)
    check_pretrain_start(config, folder, resume)
    known = kept_vectoriser(folder) if resume else None
    dataset = join_domains(prepared or prepare_domains(config, folder), config, known)
    torch.manual_seed(config.train.seed)
    model = build_model(config.as_run, dataset.catalogue).to(pick_device(config.train.device))
    if resume:
        _check_same_data(folder, dataset)
        resume = forget_unsaved_epochs(folder)
    else:
        _start(config, folder, dataset)
    return _epochs(config, folder, dataset, model, resume, on_step)


def check_pretrain_start(config: PretrainConfig, folder: Path, resume: bool) -> None:
    """Refuse what cannot start in a folder before the data are read.

    Raises:
        ConfigError: If a new pre-training meets an old folder, a resumed one differs, or the folder
            cannot be used.
        CheckpointError: If there is nothing to resume.
    """
    check_usable(f"folder {folder}", folder)
    if not resume and any((folder / name).exists() for name in (CONFIG, PRETRAIN)):
        raise ConfigError(
            f"folder {folder}: holds a run or a pre-training already; go on with --resume or take "
            "another folder"
        )
    if resume and _fixed(read_pretrain_config(folder)) != _fixed(config):
        raise ConfigError(
            f"folder {folder}: the pre-training was started with other settings; a resumed one "
            f"keeps them, but for train.{', train.'.join(FREE_ON_RESUME)}"
        )


def _fixed(config: PretrainConfig) -> PretrainConfig:
    """The configuration without what may change on resuming."""
    usual = {name: type(config.train).model_fields[name].default for name in FREE_ON_RESUME}
    return config.model_copy(update={"train": config.train.model_copy(update=usual)})


def _start(config: PretrainConfig, folder: Path, dataset: SequenceDataset) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    assert dataset.catalogue.vectoriser is not None, "join_domains gives the vectoriser"
    described = {
        "model": "unisrec",
        "data_fingerprint": _data_of(dataset),
        "text_sha256": write_vectoriser(folder, dataset.catalogue.vectoriser),
        "environment": environment(),
    }
    write_json(folder / RUN, described)
    write_json(folder / PRETRAIN, config.model_dump(mode="json"))


def _data_of(dataset: SequenceDataset) -> str:
    """A fingerprint of the joined data and all text vectors."""
    assert dataset.catalogue.text is not None, "join_domains gives text vectors"
    digest = hashlib.sha256(fingerprint(dataset).encode())
    digest.update(dataset.catalogue.text.tobytes())
    return digest.hexdigest()


def _check_same_data(folder: Path, dataset: SequenceDataset) -> None:
    if _data_of(dataset) != read_json(folder / RUN)["data_fingerprint"]:
        raise CheckpointError(
            f"folder {folder}: the data or texts changed since the pre-training was started; give "
            "back the old ones or start anew"
        )


def _epochs(
    config: PretrainConfig,
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
    )
    device = next(model.parameters()).device
    dropped = dropped_text(dataset.catalogue, config.contrast.word_drop, config.train.seed)

    def validate(model: Recommender) -> dict[str, float]:
        scorer = ModelScorer(model, "unisrec", config.encoder.max_length, device)
        exclude_seen = config.evaluate.exclude_seen
        ranks = rank_cases(scorer, dataset, dataset.valid, exclude_seen=exclude_seen)
        return metrics_of(ranks, config.evaluate.top_k)

    return train(
        model,
        build_pretraining(config.contrast, dropped),
        build_optimiser(model, config.train),
        samples,
        config.train,
        validate,
        CheckpointFolder(folder / CHECKPOINTS),
        partial(keep_epoch, folder),
        resume,
        on_step,
    )
