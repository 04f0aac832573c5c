"""Settings of post-training: LARES' second phase, which starts from a trained run."""

from typing import Annotated, Literal, final

from pydantic import Field

from latentrec.knobs import Count, Knobs, PositiveInt, Weight


@final
class PostTrainConfig(Knobs):
    """LARES' reinforcement post-training (RPT) of a trained run; see docs/methods/lares.md."""

    source: str
    """Folder of the trained run; `latentrec post-train` writes it here."""
    rollouts: Annotated[int, Field(ge=2)] = 4
    """Rollouts G of each batch, each with a depth, start state and dropout of its own."""
    reward: Literal["recall", "ndcg"] = "recall"
    """What a rollout earns for a target in its list: 1, or more the higher it stands."""
    top_k: PositiveInt = 10
    """List length K of the reward."""
    penalty_weight: Weight = 1.0
    """Weight beta of the penalty for leaving the trained run."""
    push_down: bool = True
    """Lower the target's probability in rollouts that earned less than the mean of their group, as
    the authors do; false leaves it there (docs/adr/0026)."""
    shared_start: bool = False
    """Let the trained run think from the rollout's start state; false, as the authors do, draws
    another one, which is noise in the penalty (docs/adr/0026)."""
    filter_top_k: Count = 100
    """Train on targets that the trained run ranks this high at least once; 0 takes all."""
    filter_runs: PositiveInt = 3
    """How often each target is ranked for that, each time from fresh start states."""
