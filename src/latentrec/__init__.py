"""Sequential recommendation with latent reasoning: public names, imported when first used."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentrec.config import RunConfig
    from latentrec.configure import load_config
    from latentrec.errors import (
        CheckpointError,
        ConfigError,
        DataError,
        LatentrecError,
        StoreError,
        TrainingError,
        UnknownItemError,
    )
    from latentrec.index import ItemIndex
    from latentrec.model.reasoner.effort import Effort
    from latentrec.pretrain_config import PretrainConfig, load_pretrain
    from latentrec.run import blend, fit, load, post_train, pretrain
    from latentrec.run.comparison import compare

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "Effort",
    "ItemIndex",
    "LatentrecError",
    "PretrainConfig",
    "RunConfig",
    "StoreError",
    "TrainingError",
    "UnknownItemError",
    "__version__",
    "blend",
    "compare",
    "fit",
    "load",
    "load_config",
    "load_pretrain",
    "post_train",
    "pretrain",
]

__version__: str

_HOMES = {
    "blend": "latentrec.run",
    "RunConfig": "latentrec.config",
    "load_config": "latentrec.configure",
    "Effort": "latentrec.model.reasoner.effort",
    "ItemIndex": "latentrec.index",
    "compare": "latentrec.run.comparison",
    "fit": "latentrec.run",
    "load": "latentrec.run",
    "post_train": "latentrec.run",
    "pretrain": "latentrec.run",
    "PretrainConfig": "latentrec.pretrain_config",
    "load_pretrain": "latentrec.pretrain_config",
}


def __getattr__(name: str) -> Any:
    """Find a public name in its module: `import latentrec` loads neither torch nor polars."""
    if name == "__version__":
        return _installed_version()
    if name not in __all__:
        raise AttributeError(f"module 'latentrec' has no attribute '{name}'")
    return getattr(import_module(_HOMES.get(name, "latentrec.errors")), name)


def __dir__() -> list[str]:
    return __all__


def _installed_version() -> str:
    try:
        return version("latentrec")
    except PackageNotFoundError:  # run from a source tree on PYTHONPATH
        return "0+unknown"
