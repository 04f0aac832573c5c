"""From configuration to a reasoner and its parts."""

from functools import partial
from typing import assert_never

from latentrec.config import (
    EncoderConfig,
    ErlConfig,
    LaresConfig,
    NoReasonerConfig,
    PlrConfig,
    PrlConfig,
    ReasonerConfig,
)
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
    NO_TRIGGER,
    Gate,
    MakeSteps,
    PerStepGate,
    PlrParts,
    StartGate,
    Top1Gate,
    Trigger,
    UniformGate,
    added,
    alone,
    fast_and_slow,
    learnt,
    no_steps,
    orthogonal,
    shared_steps,
    slow,
    stream_steps,
)
from latentrec.model.reasoner.prl import PrlReasoner


def build_reasoner(config: ReasonerConfig, encoder: EncoderConfig) -> Reasoner:
    """The reasoner that goes with an encoder."""
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
    std = config.trigger_std
    match config.trigger:
        case "added":
            return Trigger(partial(learnt, std=std), added)
        case "token":
            return Trigger(partial(learnt, std=std), alone)
        case "orthogonal":
            return Trigger(partial(orthogonal, std=std), added)
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
