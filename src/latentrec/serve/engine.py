"""Engine: a graph for ONNX Runtime that thinks in place of a run's model."""

from latentrec.errors import ConfigError, TrainingError
from latentrec.run import Run
from latentrec.scorer import States
from latentrec.serve.log import log


def graph_for(run: Run) -> States | None:
    """The graph of a run's encoder and reasoner; None, with a line of log, if it is not sound.

    Takes as long as an export: some ten seconds, in a process of its own.

    Args:
        run: A run on the CPU, as it was loaded from its folder.

    Raises:
        ConfigError: If ONNX Runtime or the exporter is not installed.
    """
    try:
        from latentrec.export.engine import graph_of
    except ImportError as error:
        raise ConfigError(
            f"engine 'onnx': the package {error.name} is missing; pip install 'latentrec[onnx]'"
        ) from None
    try:
        return graph_of(run)
    except TrainingError as error:
        log("no graph, torch answers", model=run.scorer.name, reason=str(error))
        return None
