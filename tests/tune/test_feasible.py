"""A slip in a space ends the search at once; a point that does not fit must not."""

from collections.abc import Sequence

import pytest

from latentrec.config import RunConfig
from latentrec.configure import load_config
from latentrec.errors import ConfigError
from latentrec.tune import Space
from latentrec.tune.feasible import check_space


def check(*search: dict[str, object], given: Sequence[str] = ()) -> None:
    def configure(tried: Sequence[str]) -> RunConfig:
        return load_config("plr-sasrec", overrides=[*given, *tried])

    check_space(Space.model_validate({"title": "t", "search": search}), configure)


def test_one_point_that_fits_is_enough() -> None:
    check({"settings": ["encoder.dim"], "values": [15, 17, 16]})
    kinds = {"settings": ["reasoner.kind"], "values": ["none", "plr"]}
    check(kinds, {"settings": ["reasoner.streams"], "values": [1, 2]})


def test_a_space_without_any_is_refused_by_its_first_point() -> None:
    with pytest.raises(ConfigError, match="heads=2 must divide dim=15"):
        check({"settings": ["encoder.dim"], "values": [15, 17]})
    with pytest.raises(ConfigError, match=r"reasoner.stream: unknown key"):
        check({"settings": ["reasoner.stream"], "values": [1, 2]})


@pytest.mark.parametrize(("low", "high"), [(1, 5), (1, 2), (0, 1000)])
def test_a_range_of_whole_numbers_is_refused(low: float, high: float) -> None:
    """It draws numbers like 2.6, which no trial can be trained with."""
    rates = {"settings": ["train.learning_rate"], "low": 1e-4, "high": 1e-2, "log": True}
    with pytest.raises(ConfigError, match=r"search: reasoner.steps from low=.* list `values`"):
        check(rates, {"settings": ["reasoner.steps"], "low": low + 1, "high": high + 1})


def test_a_range_is_judged_where_the_listed_values_fit() -> None:
    dims = {"settings": ["encoder.dim"], "values": [17, 16]}
    check(dims, {"settings": ["encoder.dropout"], "low": 0.0, "high": 0.5})
