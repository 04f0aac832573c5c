"""A study trains each variant once, and every variant is a configuration that exists."""

from pathlib import Path

import pytest

from latentrec.errors import ConfigError
from latentrec.experiment.spec import cells
from latentrec.experiment.studies import NO_STEPS, PARTS, ablation, sensitivity, value_of


def test_the_default_is_trained_once_for_all_axes(tmp_path: Path) -> None:
    settings = ("encoder.dropout=0.3", "encoder.attention_dropout=0.3")
    found = cells(sensitivity("plr-sasrec", settings), tmp_path)
    names = [cell.row for cell in found]
    assert names[:3] == ["default", "streams=1", "streams=3"]
    assert len(names) == len(set(names)) == 1 + 4 + 4 + 3 + 5 + 1
    configs = {cell.row: cell.config for cell in found}
    assert configs["dropout=0.5"].encoder.dropout == 0.5
    assert configs["dropout=0.5"].encoder.attention_dropout == 0.5
    assert value_of(configs["steps=5"], "steps") == 5
    assert value_of(configs["kl_weight=0.001"], "kl_weight") == 0.001
    assert value_of(configs["default"], "dropout") == 0.3


def test_a_default_beside_an_axis_takes_no_value_of_it(tmp_path: Path) -> None:
    """Its dropouts differ, so it is not the row that has one value of both."""
    settings = ("encoder.dropout=0.2", "encoder.attention_dropout=0.0")
    found = cells(sensitivity("plr-sasrec", settings, axes=["dropout"]), tmp_path)
    assert [cell.row for cell in found] == ["default", *(f"dropout=0.{n}" for n in range(1, 7))]
    assert value_of(found[0].config, "dropout") is None
    assert value_of(found[2].config, "dropout") == 0.2


def test_the_curve_of_steps_starts_at_the_backbone_alone(tmp_path: Path) -> None:
    settings = ("encoder.dropout=0.3", "reasoner.streams=3")
    found = cells(sensitivity("plr-sasrec", settings, axes=["steps"]), tmp_path)
    none = next(cell.config for cell in found if cell.row == NO_STEPS)
    assert (none.reasoner.kind, none.encoder.dropout) == ("none", 0.3)
    assert value_of(none, "steps") == 0
    assert found[0].config.reasoner.model_dump()["streams"] == 3


def test_an_ablation_leaves_out_one_part_each(tmp_path: Path) -> None:
    found = cells(ablation("plr-sasrec", seeds=(0, 1)), tmp_path)
    assert [cell.row for cell in found] == 2 * ["default", *PARTS]
    whole = found[0].config.reasoner.model_dump()
    for cell in found[1 : 1 + len(PARTS)]:
        own = cell.config.reasoner.model_dump()
        assert sum(whole[key] != own[key] for key in whole) == 1


def test_seeds_are_refused_like_those_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="seeds 0, 0: must all be different"):
        cells(ablation("plr-sasrec", seeds=(0, 0)), tmp_path)


def test_other_models_and_axes_are_refused() -> None:
    with pytest.raises(ConfigError, match="its reasoner is 'none'"):
        ablation("sasrec")
    with pytest.raises(ConfigError, match="axis 'width': must be one of streams, steps"):
        sensitivity("plr-sasrec", axes=["width"])
