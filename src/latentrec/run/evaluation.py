"""Judge a run on its test cases, beside the baselines and what it was made from."""

from functools import partial

from latentrec.config import EvaluateConfig, RunConfig
from latentrec.data.prepare import Prepared
from latentrec.evaluate.baselines import evaluate_baselines, left_out
from latentrec.evaluate.evaluate import Evaluation, evaluate_test
from latentrec.run.folder import check_data
from latentrec.run.phase import reference_model
from latentrec.run.run import Run, model_scorer, prepared_data
from latentrec.scorer import Scorer


def evaluate_run(
    run: Run,
    prepared: Prepared | None = None,
    knobs: EvaluateConfig | None = None,
    list_k: int = 0,
) -> list[Evaluation]:
    """Judge a run beside the baselines on the test cases of its data.

    A post-trained run is also judged beside the model that it started from, a blended one beside
    its model alone.

    Args:
        run: The run.
        prepared: Its data, if the caller has them already.
        knobs: How to judge; by default as the run's own configuration says.
        list_k: Length of the lists that are kept, see `latentrec.evaluate.beyond`; 0 for none.

    Returns:
        The baselines and, last, the run.

    Raises:
        CheckpointError: If the data changed since training.
        DataError: If there is no test case.
    """
    knobs = knobs or run.config.evaluate
    if prepared:
        check_data(run.folder, prepared)
    dataset = (prepared or prepared_data(run)).dataset

    judged = partial(evaluate_test, dataset=dataset, knobs=knobs, list_k=list_k)
    beside = evaluate_baselines(dataset, knobs, list_k=list_k)
    before = [judged(model) for model in _before(run)]
    notes = (
        reads(run.ranker.name, run.config),
        *_blending(run),
        *left_out(dataset, knobs).values(),
    )
    return [*beside, *before, judged(run.ranker, notes=notes)]


def reads(name: str, config: RunConfig) -> str:
    """How much of a history a model reads, in words: part of the protocol."""
    length = f"reads the last {config.encoder.max_length} items of a history"
    if config.blend is None:
        return f"{name} {length}"
    return f"{name} blends a model, which {length}, with {config.blend.partner}"


def _before(run: Run) -> list[Scorer]:
    """What a post-trained run started from, and the model of a blended run alone."""
    alone: list[Scorer] = [run.scorer] if run.partner else []
    if run.config.post_train is None:
        return alone
    model = reference_model(run.config, run.folder, run.catalogue).to(run.scorer.device)
    return [model_scorer(run.config.model_copy(update={"post_train": None}), model), *alone]


def _blending(run: Run) -> tuple[str, ...]:
    """How a blend ranks, in words."""
    if run.partner is None:
        return ()
    return (
        f"{run.ranker.name} adds the standard scores of model and baseline, tuned on validation: "
        f"{run.partner.settings}",
    )
