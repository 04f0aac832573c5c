"""Early stopping: counts validations without improvement, and remembers the best epoch."""

from latentrec.train.stopping import Stopping


def test_stops_after_patience_validations_without_improvement() -> None:
    """An equal value is no improvement: the earlier epoch stays the best."""
    state = Stopping(patience=2)
    for epoch, value in enumerate([0.1, 0.3, 0.3], start=1):
        state = state.after(epoch, value)
    assert not state.exhausted
    assert state.best_epoch == 2
    assert state.after(4, 0.2).exhausted
    assert not state.after(4, 0.4).exhausted
