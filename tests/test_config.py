"""Configuration: what cannot work is refused before anything is read or trained."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from latentrec.config import FilesConfig, PlrConfig, RunConfig, SasrecConfig, SyntheticConfig
from latentrec.config import TimeSplitConfig as Time
from latentrec.configure import parse_config
from latentrec.errors import ConfigError


def test_the_default_needs_no_file_and_trains_plr() -> None:
    # `latentrec fit` without any option must work on a machine without data.
    config = RunConfig()
    assert isinstance(config.data, SyntheticConfig)
    assert isinstance(config.reasoner, PlrConfig)


def test_a_configuration_is_frozen_and_hashable() -> None:
    """Nothing may change what a run was started with."""
    config = RunConfig()
    with pytest.raises(ValidationError, match="frozen"):
        config.train.epochs = 3
    assert hash(config) == hash(RunConfig())


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("encoder", "dim", 0),
        ("encoder", "max_length", 0),
        ("encoder", "dropout", 1.0),
        ("encoder", "dropout", -0.1),
        ("train", "learning_rate", 0.0),
        ("train", "learning_rate", float("nan")),
        ("train", "learning_rate", float("inf")),
        ("train", "weight_decay", -1.0),
        ("train", "patience", 0),
        ("train", "positions", "some"),
        ("train", "precision", "fp16"),
        ("train", "seed", -1),
        ("reasoner", "streams", 0),
        ("reasoner", "steps", 0),
        ("reasoner", "kl_weight", float("inf")),
        ("reasoner", "temperature", 0.0),
        ("evaluate", "top_k", [0]),
        ("evaluate", "top_k", []),
        ("evaluate", "metrics", []),
        ("evaluate", "confidence", 1.0),
        ("data", "predictability", 1.5),
    ],
)
def test_values_out_of_range_are_refused_by_name(section: str, key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^{section}\.{key}="):
        parse_config({section: {key: value}})


def test_heads_must_divide_the_hidden_size() -> None:
    # Otherwise a reshape deep inside attention fails, long after the data were read.
    assert SasrecConfig(dim=6, heads=3).heads == 3
    with pytest.raises(ConfigError, match=r"encoder: heads=3 must divide dim=64"):
        parse_config({"encoder": {"heads": 3}})


@pytest.mark.parametrize("source", ["tfidf", "a/v.npy", "v.parquet", "model:a/b"])
def test_sources_of_text_vectors(source: str) -> None:
    assert parse_config({"items": {"kind": "text", "source": source}}).items.kind == "text"


@pytest.mark.parametrize("source", ["", "tdidf", "model:", "vectors.csv"])
def test_an_unknown_source_of_text_vectors_is_refused(source: str) -> None:
    # Before the data are read; a misspelt name must not be looked up as a model.
    with pytest.raises(ConfigError, match=rf"items: source='{source}' must be tfidf, a \.npy"):
        parse_config({"items": {"kind": "text", "source": source}})
    with pytest.raises(ConfigError, match="pooling goes with"):
        parse_config({"items": {"kind": "text", "pooling": "cls"}})


def test_the_monitor_must_be_a_metric_that_is_computed() -> None:
    # Otherwise the first validation fails after a whole epoch.
    assert parse_config({"train": {"monitor": "mrr@20"}}).train.monitor == "mrr@20"
    with pytest.raises(ConfigError, match=r"^train\.monitor='ndcg@7' must be one of recall@5"):
        parse_config({"train": {"monitor": "ndcg@7"}})
    with pytest.raises(ConfigError, match=r"train\.monitor='ndcg@10'"):
        parse_config({"evaluate": {"top_k": [5]}})


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"train": {"positions": "last"}}, "whole windows .* leave it at 'all'"),
        ({"reasoner": {"kind": "lares"}}, "no next item; set reasoner.trajectory_weight=0"),
        ({"encoder": {"max_length": 1}}, "encoder.max_length='1'"),
        ({"encoder": {"mask_probability": 0}}, "encoder.mask_probability='0'"),
    ],
)
def test_the_cloze_task_says_what_it_cannot_do(changed: dict[str, Any], rule: str) -> None:
    """Ignoring such a setting in silence would train something else than was asked for."""
    encoder = {"kind": "bert4rec-cloze", **changed.pop("encoder", {})}
    with pytest.raises(ConfigError, match=rule):
        parse_config({"encoder": encoder, "reasoner": {"kind": "none"}, **changed})


@pytest.mark.parametrize(
    ("knobs", "rule"),
    [
        ({"valid_from": 5}, "give both"),
        ({"test_from": 5}, "give both"),
        ({"valid_quantile": 0.9, "test_quantile": 0.8}, "must be smaller"),
        ({"valid_quantile": 0.9, "test_quantile": 0.9}, "must be smaller"),
    ],
)
def test_a_split_by_time_needs_two_moments_in_order(knobs: dict[str, Any], rule: str) -> None:
    with pytest.raises(ConfigError, match=f"split: .*{rule}"):
        parse_config({"split": {"kind": "time", **knobs}})
    assert Time(valid_from=5, test_from=6, valid_quantile=0.9, test_quantile=0.1).valid_from == 5


@given(
    st.builds(
        FilesConfig,
        path=st.text(max_size=5),
        more_fields=st.lists(st.text(max_size=3), max_size=2).map(tuple),
        rating_above=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    ),
    st.builds(PlrConfig, streams=st.integers(1, 9), kl_weight=st.floats(0, 10)),
)
def test_a_configuration_survives_its_file(data: FilesConfig, reasoner: PlrConfig) -> None:
    """config.json must give back exactly what was trained, for any values."""
    config = RunConfig(data=data, reasoner=reasoner)
    assert parse_config(config.model_dump(mode="json")) == config


def test_every_knob_is_described() -> None:
    # docs/guide/configuration.md is made from these texts.
    for section in RunConfig.model_fields.values():
        assert section.description
    for model in (FilesConfig, SyntheticConfig, SasrecConfig, PlrConfig, Time):
        fields = {name: info.description for name, info in model.model_fields.items()}
        assert [n for n, text in fields.items() if not text and n != "kind"] in ([], ["path"])


def test_configuration_loads_no_torch() -> None:
    """`--help` and configuration errors must not wait for torch."""
    code = "import sys, latentrec.configure; print({'torch', 'polars'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
