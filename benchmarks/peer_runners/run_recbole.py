"""RecBole's SASRec on a part of the users: it encodes every prefix, and an epoch takes minutes."""

import os
import sys
import tempfile
from pathlib import Path

import pandas as pd
import torch
from epoch_clock import DIM, DROPOUT, HEADS, INNER, LAYERS, LENGTH, RATE, EpochClock
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.sequential_recommender import SASRec
from recbole.trainer import Trainer
from recbole.utils import init_seed

BATCH = 2048


def write_atomic(source: Path, folder: Path, users: int) -> None:
    """The log of some users, and all items, in RecBole's format."""
    frame = pd.read_csv(source)
    items = frame["item_id"].drop_duplicates().rename("item_id:token")
    frame = frame[frame["user_id"].isin(frame["user_id"].unique()[:users])]
    frame.columns = ["user_id:token", "item_id:token", "timestamp:float"]
    folder.mkdir()
    frame.to_csv(folder / "log.inter", sep="\t", index=False)
    items.to_csv(folder / "log.item", sep="\t", index=False)


def config_of(folder: Path) -> Config:
    """The same model as the others; the two last interactions of a user are held out."""
    knobs = {
        "data_path": str(folder),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id"]},
        "eval_args": {
            "split": {"LS": "valid_and_test"},
            "group_by": "user",
            "order": "TO",
            "mode": "full",
        },
        "loss_type": "CE",
        "train_neg_sample_args": None,
        "MAX_ITEM_LIST_LENGTH": LENGTH,
        "hidden_size": DIM,
        "inner_size": INNER,
        "n_layers": LAYERS,
        "n_heads": HEADS,
        "hidden_dropout_prob": DROPOUT,
        "attn_dropout_prob": DROPOUT,
        "learning_rate": RATE,
        "train_batch_size": BATCH,
        "epochs": 1,
        "use_gpu": False,
        "state": "ERROR",
        "show_progress": False,
        "checkpoint_dir": str(folder / "saved"),
    }
    return Config(model="SASRec", dataset="log", config_dict=knobs)


def main(source: Path, work: str, users: int) -> None:
    torch.set_num_threads(1)
    folder = Path(work) / "log"
    write_atomic(source, folder, users)
    config = config_of(Path(work))
    init_seed(config["seed"], reproducibility=True)
    train, _, _ = data_preparation(config, create_dataset(config))
    trainer = Trainer(config, SASRec(config, train.dataset))
    clock = EpochClock()
    trainer.fit(train, saved=False)  # the warm-up
    clock.start()
    trainer.fit(train, saved=False)
    clock.stop()
    clock.targets = len(train.dataset)
    clock.report(BATCH)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # RecBole writes logs into the current folder
        main(Path(sys.argv[1]) / "all.csv", scratch, int(sys.argv[2]))
