"""Settings of a pre-training: TOML, domains by path and overrides in, one checked value out."""

from pathlib import Path

import pytest

from latentrec.errors import ConfigError
from latentrec.pretrain_config import load_pretrain, parse_pretrain

TOML = """
[domains.books.data]
path = "books.csv"
min_user_interactions = 5
[domains.books.split]
kind = "time"
[contrast]
mask_compat = true
[encoder]
dim = 32
"""


def test_each_layer_is_laid_over_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(TOML)
    config = load_pretrain(
        tmp_path / "p.toml",
        {"films": "films"},
        ["encoder.dim=16", "contrast.item_drop=0.4"],
        "given",
    )
    assert list(config.domains) == ["books", "films"]
    assert config.domains["books"].split.kind == "time"
    assert config.domains["films"].split.kind == "given"
    assert (config.encoder.dim, config.contrast.item_drop) == (16, 0.4)
    assert config.contrast.mask_compat
    assert parse_pretrain(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("domains", "overrides", "message"),
    [
        ({}, [], "domains: none is given"),
        ({"a/b": "x"}, [], "name 'a/b' must not be empty or hold '/'"),
        ({"a": "x"}, ["items.use_ids=true"], "belong to the fine-tuning"),
        ({"a": "x"}, ["items.pretrained=p"], "belong to the fine-tuning"),
        ({"a": "x"}, ["items.source=v.npy"], "domains.NAME.vectors"),
        ({"a": "x", "b": "y"}, ["domains.a.vectors=v.npy"], "some give `vectors`"),
        ({"a": "x"}, ["items.kind=id"], "items"),
        ({"a": "x"}, ["encoder.kind=bert4rec", "train.positions=last"], "encoder.kind"),
        ({"a": "x"}, ["encoder.dimm=3"], "encoder.dimm: unknown key; did you mean 'dim'"),
        ({"a": "x"}, ["contrast.item_drop=1"], "contrast.item_drop: .*less than 1"),
        ({"a": "x"}, ["domains.a.data.pat=1"], "domains.a.data.pat: unknown key"),
        ({"a": "x"}, ["reasoner.kind=plr"], "reasoner: unknown table; known: domains, items"),
    ],
)
def test_wrong_settings_are_refused(
    domains: dict[str, str], overrides: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_pretrain(None, domains, overrides)
