"""The settings of the next-item loss: how the catalogue enters each training step."""

from typing import Annotated, Literal, TypeAlias, final

from pydantic import Field

from latentrec.knobs import Knobs, PositiveInt


@final
class ExactLossConfig(Knobs):
    """Softmax over the whole catalogue, in bounded memory: the best where time allows."""

    kind: Literal["exact"] = "exact"


@final
class SampledLossConfig(Knobs):
    """Softmax against negatives shared by a batch, corrected for how they were drawn (logQ)."""

    kind: Literal["sampled"] = "sampled"
    negatives: PositiveInt = 1024
    """Negatives drawn for a batch, with replacement."""
    proposal: Literal["popularity", "uniform"] = "popularity"
    """How they are drawn: by training interactions, or all items alike."""


@final
class InBatchLossConfig(Knobs):
    """Softmax against the targets of the other rows, corrected for popularity (logQ)."""

    kind: Literal["in-batch"] = "in-batch"


@final
class SceLossConfig(Knobs):
    """Scalable cross-entropy: high-scoring states and items meet in buckets (arXiv 2409.18721)."""

    kind: Literal["sce"] = "sce"
    coverage: Annotated[float, Field(ge=1.0, le=64.0)] = 2.0
    """Places for states in all buckets, per state; there are sqrt(coverage x states) buckets."""
    bucket_items: PositiveInt = 256
    """Hard negatives of each bucket."""


@final
class GbceLossConfig(Knobs):
    """Binary cross-entropy with negatives of each row and calibrated chances (gSASRec)."""

    kind: Literal["gbce"] = "gbce"
    negatives: PositiveInt = 256
    """Negatives drawn uniformly for each row."""
    calibration: Annotated[float, Field(ge=0.0, le=1.0)] = 0.75
    """Calibration t: 0 is plain BCE (overconfident), 1 the chances of BCE with all negatives."""


LossConfig: TypeAlias = Annotated[
    ExactLossConfig | SampledLossConfig | InBatchLossConfig | SceLossConfig | GbceLossConfig,
    Field(discriminator="kind"),
]
