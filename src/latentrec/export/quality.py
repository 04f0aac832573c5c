"""What an export costs in quality: the run and the exported graph judged on the same cases."""

from dataclasses import dataclass
from typing import Final, final

from latentrec.data.prepare import Prepared
from latentrec.evaluate.evaluate import rank_cases
from latentrec.evaluate.metrics import metrics_of
from latentrec.export.onnx_run import OnnxRun
from latentrec.run import Run

METRIC: Final = "ndcg@10"


@final
@dataclass(frozen=True)
class Quality:
    """NDCG@10 before and after.

    Attributes:
        cases: Validation cases that were judged.
        run: Of the run.
        exported: Of the exported graph.
    """

    cases: int
    run: float
    exported: float


def quality(run: Run, exported: OnnxRun, prepared: Prepared) -> Quality:
    """Judge both on validation cases, as the run's training did.

    Args:
        run: The run.
        exported: What `export` made of it.
        prepared: The run's data, see `latentrec.run.run.prepared_data`.

    Raises:
        DataError: If there is no validation case.
    """
    dataset, cases = prepared.dataset, prepared.dataset.valid
    hidden = run.config.evaluate.exclude_seen
    found = [
        metrics_of(rank_cases(scorer, dataset, cases, exclude_seen=hidden), [10])[METRIC]
        for scorer in (run.scorer, exported.scorer)
    ]
    return Quality(len(cases), *found)
