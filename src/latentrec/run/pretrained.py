"""What a fine-tuning takes from a pre-training: vectoriser, experts and encoder."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from latentrec.build import build_model
from latentrec.config import RunConfig, UnisrecItemsConfig
from latentrec.data.catalogue import Catalogue
from latentrec.data.item_text.vectoriser import GIVEN, TextVectoriser
from latentrec.errors import CheckpointError, ConfigError
from latentrec.index import FIRST_ITEM, ItemIndex
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.recommender import Recommender
from latentrec.model.text_items import TextItemEncoder
from latentrec.pretrain_config import PretrainConfig, parse_pretrain
from latentrec.run.folder import CHECKPOINTS, PRETRAIN, RUN, read_json
from latentrec.run.vectoriser_file import read_vectoriser
from latentrec.train.checkpoint import CheckpointFolder, load_model

_ENCODER: Final = ("kind", "dim", "layers", "heads", "inner", "max_length")
"""Encoder settings that weights depend on."""


def read_pretrain_config(folder: Path) -> PretrainConfig:
    """The configuration of a pre-training.

    Raises:
        CheckpointError: If the folder holds none.
    """
    if not (folder / PRETRAIN).is_file():
        raise CheckpointError(
            f"{folder}: no pre-training there ({PRETRAIN} is missing); give the folder that "
            "`latentrec pretrain --run FOLDER` wrote"
        )
    return parse_pretrain(read_json(folder / PRETRAIN))


def kept_vectoriser(folder: Path) -> TextVectoriser:
    """The vectoriser that a pre-training was fitted with.

    Raises:
        CheckpointError: If it is missing or changed.
    """
    return read_vectoriser(folder, read_json(folder / RUN).get("text_sha256"))


def vectoriser_if_kept(folder: Path) -> TextVectoriser | None:
    """The vectoriser of a run; None if it reads its items by ids or is of an older release.

    Raises:
        CheckpointError: If it is missing or changed.
    """
    expected = read_json(folder / RUN).get("text_sha256")
    return None if expected is None else read_vectoriser(folder, expected)


def start_settings(folder: Path) -> dict[str, Any]:
    """Settings that a run must share with a pre-training to start from it, as nested values.

    Raises:
        CheckpointError: If the folder holds no pre-training.
    """
    config = read_pretrain_config(folder)
    items: dict[str, Any] = {
        "kind": "text",
        "pretrained": str(folder.resolve()),
        "experts": config.items.experts,
    }
    vectoriser = kept_vectoriser(folder)
    if vectoriser.source != GIVEN:
        items |= {"source": vectoriser.source}
        items |= {"pooling": vectoriser.pooling} if vectoriser.pooling else {}
    return {"items": items, "encoder": {name: getattr(config.encoder, name) for name in _ENCODER}}


def known_vectoriser(config: RunConfig) -> TextVectoriser | None:
    """The vectoriser of the pre-training that a run starts from; None if it starts from nothing."""
    folder = _folder(config)
    return None if folder is None else kept_vectoriser(folder)


def start_from_pretrained(model: Recommender, config: RunConfig, weights: bool) -> None:
    """Give a fresh model pre-trained experts and encoder, and fix what fine-tuning leaves alone.

    Nothing happens where the configuration names no pre-training. Positions and blocks are fixed,
    the input LayerNorm learns, as in the authors' code; a reasoner and ids start fresh.

    Args:
        model: Changed in place.
        config: Its configuration.
        weights: Whether to copy weights; not for a run that goes on from its own checkpoint.

    Raises:
        ConfigError: If the configuration does not fit the pre-training's.
        CheckpointError: If the pre-training is incomplete or was changed.
    """
    folder = _folder(config)
    if folder is None:
        return
    encoder = model.encoder
    assert isinstance(encoder, TransformerEncoder), "the configuration builds no other encoder"
    if weights:
        source = _load(folder, config)
        assert isinstance(source.items, TextItemEncoder), "a pre-training reads texts"
        assert isinstance(model.items, TextItemEncoder), "items.pretrained goes with texts"
        model.items.mixture.load_state_dict(source.items.mixture.state_dict())
        encoder.load_state_dict(source.encoder.state_dict())
    assert isinstance(config.items, UnisrecItemsConfig), "_folder looks at text items only"
    if config.items.fix_encoder:
        encoder.position.requires_grad_(False)
        encoder.blocks.requires_grad_(False)


def _folder(config: RunConfig) -> Path | None:
    items = config.items
    if not isinstance(items, UnisrecItemsConfig) or items.pretrained is None:
        return None
    return Path(items.pretrained)


def _load(folder: Path, config: RunConfig) -> Recommender:
    """The pre-trained model over an empty catalogue."""
    theirs = read_pretrain_config(folder)
    _check_fits(config, theirs, folder)
    text = np.zeros((FIRST_ITEM, kept_vectoriser(folder).dim), dtype=np.float32)
    model = build_model(theirs.as_run, Catalogue(ItemIndex([]), text=text))
    load_model(CheckpointFolder(folder / CHECKPOINTS).find("best"), model)
    return model


def _check_fits(config: RunConfig, theirs: PretrainConfig, folder: Path) -> None:
    pairs = [("encoder", name) for name in _ENCODER] + [("items", "experts")]
    for section, name in pairs:
        ours = getattr(getattr(config, section), name)
        wanted = getattr(getattr(theirs, section), name)
        if ours != wanted:
            raise ConfigError(
                f"{section}.{name}={ours!r}: the pre-training in {folder} has {wanted!r}; set it "
                "so, or take `latentrec fit --from`, which does"
            )
