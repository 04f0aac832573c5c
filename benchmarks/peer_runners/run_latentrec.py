"""Our own `latentrec.fit`, once for each reasoner; validation waits until the clock has stopped."""

import sys
import tempfile
from pathlib import Path

import torch
from epoch_clock import DIM, DROPOUT, HEADS, INNER, LAYERS, LENGTH, MEASURED, RATE, EpochClock

import latentrec
from latentrec.train.loop import Step

BATCH = 128


def main(folder: Path, reasoner: str) -> None:
    torch.set_num_threads(1)
    knobs = {"kind": reasoner}
    if reasoner == "plr":  # streams and steps from the first batch on
        knobs |= {"streams": 2, "steps": 2, "warmup_epochs": 0, "ramp_epochs": 0}
    config = latentrec.RunConfig.model_validate(
        {
            "data": {"kind": "files", "path": str(folder / "all.csv")},
            "split": {"kind": "leave-one-out"},
            "encoder": {
                "kind": "sasrec",
                "dim": DIM,
                "inner": INNER,
                "layers": LAYERS,
                "heads": HEADS,
                "max_length": LENGTH,
                "dropout": DROPOUT,
            },
            "reasoner": knobs,
            "train": {
                "epochs": MEASURED,
                "evaluate_every": MEASURED,
                "batch_size": BATCH,
                "learning_rate": RATE,
                "device": "cpu",
            },
        }
    )
    clock = EpochClock()

    def on_step(step: Step) -> None:
        if step.targets_done < step.targets:
            return
        if step.epoch == MEASURED:
            clock.targets = step.targets
            clock.stop()
        else:
            clock.start()

    with tempfile.TemporaryDirectory() as run:
        list(latentrec.fit(config, Path(run) / "run", on_step=on_step))
    clock.report(BATCH)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
