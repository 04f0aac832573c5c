"""From configuration to what training needs: samples, objective, loss, optimiser."""

from typing import assert_never

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import AdamW

from latentrec.config import (
    Bert4recConfig,
    ClozeConfig,
    ErlConfig,
    HstuConfig,
    LaresConfig,
    NoReasonerConfig,
    PlrConfig,
    PostTrainConfig,
    PrlConfig,
    ReasonerConfig,
    RunConfig,
    SasrecConfig,
    TrainConfig,
)
from latentrec.data.batch import TrainingSamples, training_samples
from latentrec.data.cloze import cloze_samples
from latentrec.data.dataset import Histories, Int32s, Int64s
from latentrec.index import FIRST_ITEM
from latentrec.loss_config import (
    ExactLossConfig,
    GbceLossConfig,
    InBatchLossConfig,
    LossConfig,
    SampledLossConfig,
    SceLossConfig,
)
from latentrec.model.recommender import Recommender
from latentrec.objective.contract import Objective, Ramp
from latentrec.objective.erl import ErlObjective
from latentrec.objective.gbce import GbceLoss
from latentrec.objective.lares import LaresObjective
from latentrec.objective.lares_post import LaresPostObjective
from latentrec.objective.next_item import ExactLoss, NextItemLoss
from latentrec.objective.none import NextItemObjective
from latentrec.objective.plr import PlrObjective
from latentrec.objective.prl import PrlObjective
from latentrec.objective.sampled import InBatchLoss, SampledLoss
from latentrec.objective.sce import SceLoss
from latentrec.objective.unisrec import UnisrecObjective
from latentrec.pretrain_config import ContrastConfig
from latentrec.reasoner_config import needs_partners


def build_samples(config: RunConfig, train: Histories) -> TrainingSamples:
    """What an epoch is made of: the histories as the backbone wants to be trained on them."""
    encoder, knobs = config.encoder, config.train
    match encoder:
        case ClozeConfig():
            return cloze_samples(
                train,
                encoder.max_length,
                knobs.long_histories,
                encoder.mask_probability,
                encoder.last_share,
            )
        case SasrecConfig() | Bert4recConfig() | HstuConfig():
            return training_samples(
                train,
                encoder.max_length,
                knobs.positions,
                knobs.long_histories,
                needs_partners(config.reasoner),
            )
        case _:
            assert_never(encoder)


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


def build_post_objective(config: PostTrainConfig, reference: Recommender) -> Objective:
    """The objective that trains a reasoner further, beside a frozen reference model."""
    return LaresPostObjective(
        reference,
        config.rollouts,
        config.reward,
        config.top_k,
        config.penalty_weight,
        config.push_down,
        config.shared_start,
    )


def build_pretraining(
    config: ContrastConfig, dropped: Float[Tensor, "N X"] | None
) -> UnisrecObjective:
    """The objective of a pre-training on several domains."""
    return UnisrecObjective(
        config.sequence_weight,
        config.mask_compat,
        config.item_drop,
        config.item_drop_chance,
        config.word_share,
        config.term_positions,
        dropped,
    )


def build_optimiser(model: Recommender, config: TrainConfig) -> torch.optim.Optimizer:
    """Adam over all parameters, with decoupled weight decay."""
    return AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )


def _counts(items: Int32s | Int64s, size: int) -> Tensor:
    """How often each item index occurs, shape (N,)."""
    return torch.from_numpy(np.bincount(items, minlength=size))
