"""Whether a space fits its configuration at all, asked before the first trial."""

from collections.abc import Callable, Sequence

from latentrec.config import RunConfig
from latentrec.errors import ConfigError
from latentrec.tune.space import Dimension, Space, Value

Configure = Callable[[Sequence[str]], RunConfig]


def check_space(space: Space, configure: Configure) -> None:
    """Refuse a space with a slip in it; single points that do not fit are left to their trials.

    Args:
        space: What is tried.
        configure: The configuration with some settings `section.key=value` laid over it.

    Raises:
        ConfigError: If no point near the first is a configuration, or a range stands for a setting
            that does not take all of its numbers, such as a whole one.
    """
    start = _first_feasible(space, configure)
    for dimension in space.search:
        if dimension.inside is not None:
            _check_range(dimension, dimension.inside, space, start, configure)


def _first_feasible(space: Space, configure: Configure) -> dict[str, Value]:
    """The first point of `space.near` that is a configuration; the first one's error if none is."""
    refused: ConfigError | None = None
    for point in space.near:
        try:
            configure(space.overrides(point))
        except ConfigError as error:
            refused = refused or error
        else:
            return point
    assert refused is not None  # a space has a first point
    raise refused


def _check_range(
    dimension: Dimension,
    inside: float,
    space: Space,
    start: dict[str, Value],
    configure: Configure,
) -> None:
    try:
        configure(space.overrides(start | {dimension.name: inside}))
    except ConfigError as error:
        raise ConfigError(
            f"search: {dimension.name} from low={dimension.low:g} to high={dimension.high:g} also "
            f"draws numbers like {inside:.4g}, which do not fit ({error}); list `values` in place "
            "of the range"
        ) from None
