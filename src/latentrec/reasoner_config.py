"""The settings of every reasoner and its objective: one table a method."""

from typing import Annotated, Literal, TypeAlias, final

from pydantic import Field

from latentrec.knobs import Count, Knobs, Positive, PositiveInt, Weight


@final
class NoReasonerConfig(Knobs):
    """No reasoning: the encoder's state is scored."""

    kind: Literal["none"] = "none"


@final
class PlrConfig(Knobs):
    """Parallel latent reasoning: M streams of T steps (arXiv 2601.03153)."""

    kind: Literal["plr"] = "plr"
    streams: PositiveInt = 2
    """Number of streams M."""
    steps: PositiveInt = 2
    """Reasoning steps T of each stream."""
    trigger: Literal["added", "token", "orthogonal", "none"] = "added"
    """Start of streams: h_0 plus learnt or fixed orthogonal vectors, learnt alone, or h_0 alone."""
    trigger_std: Positive = 0.02
    """Standard deviation of fresh triggers; larger ones part the streams (docs/adr/0049)."""
    step_embedding: Literal["shared", "stream", "none"] = "shared"
    """What marks a step: a vector for all streams, one for each stream, or nothing."""
    gate: Literal["start", "uniform", "top-1", "per-step"] = "start"
    """Mixes streams: a softmax of h_0, their mean, its best one, or a softmax over all states."""
    dual_inference: bool = True
    """Rank with h_0 + z_rea (Eq. 10); without it with z_rea, which is what is trained."""
    kl_weight: Weight = 0.1
    """Weight lambda of the diversity term, subtracted from the loss (docs/adr/0001)."""
    kl_cap: Positive = 5.0
    """Divergence (nats) of a history beyond which the diversity term no longer pushes."""
    literal_sign: bool = False
    """Add the diversity term as printed in Eq. 11 instead of subtracting it: streams get alike."""
    contrastive_weight: Weight = 0.1
    """Weight of the reasoning contrastive loss (paper: 1)."""
    temperature: Positive = 1.0
    """Temperature of the contrastive loss."""
    warmup_epochs: Count = 2
    """First epochs that train the encoder alone, before any reasoning (docs/adr/0008)."""
    ramp_epochs: Count = 2
    """Epochs after the warm-up over which the weights of both terms grow to their full value."""
    term_positions: Count = 1
    """Positions of each history on which diversity and contrast are evaluated; 0 means all."""


@final
class ErlConfig(Knobs):
    """Ensemble reasoning: the mean of h_0 and T steps (ReaRec, arXiv 2503.22675)."""

    kind: Literal["erl"] = "erl"
    steps: PositiveInt = 2
    """Reasoning steps T."""
    kl_weight: Weight = 0.05
    """Weight lambda of the diversity of the states, subtracted from the loss (docs/adr/0017)."""
    kl_cap: Positive = 5.0
    """Divergence (nats) of a history beyond which the diversity term no longer pushes."""
    temperature: Positive = 1.0
    """Divides the logits of the loss and of the diversity term (authors' code: 0.07)."""
    warmup_epochs: Count = 2
    """First epochs that train the encoder alone, before any reasoning (docs/adr/0008)."""
    ramp_epochs: Count = 2
    """Epochs after the warm-up over which the weight of diversity grows to its full value."""
    term_positions: Count = 1
    """Positions of each history on which diversity is evaluated; 0 means all."""


@final
class PrlConfig(Knobs):
    """Progressive reasoning: T steps, each sharper, the last is scored (ReaRec, 2503.22675)."""

    kind: Literal["prl"] = "prl"
    steps: PositiveInt = 2
    """Reasoning steps T."""
    temperature: Positive = 1.0
    """Temperature of the last state and of the contrast (authors' code: 0.07)."""
    temperature_scale: Annotated[float, Field(ge=1.0, allow_inf_nan=False)] = 5.0
    """Factor alpha from each step's temperature to the one before it."""
    earlier_weight: Weight = 1.0
    """Weight of the mean loss of the states before the last; T gives the paper's plain sum."""
    contrastive_weight: Weight = 0.1
    """Weight of the contrast between the noisy and the clean steps (authors' code: 1)."""
    noise_std: Weight = 0.01
    """Standard deviation of the noise on the state from which a step starts (docs/adr/0020)."""
    warmup_epochs: Count = 2
    """First epochs that train the encoder alone, before any reasoning (docs/adr/0008)."""
    ramp_epochs: Count = 2
    """Epochs after the warm-up over which the weight of the contrast grows to its full value."""
    term_positions: Count = 1
    """Positions of each history on which the contrast is evaluated; 0 means all."""


@final
class LaresConfig(Knobs):
    """Depth-recurrent reasoning over all positions (LARES, arXiv 2505.16865), first phase (SPT)."""

    kind: Literal["lares"] = "lares"
    core_layers: PositiveInt = 2
    """Blocks of the core, which every step applies; the encoder's blocks read the history."""
    mean_steps: PositiveInt = 4
    """Steps when ranking; training draws 1 to three times as many, on average about one more."""
    adapter: Literal["add", "concat", "linear"] = "add"
    """How state and history are joined: their mean, a linear map of both, a learned mix."""
    state_std: Positive = 1.0
    """Standard deviation of the random start state, cut off at three times this value."""
    state_scale: Weight = 3.0
    """Factor of the random start state; 0 starts from zero."""
    trajectory_weight: Weight = 0.1
    """Weight alpha of the alignment with another history that has the same target."""
    step_weight: Weight = 0.5
    """Weight gamma of the alignment of the last state with a random earlier one."""
    temperature: Positive = 1.0
    """Temperature of both alignments."""
    similarity: Literal["dot", "cosine"] = "dot"
    """Similarity of states in both alignments."""
    mask_same_target: bool = False
    """Take histories with the same target for no negatives of each other (docs/adr/0023)."""


ReasonerConfig: TypeAlias = Annotated[
    NoReasonerConfig | ErlConfig | PrlConfig | LaresConfig | PlrConfig,
    Field(discriminator="kind"),
]


def needs_partners(config: ReasonerConfig) -> bool:
    """Whether the objective wants another history with the same target for each in a batch."""
    return isinstance(config, LaresConfig) and config.trajectory_weight + config.step_weight > 0
