"""Blend a trained run with a baseline: its weight from validation, a new run folder out."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

from latentrec.blend_config import BlendConfig, PartnerName
from latentrec.blending import WEIGHTS, Blend
from latentrec.build import model_name
from latentrec.config import RunConfig
from latentrec.data.dataset import SequenceDataset
from latentrec.data.prepare import Prepared
from latentrec.errors import ConfigError
from latentrec.evaluate.baselines import fit_linked, too_large_for, tuned, validation_score
from latentrec.run import vectoriser_file
from latentrec.run.folder import (
    CHECKPOINTS,
    CONFIG,
    DATA,
    GIVEN,
    ITEMS,
    METRICS,
    PRETRAIN,
    RUN,
    check_data,
    read_config,
    read_json,
    write_json,
)
from latentrec.run.partner import Partner, write_partner
from latentrec.run.phase import REFERENCE
from latentrec.run.run import Run, load, prepared_data
from latentrec.train.checkpoint import CheckpointFolder

KEPT: Final = 500
"""Weights out of an item that a blend keeps; those of EASE reach every item."""


def blend(
    source: str | Path,
    folder: str | Path,
    *,
    partner: PartnerName | None = None,
    prepared: Prepared | None = None,
) -> Run:
    """Let a trained run and a counting baseline rank together, as a run of its own.

    Nothing is trained. The baseline's constants, then its weight, are those with the best NDCG@10
    on validation cases; weight 0 is among them. The new folder needs the old one no more.

    Args:
        source: Folder of the trained run.
        folder: Folder of the new run.
        partner: Which baseline; None tries all three and takes the best.
        prepared: The data, if the caller has prepared them already.

    Raises:
        ConfigError: If the folder holds a run already, the run is a blend, or its catalogue is too
            large for the partner.
        CheckpointError: If there is no sound run, or its data changed.
    """
    source, folder = Path(source), Path(folder)
    config = read_config(source)
    check_blend(config, source, folder)
    run = load(source)
    prepared = prepared or prepared_data(run)
    check_data(source, prepared)
    found = max(
        (_weighed(run, name, prepared.dataset) for name in _names(partner, prepared, config)),
        key=lambda each: each[0],
    )
    _write(source, folder, config, found[1], found[2])
    return load(folder)


def check_blend(config: RunConfig, source: Path, folder: Path) -> None:
    """Refuse a blend that cannot be made, before data are read, which may take minutes.

    Args:
        config: Configuration of the trained run.
        source: Its folder.
        folder: Folder of the new run.

    Raises:
        ConfigError: If the run is a blend already, or the folder holds a run.
    """
    if config.blend is not None:
        raise ConfigError(
            f"run {source}: is blended with {config.blend.partner} already; blend the run that it "
            "came from"
        )
    if any((folder / name).exists() for name in (CONFIG, PRETRAIN)):
        raise ConfigError(f"--out {folder}: holds a run already; take another folder for the blend")


def _names(
    partner: PartnerName | None, prepared: Prepared, config: RunConfig
) -> Iterator[PartnerName]:
    """The partners to try: all that the catalogue allows, unless one is asked for."""
    for name in get_args(PartnerName) if partner is None else (partner,):
        reason = too_large_for(name, prepared.dataset, config.evaluate)
        if reason and partner is not None:
            raise ConfigError(f"blend: {reason}, or blend with markov or item-knn")
        if not reason:
            yield name


def _weighed(
    run: Run, name: PartnerName, dataset: SequenceDataset
) -> tuple[float, PartnerName, Partner]:
    """A partner at its best weight, and the validation score of that."""
    hidden = run.config.evaluate.exclude_seen
    fitted = fit_linked(name, dataset, exclude_seen=hidden)
    links = fitted.links.strongest(KEPT)
    tries = (
        Blend(run.scorer, links, weight, name, f"weight={weight:g}, {fitted.settings}")
        for weight in WEIGHTS
    )
    best = tuned(tries, dataset, exclude_seen=hidden)
    score = validation_score(best, dataset, exclude_seen=hidden)
    return score, name, Partner(links, best.weight, best.settings)


def _write(
    source: Path, folder: Path, config: RunConfig, name: PartnerName, partner: Partner
) -> None:
    """Everything that a run needs, its best weights only; the configuration last."""
    blended = config.model_copy(update={"blend": BlendConfig(partner=name)})
    folder.mkdir(parents=True, exist_ok=True)
    for file in (ITEMS, DATA, GIVEN, METRICS, vectoriser_file.FILE.name):
        if (source / file).exists():
            shutil.copyfile(source / file, folder / file)
    if (source / REFERENCE).exists():
        shutil.copytree(source / REFERENCE, folder / REFERENCE, dirs_exist_ok=True)
    CheckpointFolder(folder / CHECKPOINTS).adopt(
        CheckpointFolder(source / CHECKPOINTS).find("best")
    )
    described: dict[str, Any] = read_json(source / RUN) | {
        "model": model_name(blended),
        "partner_sha256": write_partner(folder, partner),
    }
    write_json(folder / RUN, described)
    write_json(folder / CONFIG, blended.model_dump(mode="json"))
