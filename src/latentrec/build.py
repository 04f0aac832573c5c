"""From configuration to model, objective and optimiser: the only file that knows both sides."""

from typing import assert_never

import numpy as np
import torch
from torch import Tensor
from torch.optim import AdamW

from latentrec.config import (
    AnyItemsConfig,
    EncoderConfig,
    ErlConfig,
    ItemsConfig,
    LaresConfig,
    NoReasonerConfig,
    PlrConfig,
    PrlConfig,
    ReasonerConfig,
    RunConfig,
    SasrecConfig,
    TrainConfig,
    UnisrecItemsConfig,
)
from latentrec.data.catalogue import Catalogue
from latentrec.data.dataset import Histories, Int32s, Int64s
from latentrec.errors import ConfigError
from latentrec.index import FIRST_ITEM
from latentrec.loss_config import (
    ExactLossConfig,
    GbceLossConfig,
    InBatchLossConfig,
    LossConfig,
    SampledLossConfig,
    SceLossConfig,
)
from latentrec.model.encoder import SequenceEncoder, TransformerEncoder
from latentrec.model.items import FieldCodes, IdItemEncoder, ItemEncoder
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.reasoner.lares import (
    Adapter,
    AddAdapter,
    ConcatAdapter,
    LaresReasoner,
    LinearAdapter,
)
from latentrec.model.reasoner.none import NoReasoner
from latentrec.model.reasoner.plr import PlrReasoner
from latentrec.model.reasoner.prl import PrlReasoner
from latentrec.model.recommender import Recommender
from latentrec.model.text_items import TextItemEncoder
from latentrec.objective.contract import Objective, Ramp
from latentrec.objective.erl import ErlObjective
from latentrec.objective.gbce import GbceLoss
from latentrec.objective.lares import LaresObjective
from latentrec.objective.next_item import ExactLoss, NextItemLoss
from latentrec.objective.none import NextItemObjective
from latentrec.objective.plr import PlrObjective
from latentrec.objective.prl import PrlObjective
from latentrec.objective.sampled import InBatchLoss, SampledLoss
from latentrec.objective.sce import SceLoss


def build_model(config: RunConfig, catalogue: Catalogue) -> Recommender:
    """A freshly initialised recommender; seed torch before for repeatable weights.

    Raises:
        ConfigError: If `items.fields` names a field that the item table lacks, or text vectors are
            missing.
    """
    items = _items(config.items, catalogue, config.encoder.dim)
    encoder = _encoder(config.encoder)
    return Recommender(items, encoder, _reasoner(config.reasoner, config.encoder))


def build_objective(config: ReasonerConfig, next_item: NextItemLoss | None = None) -> Objective:
    """The objective that trains a reasoner; by default with the exact next-item loss."""
    match config:
        case NoReasonerConfig():
            return NextItemObjective(next_item)
        case ErlConfig():
            return ErlObjective(
                config.kl_weight,
                config.kl_cap,
                config.temperature,
                Ramp(config.warmup_epochs, config.ramp_epochs),
                config.term_positions,
                next_item,
            )
        case PrlConfig():
            return PrlObjective(
                config.temperature,
                config.temperature_scale,
                config.earlier_weight,
                config.contrastive_weight,
                config.noise_std,
                Ramp(config.warmup_epochs, config.ramp_epochs),
                config.term_positions,
                next_item,
            )
        case LaresConfig():
            return LaresObjective(
                config.trajectory_weight,
                config.step_weight,
                config.temperature,
                config.similarity,
                config.mask_same_target,
                next_item,
            )
        case PlrConfig():
            return PlrObjective(
                config.kl_weight,
                config.kl_cap,
                config.literal_sign,
                config.contrastive_weight,
                config.temperature,
                Ramp(config.warmup_epochs, config.ramp_epochs),
                config.term_positions,
                next_item,
            )
        case _:
            assert_never(config)


def build_loss(config: LossConfig, train: Histories, size: int) -> NextItemLoss:
    """The next-item loss; those that draw by popularity take it from the training part.

    Args:
        config: Which loss.
        train: Training part of every user.
        size: Number of item indices N.
    """
    match config:
        case ExactLossConfig():
            return ExactLoss()
        case SampledLossConfig():
            by_popularity = config.proposal == "popularity"
            counts = _counts(train.items if by_popularity else np.arange(FIRST_ITEM, size), size)
            return SampledLoss(config.negatives, counts)
        case InBatchLossConfig():
            return InBatchLoss(_counts(train.items, size))
        case SceLossConfig():
            return SceLoss(config.coverage, config.bucket_items)
        case GbceLossConfig():
            return GbceLoss(config.negatives, config.calibration)
        case _:
            assert_never(config)


def _counts(items: Int32s | Int64s, size: int) -> Tensor:
    """How often each item index occurs, shape (N,)."""
    return torch.from_numpy(np.bincount(items, minlength=size))


def needs_partners(config: ReasonerConfig) -> bool:
    """Whether the objective wants another history with the same target for each in a batch."""
    return isinstance(config, LaresConfig) and config.trajectory_weight + config.step_weight > 0


def build_optimiser(model: Recommender, config: TrainConfig) -> torch.optim.Optimizer:
    """Adam over all parameters, with decoupled weight decay."""
    return AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )


def model_name(config: RunConfig) -> str:
    """Row label of a configuration: `sasrec`, `unisrec` (SASRec over texts) or `sasrec+plr`."""
    reasoner, backbone = config.reasoner.kind, config.encoder.kind
    if isinstance(config.items, UnisrecItemsConfig):
        backbone = "unisrec" if backbone == "sasrec" else f"{backbone}-text"
    return backbone if reasoner == "none" else f"{backbone}+{reasoner}"


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


def _reasoner(config: ReasonerConfig, encoder: EncoderConfig) -> Reasoner:
    dim = encoder.dim
    match config:
        case NoReasonerConfig():
            return NoReasoner()
        case ErlConfig():
            return ErlReasoner(dim, config.steps)
        case PrlConfig():
            return PrlReasoner(dim, config.steps)
        case LaresConfig():
            return _lares(config, encoder)
        case PlrConfig():
            return PlrReasoner(dim, config.streams, config.steps)
        case _:
            assert_never(config)


def _lares(config: LaresConfig, encoder: EncoderConfig) -> LaresReasoner:
    return LaresReasoner(
        adapter=_adapter(config, encoder.dim),
        dim=encoder.dim,
        layers=config.core_layers,
        heads=encoder.heads,
        inner=encoder.inner,
        max_length=encoder.max_length,
        dropout=encoder.dropout,
        attention_dropout=encoder.attention_dropout,
        mean_steps=config.mean_steps,
        state_std=config.state_std,
        state_scale=config.state_scale,
    )


def _adapter(config: LaresConfig, dim: int) -> Adapter:
    match config.adapter:
        case "add":
            return AddAdapter()
        case "concat":
            return ConcatAdapter(dim)
        case "linear":
            return LinearAdapter()
