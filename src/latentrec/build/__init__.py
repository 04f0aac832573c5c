"""From configuration to model and training: the only package that knows both sides."""

from latentrec.build.model import build_model, build_question, model_name
from latentrec.build.training import (
    build_loss,
    build_objective,
    build_optimiser,
    build_post_objective,
    build_pretraining,
    build_samples,
)

__all__ = [
    "build_loss",
    "build_model",
    "build_objective",
    "build_optimiser",
    "build_post_objective",
    "build_pretraining",
    "build_question",
    "build_samples",
    "model_name",
]
