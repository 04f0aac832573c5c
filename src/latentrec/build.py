"""From configuration to model, objective and optimiser: the only file that knows both sides."""

from typing import assert_never

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import AdamW

from latentrec.config import (
    AnyItemsConfig,
    Bert4recConfig,
    ClozeConfig,
    EncoderConfig,
    ErlConfig,
    HstuConfig,
    ItemsConfig,
    LaresConfig,
    NoReasonerConfig,
    PlrConfig,
    PostTrainConfig,
    PrlConfig,
    ReasonerConfig,
    RunConfig,
    SasrecConfig,
    TrainConfig,
    UnisrecItemsConfig,
)
from latentrec.data.batch import Question, TrainingSamples, last_items, training_samples
from latentrec.data.catalogue import Catalogue
from latentrec.data.cloze import cloze_samples, masked_ends
from latentrec.data.dataset import Histories
from latentrec.errors import ConfigError
from latentrec.model.encoder import SequenceEncoder, TransformerEncoder
from latentrec.model.hstu import HstuEncoder
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
from latentrec.model.reasoner.plr_parts import (
    ADDED,
    NO_TRIGGER,
    ORTHOGONAL,
    TOKEN,
    Gate,
    MakeSteps,
    PerStepGate,
    PlrParts,
    StartGate,
    Top1Gate,
    Trigger,
    UniformGate,
    fast_and_slow,
    no_steps,
    shared_steps,
    slow,
    stream_steps,
)
from latentrec.model.reasoner.prl import PrlReasoner
from latentrec.model.recommender import Recommender
from latentrec.model.text_items import TextItemEncoder
from latentrec.objective.contract import Objective, Ramp
from latentrec.objective.erl import ErlObjective
from latentrec.objective.lares import LaresObjective
from latentrec.objective.lares_post import LaresPostObjective
from latentrec.objective.none import NextItemObjective
from latentrec.objective.plr import PlrObjective
from latentrec.objective.prl import PrlObjective
from latentrec.objective.unisrec import UnisrecObjective
from latentrec.pretrain_config import ContrastConfig
from latentrec.reasoner_config import needs_partners


def build_model(config: RunConfig, catalogue: Catalogue) -> Recommender:
    """A freshly initialised recommender; seed torch before for repeatable weights.

    Raises:
        ConfigError: If `items.fields` names a field that the item table lacks, or text vectors are
            missing.
    """
    items = _items(config.items, catalogue, config.encoder.dim)
    encoder = _encoder(config.encoder)
    return Recommender(items, encoder, _reasoner(config.reasoner, config.encoder))


def build_objective(config: ReasonerConfig) -> Objective:
    """The objective that trains a reasoner."""
    match config:
        case NoReasonerConfig():
            return NextItemObjective()
        case ErlConfig():
            return ErlObjective(
                config.kl_weight,
                config.kl_cap,
                config.temperature,
                Ramp(config.warmup_epochs, config.ramp_epochs),
                config.term_positions,
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
            )
        case LaresConfig():
            return LaresObjective(
                config.trajectory_weight,
                config.step_weight,
                config.temperature,
                config.similarity,
                config.mask_same_target,
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
            )
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


def build_question(config: EncoderConfig) -> Question:
    """How a history is put to the backbone when it ranks."""
    return masked_ends if isinstance(config, ClozeConfig) else last_items


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


def model_name(config: RunConfig) -> str:
    """Row label of a configuration: `sasrec`, `unisrec` (SASRec over texts) or `sasrec+plr`.

    A post-trained run has `+rpt` at the end.
    """
    reasoner, backbone = config.reasoner.kind, config.encoder.kind
    if isinstance(config.items, UnisrecItemsConfig):
        backbone = "unisrec" if backbone == "sasrec" else f"{backbone}-text"
    name = backbone if reasoner == "none" else f"{backbone}+{reasoner}"
    return name if config.post_train is None else f"{name}+rpt"


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
            return PlrReasoner(dim, config.streams, config.steps, _plr_parts(config))
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


def _plr_parts(config: PlrConfig) -> PlrParts:
    rank = fast_and_slow if config.dual_inference else slow
    return PlrParts(_trigger(config), _step_embedding(config), _gate(config), rank)


def _trigger(config: PlrConfig) -> Trigger:
    match config.trigger:
        case "added":
            return ADDED
        case "token":
            return TOKEN
        case "orthogonal":
            return ORTHOGONAL
        case "none":
            return NO_TRIGGER


def _step_embedding(config: PlrConfig) -> MakeSteps:
    match config.step_embedding:
        case "shared":
            return shared_steps
        case "stream":
            return stream_steps
        case "none":
            return no_steps


def _gate(config: PlrConfig) -> type[Gate]:
    match config.gate:
        case "start":
            return StartGate
        case "uniform":
            return UniformGate
        case "top-1":
            return Top1Gate
        case "per-step":
            return PerStepGate
