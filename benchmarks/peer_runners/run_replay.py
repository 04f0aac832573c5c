"""RePlay's SASRec through its Parquet module; a Lightning batch is 128 users."""

import sys
import tempfile
from pathlib import Path

import lightning
import pandas as pd
import torch
from epoch_clock import DIM, DROPOUT, HEADS, INNER, LAYERS, LENGTH, MEASURED, RATE, EpochClock
from lightning_clock import clock_callback
from replay.data import FeatureHint, FeatureSource, FeatureType
from replay.data.nn import ParquetModule, TensorFeatureInfo, TensorFeatureSource, TensorSchema
from replay.nn.lightning import LightningModule
from replay.nn.lightning.optimizer import OptimizerFactory
from replay.nn.sequential import SasRec
from replay.nn.transform.template import make_default_sasrec_transforms

BATCH = 128


def schema_of(items: int) -> TensorSchema:
    """One sequential feature, the item; its padding value lies behind the last item."""
    item = TensorFeatureInfo(
        "item_id",
        is_seq=True,
        feature_type=FeatureType.CATEGORICAL,
        embedding_dim=DIM,
        padding_value=items,
        cardinality=items,
        feature_hint=FeatureHint.ITEM_ID,
        feature_sources=[TensorFeatureSource(FeatureSource.INTERACTIONS, "item_id")],
    )
    return TensorSchema([item])


def main(source: Path, work: str) -> None:
    torch.set_num_threads(1)
    frame = pd.read_csv(source)
    items = int(frame["item_id"].max()) + 1
    path = str(Path(work) / "train.parquet")
    frame.groupby("user_id")["item_id"].agg(list).reset_index().to_parquet(path)
    schema = schema_of(items)
    data = ParquetModule(
        batch_size=BATCH,
        metadata={"train": {"item_id": {"shape": LENGTH + 1, "padding": items}}},
        transforms={"train": make_default_sasrec_transforms(schema)["train"]},
        train_path=path,
    )
    model = SasRec.from_params(
        schema,
        embedding_dim=DIM,
        num_heads=HEADS,
        num_blocks=LAYERS,
        max_sequence_length=LENGTH,
        dropout=DROPOUT,
        hidden_dim=INNER,
    )
    clock = EpochClock()
    callback = clock_callback(
        lightning.Callback, clock, lambda batch: int(batch["target_padding_mask"].sum())
    )
    trainer = lightning.Trainer(
        max_epochs=MEASURED,
        callbacks=[callback],
        accelerator="cpu",
        logger=False,
        limit_val_batches=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = LightningModule(model, optimizer_factory=OptimizerFactory(learning_rate=RATE))
    trainer.fit(module, datamodule=data)
    clock.report(BATCH)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(sys.argv[1]) / "train.csv", scratch)
