"""Text vectors from a sentence-transformers model that lies on this machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from latentrec.errors import ConfigError

Pooling: TypeAlias = Literal["cls", "mean"]


def encoded_vectors(
    model: str, pooling: Pooling | None, texts: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Vectors of texts by a model; nothing is downloaded and no code of the model is run.

    Args:
        model: Folder of a model, or the name of one in the local Hugging Face cache.
        pooling: Take the first token's vector or the mean of all; None: as `modules.json` says.
        texts: What to encode.

    Raises:
        ConfigError: If the package or the model is missing, or a folder does not say its pooling.
    """
    if Path(model).is_dir() and pooling is None and not (Path(model) / "modules.json").is_file():
        raise ConfigError(
            f"items.source: {model} has no modules.json, so its pooling is unknown (a wrong one "
            "gives other vectors without any error); set items.pooling to cls or mean"
        )
    loaded = _load(model)
    if pooling is None:
        rows = loaded.encode(list(texts), convert_to_numpy=True, show_progress_bar=False)
    else:
        tokens = loaded.encode(
            list(texts), output_value="token_embeddings", show_progress_bar=False
        )
        rows = [(t[0] if pooling == "cls" else t.mean(dim=0)).float().cpu().numpy() for t in tokens]
    return np.asarray(rows, dtype=np.float64)


def _load(model: str) -> Any:
    try:
        from sentence_transformers import (  # pyright: ignore[reportMissingImports]
            SentenceTransformer,
        )
    except ImportError:
        raise ConfigError(
            "items.source: a text model needs sentence-transformers; pip install 'latentrec[text]' "
            "or take source='tfidf'"
        ) from None
    try:
        return SentenceTransformer(
            model,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise ConfigError(
            f"items.source: model '{model}' cannot be loaded from this machine ({reason[:150]}); "
            "latentrec downloads nothing: give the folder of a downloaded model with safetensors"
        ) from None
