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


def test_a_warm_up_neither_stops_nor_wins() -> None:
    """What is validated before reasoning is trained ranks with an untrained reasoner."""
    state = Stopping(patience=2, warmup_epochs=4)
    for epoch, value in enumerate([0.1, 0.5, 0.4, 0.3], start=1):
        state = state.after(epoch, value)
        assert not state.exhausted
    assert state.best_epoch == 2  # for a run that ends in its warm-up
    state = state.after(5, 0.2)
    assert (state.best_epoch, state.best, state.waited) == (5, 0.2, 0)
    assert not state.after(6, 0.1).exhausted
    assert state.after(6, 0.1).after(7, 0.2).exhausted
    assert state.after(6, 0.3).best_epoch == 6
