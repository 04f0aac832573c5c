"""Settings of a blend: a trained model and a baseline that rank together."""

from typing import Literal, TypeAlias, final

from latentrec.knobs import Knobs

PartnerName: TypeAlias = Literal["markov", "item-knn", "ease"]
"""A baseline that a model can be blended with."""


@final
class BlendConfig(Knobs):
    """The baseline that ranks together with the model; `latentrec blend` writes it."""

    partner: PartnerName
    """Which baseline; its constants and its weight come from validation and stay with the run."""
