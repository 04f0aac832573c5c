"""Training on a part of the targets: the others stay in the histories but are not predicted."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from latentrec.data.batch import Samples
from latentrec.index import PAD


def only_targets(samples: Samples, wanted: npt.NDArray[np.bool_]) -> Samples:
    """The same samples with fewer targets; those without any target are left out.

    Args:
        samples: Training samples.
        wanted: Which interactions may be targets, by flat position, shape (n,).
    """
    labels = np.where(wanted, samples.items, PAD)
    left = replace(samples, labels=labels)
    rows = left.targets_of_each > 0
    return replace(left, starts=samples.starts[rows], ends=samples.ends[rows])


def place_targets(samples: Samples) -> Samples:
    """The same samples with flat positions of the targets in place of their item indices.

    Position 0 is never a target, so that PAD still means that there is none.
    """
    return replace(samples, labels=np.arange(len(samples.items)))
