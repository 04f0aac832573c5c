"""From configuration and catalogue to a recommender: items, encoder, reasoner."""

from typing import assert_never

import torch

from latentrec.build.reasoner import build_reasoner
from latentrec.config import (
    AnyItemsConfig,
    Bert4recConfig,
    ClozeConfig,
    EncoderConfig,
    HstuConfig,
    ItemsConfig,
    RunConfig,
    SasrecConfig,
    UnisrecItemsConfig,
)
from latentrec.data.batch import Question, last_items
from latentrec.data.catalogue import Catalogue
from latentrec.data.cloze import masked_ends
from latentrec.errors import ConfigError
from latentrec.model.encoder import SequenceEncoder, TransformerEncoder
from latentrec.model.hstu import HstuEncoder
from latentrec.model.items import FieldCodes, IdItemEncoder, ItemEncoder
from latentrec.model.recommender import Recommender
from latentrec.model.text_items import TextItemEncoder


def build_model(config: RunConfig, catalogue: Catalogue) -> Recommender:
    """A freshly initialised recommender; seed torch before for repeatable weights.

    Raises:
        ConfigError: If `items.fields` names a field that the item table lacks, or text vectors are
            missing.
    """
    items = _items(config.items, catalogue, config.encoder.dim)
    encoder = _encoder(config.encoder)
    return Recommender(items, encoder, build_reasoner(config.reasoner, config.encoder))


def build_question(config: EncoderConfig) -> Question:
    """How a history is put to the backbone when it ranks."""
    return masked_ends if isinstance(config, ClozeConfig) else last_items


def model_name(config: RunConfig) -> str:
    """Row label of a configuration: `sasrec`, `unisrec` (SASRec over texts) or `sasrec+plr`.

    A post-trained run has `+rpt` behind it, a blended one the baseline's name.
    """
    reasoner, backbone = config.reasoner.kind, config.encoder.kind
    if isinstance(config.items, UnisrecItemsConfig):
        backbone = "unisrec" if backbone == "sasrec" else f"{backbone}-text"
    name = backbone if reasoner == "none" else f"{backbone}+{reasoner}"
    name = name if config.post_train is None else f"{name}+rpt"
    return name if config.blend is None else f"{name}+{config.blend.partner}"


def _items(config: AnyItemsConfig, catalogue: Catalogue, dim: int) -> ItemEncoder:
    match config:
        case ItemsConfig():
            return _id_items(config, catalogue, dim)
        case UnisrecItemsConfig():
            return _text_items(config, catalogue, dim)
        case _:
            assert_never(config)


def _text_items(config: UnisrecItemsConfig, catalogue: Catalogue, dim: int) -> TextItemEncoder:
    if catalogue.text is None:
        raise ConfigError(
            "items.kind='text': the catalogue has no text vectors; put them there with "
            "latentrec.data.item_text.vectors.with_text"
        )
    return TextItemEncoder(
        torch.from_numpy(catalogue.text),
        dim,
        config.experts,
        config.dropout,
        config.temperature,
        config.use_ids,
    )


def _id_items(config: ItemsConfig, catalogue: Catalogue, dim: int) -> IdItemEncoder:
    known = {field.name: field for field in catalogue.fields}
    for name in config.fields:
        if name not in known:
            have = ", ".join(known) or "none"
            raise ConfigError(
                f"items.fields: '{name}' is not a field of the item table (has: {have})"
            )
    fields = [
        FieldCodes(
            len(known[name].values),
            torch.from_numpy(known[name].codes).long(),
            torch.from_numpy(known[name].offsets).long(),
        )
        for name in config.fields
    ]
    return IdItemEncoder(catalogue.index.size, dim, fields)


def _encoder(config: EncoderConfig) -> SequenceEncoder:
    match config:
        case HstuConfig():
            return HstuEncoder(
                dim=config.dim,
                layers=config.layers,
                heads=config.heads,
                max_length=config.max_length,
                dropout=config.dropout,
                attention_dropout=config.attention_dropout,
            )
        case SasrecConfig() | Bert4recConfig() | ClozeConfig():
            return _transformer(config)
        case _:
            assert_never(config)


def _transformer(config: SasrecConfig | Bert4recConfig | ClozeConfig) -> TransformerEncoder:
    return TransformerEncoder(
        dim=config.dim,
        layers=config.layers,
        heads=config.heads,
        inner=config.inner,
        max_length=config.max_length,
        dropout=config.dropout,
        attention_dropout=config.attention_dropout,
        causal=isinstance(config, SasrecConfig),
    )
