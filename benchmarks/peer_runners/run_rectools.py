"""RecTools' SASRec: one Lightning batch is 128 users, its default."""

import sys
from pathlib import Path

import pandas as pd
import torch
from epoch_clock import DIM, DROPOUT, HEADS, LAYERS, LENGTH, MEASURED, RATE, EpochClock
from lightning_clock import clock_callback
from pytorch_lightning import Callback, Trainer
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel

BATCH = 128


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    frame = pd.read_csv(folder / "train.csv").rename(columns={"timestamp": Columns.Datetime})
    frame[Columns.Datetime] = pd.to_datetime(frame[Columns.Datetime], unit="s")
    frame[Columns.Weight] = 1.0
    clock = EpochClock()
    callback = clock_callback(Callback, clock, lambda batch: int((batch["yw"] > 0).sum()))

    def trainer() -> Trainer:
        return Trainer(
            max_epochs=MEASURED,
            callbacks=[callback],
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    model = SASRecModel(
        n_blocks=LAYERS,
        n_heads=HEADS,
        n_factors=DIM,
        dropout_rate=DROPOUT,
        session_max_len=LENGTH,
        loss="softmax",
        lr=RATE,
        batch_size=BATCH,
        get_trainer_func=trainer,
    )
    model.fit(Dataset.construct(frame))
    clock.report(BATCH)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
