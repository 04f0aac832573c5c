"""Runs: a folder from which a model can be trained on, judged and used again."""

from latentrec.run.blend import blend
from latentrec.run.evaluation import evaluate_run
from latentrec.run.post_train import post_train
from latentrec.run.pretraining import pretrain
from latentrec.run.run import Run, fit, load

__all__ = ["Run", "blend", "evaluate_run", "fit", "load", "post_train", "pretrain"]
