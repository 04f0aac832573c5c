"""A slip in a space is refused before hours of training; the papers' spaces fit their presets."""

from pathlib import Path

import pytest

from latentrec.configure import load_config
from latentrec.errors import ConfigError
from latentrec.tune.space import read_space, space_names


@pytest.mark.parametrize("name", space_names())
def test_every_value_of_a_shipped_space_is_a_setting_of_its_preset(name: str) -> None:
    space = read_space(name)
    for dimension in space.search:
        for value in dimension.values:
            load_config(space.preset, overrides=dimension.overrides(value))


def test_the_grid_of_the_plr_paper_has_all_its_points() -> None:
    assert read_space("plr").points == 5 * 5 * 4 * 6


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ('settings = ["encoder.dim"]', "give either values, or both low and high"),
        ('settings = ["encoder.dim"]\nvalues = [8]\nlow = 1', "give either"),
        ('settings = ["encoder.dropout"]\nvalues = [0.1]\nlow = 0.0', "give either"),
        ('settings = ["encoder.dropout"]\nlow = 0.0', "give either"),
        (
            'settings = ["encoder.dropout"]\nvalues = [0.1, 0.1, 0.2]',
            "0.1, 0.1, 0.2: some are equal",
        ),
        ('settings = ["encoder.layers"]\nvalues = [1, 1.0]', "1, 1.0: some are equal"),
        ('settings = ["encoder.layers"]\nvalues = [1, true]', "1, true: some are equal"),
        ('settings = ["train.learning_rate"]\nlow = 2.0\nhigh = 1.0', "low=2 must be below high=1"),
        ('settings = ["train.weight_decay"]\nlow = 0.0\nhigh = 1.0\nlog = true', "log needs low"),
        ('settings = ["data.min_user_interactions"]\nvalues = [1]', "cannot be tuned"),
        ('settings = ["evaluate.exclude_seen"]\nvalues = [true]', "cannot be tuned"),
        ('settings = ["dim"]\nvalues = [8]', "name section.key"),
        ('settings = ["encoder.dim", "encoder.dim"]\nvalues = [8]', "stands there twice"),
        ('settings = ["encoder.dim"]\nvalue = [8]', "Extra inputs are not permitted"),
    ],
)
def test_a_slip_is_named(tmp_path: Path, search: str, message: str) -> None:
    path = tmp_path / "space.toml"
    path.write_text(f'title = "t"\n[[search]]\n{search}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_space(str(path))


def test_a_slip_in_the_only_dimension_is_all_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    path.write_text('title = "t"\n[[search]]\nsettings = ["data.seed"]\nvalues = [1]\n', "utf-8")
    with pytest.raises(ConfigError, match=r"'data\.seed' cannot be tuned") as refused:
        read_space(str(path))
    assert "at least 1" not in str(refused.value)
    path.write_text('title = "t"\nsearch = []\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="search: must have at least one"):
        read_space(str(path))


def test_an_unknown_space_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'plt': unknown; one of erl, lares, plr, prl, sasrec"):
        read_space("plt")
    with pytest.raises(ConfigError, match="does not exist"):
        read_space(str(tmp_path / "gone.toml"))
