"""Methods must learn: seconds of training put them well above what is popular."""

from pathlib import Path

import numpy as np
import pytest

from latentrec.config import RunConfig
from latentrec.configure import load_config
from latentrec.data.prepare import Prepared, prepare
from latentrec.run import evaluate_run, fit, load

SETTINGS = (
    "data.users=200",
    "data.items=40",
    "data.interests=4",
    "data.interests_per_user=2",
    "data.mean_length=14",
    "data.predictability=1.0",
    "encoder.dim=16",
    "encoder.inner=16",
    "encoder.max_length=12",
    "encoder.dropout=0.0",
    "encoder.attention_dropout=0.0",
    "train.batch_size=16",
    "train.learning_rate=0.01",
    "train.epochs=4",
    "train.device=cpu",
    'evaluate.baselines=["popularity"]',
    "evaluate.resamples=20",
)
WARMUP = ("reasoner.warmup_epochs=1", "reasoner.ramp_epochs=1")
REASONERS = {
    "none": (),
    "erl": ("reasoner.kind=erl", *WARMUP),
    "prl": ("reasoner.kind=prl", *WARMUP),
    "lares": (
        "reasoner.kind=lares",
        "reasoner.mean_steps=2",
        "reasoner.core_layers=1",
        "reasoner.similarity=cosine",
        "reasoner.step_weight=0.1",
    ),
    "plr": ("reasoner.kind=plr", *WARMUP),
}
METHODS = [
    *((backbone, reasoner) for backbone in ("sasrec", "bert4rec") for reasoner in REASONERS),
    *(("unisrec", reasoner) for reasoner in ("none", "erl", "prl")),
]
"""UniSRec with LARES or PLR needs longer than a test may take: docs/results/every-method.md."""


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    config = load_config("sasrec", overrides=SETTINGS)
    return prepare(config.data, config.split)


@pytest.fixture(scope="module")
def vectors(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Text vectors that tell every item from every other: the synthetic titles only tell groups."""
    folder, ids = tmp_path_factory.mktemp("text"), prepared.dataset.index
    names = ids.item_ids(range(2, ids.size))
    np.save(folder / "v.npy", np.random.default_rng(0).normal(size=(len(names), 24)))
    (folder / "ids.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    return folder / "v.npy"


def config_of(backbone: str, reasoner: str, vectors: Path) -> RunConfig:
    text = (
        f"items.source={vectors}",
        "items.dim_text=24",
        "items.dropout=0.0",
        "train.learning_rate=0.003",  # at .01 PRL hardly learns, more or less so by the processor
        "train.epochs=16",
    )
    more = {"sasrec": (), "bert4rec": ("train.batch_size=64",), "unisrec": text}[backbone]
    return load_config(backbone, overrides=[*SETTINGS, *REASONERS[reasoner], *more])


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "reasoner"), METHODS)
def test_it_beats_popularity(
    backbone: str, reasoner: str, prepared: Prepared, vectors: Path, tmp_path: Path
) -> None:
    config = config_of(backbone, reasoner, vectors)
    list(fit(config, tmp_path / "run", prepared=prepared))
    popular, ours = evaluate_run(load(tmp_path / "run", device="cpu"), prepared)
    assert ours.metrics["ndcg@10"].value > 1.2 * popular.metrics["ndcg@10"].value
