"""Clock of one training epoch; every runner uses it, so it needs nothing but the standard library.

A runner is `python run_NAME.py FOLDER`: it trains a first epoch as warm-up and a second one on the
clock, and prints one line of JSON. FOLDER holds `train.csv` (user_id, item_id, timestamp, one row
an interaction) and `all.csv`, the same with two more interactions of every user.
"""

import json
import resource
import time
from dataclasses import dataclass, field

DIM, INNER, LAYERS, HEADS, LENGTH = 64, 64, 2, 2, 50
DROPOUT, RATE = 0.2, 1e-3
MEASURED = 2
"""The epoch on the clock, counted from 1."""


@dataclass
class EpochClock:
    """Counts the targets and the time of the measured epoch.

    Attributes:
        targets: Items that were predicted, with a loss, in the measured epoch.
    """

    targets: int = 0
    _begun: tuple[float, float] = (0.0, 0.0)
    _took: tuple[float, float] = field(default=(0.0, 0.0))

    def start(self) -> None:
        """The warm-up is over."""
        self.targets = 0
        self._begun = (time.perf_counter(), time.process_time())

    def stop(self) -> None:
        """The measured epoch is over."""
        wall, cpu = self._begun
        self._took = (time.perf_counter() - wall, time.process_time() - cpu)

    def report(self, batch_size: int) -> None:
        """Print what was measured; memory is that of the whole process, at its highest."""
        wall_s, cpu_s = self._took
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # KiB on Linux
        found = {"wall_s": wall_s, "cpu_s": cpu_s, "peak_bytes": peak}
        print(json.dumps(found | {"targets": self.targets, "batch_size": batch_size}), flush=True)
