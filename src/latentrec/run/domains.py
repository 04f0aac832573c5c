"""Several domains as one data set: prepared apart, joined, their texts in one space."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latentrec.data.catalogue import Catalogue
from latentrec.data.dataset import SequenceDataset
from latentrec.data.item_text.given import given_vectors
from latentrec.data.item_text.texts import drop_words, item_texts
from latentrec.data.item_text.vectoriser import GIVEN, TFIDF, TextVectoriser
from latentrec.data.item_text.vectors import filled, model_vectors, with_text
from latentrec.data.join import join_datasets
from latentrec.data.prepare import Prepared, prepare
from latentrec.errors import DataError, LatentrecError
from latentrec.index import FIRST_ITEM
from latentrec.pretrain_config import PretrainConfig


def prepare_domains(config: PretrainConfig, bad_rows_dir: Path) -> dict[str, Prepared]:
    """Each domain, read and split on its own.

    Raises:
        DataError: If the data of a domain break a rule; the message names the domain.
    """
    prepared: dict[str, Prepared] = {}
    for name, domain in config.domains.items():
        try:
            prepared[name] = prepare(domain.data, domain.split, bad_rows_dir / name)
        except LatentrecError as error:
            raise type(error)(f"domain '{name}': {error}") from None
    return prepared


def join_domains(
    prepared: Mapping[str, Prepared], config: PretrainConfig, known: TextVectoriser | None
) -> SequenceDataset:
    """All domains as one data set with text vectors in one space.

    Args:
        prepared: The domains.
        config: Where text vectors come from.
        known: The vectoriser of a pre-training that goes on; default: one is fitted on all items.

    Raises:
        DataError: If an item has no usable vector, or vectors of domains differ in length.
    """
    dataset = join_datasets({name: each.dataset for name, each in prepared.items()})
    if all(domain.vectors is None for domain in config.domains.values()):
        catalogue = with_text(dataset.catalogue, config.items, known)
    else:
        catalogue = _with_given(dataset.catalogue, prepared, config, known)
    return replace(dataset, catalogue=catalogue)


def _with_given(
    joined: Catalogue,
    prepared: Mapping[str, Prepared],
    config: PretrainConfig,
    known: TextVectoriser | None,
) -> Catalogue:
    """The joined catalogue with the vectors that the file of each domain gives."""
    rows: dict[str, np.ndarray] = {}
    for name, domain in config.domains.items():
        index = prepared[name].dataset.index
        vectors = given_vectors(Path(domain.vectors or ""), index)
        rows |= zip((f"{name}/{i}" for i in index.all_ids), vectors, strict=True)
    lengths = sorted({len(row) for row in rows.values()})
    if len(lengths) > 1:
        raise DataError(
            f"domains: text vectors have lengths {lengths}; all domains need vectors of one model"
        )
    raw = np.stack([rows[item_id] for item_id in joined.index.all_ids])
    return filled(joined, raw, known, config.items.model_copy(update={"source": GIVEN}))


def dropped_text(catalogue: Catalogue, share: float, seed: int) -> Float[Tensor, "N X"] | None:
    """A second text vector of each item, of its text with words left out; None without texts."""
    vectoriser = catalogue.vectoriser
    assert vectoriser is not None, "join_domains gives the vectoriser"
    if vectoriser.source == GIVEN:
        return None
    texts = drop_words(item_texts(catalogue), share, seed)
    if vectoriser.source == TFIDF:
        rows = vectoriser.vectors(texts)
    else:
        rows = vectoriser.vectors(model_vectors(texts, vectoriser.source, vectoriser.pooling))
    table = torch.zeros(catalogue.index.size, rows.shape[1])
    table[FIRST_ITEM:] = torch.from_numpy(rows)
    return table
