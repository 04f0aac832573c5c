"""partner.safetensors: what is read scores as what was written, or is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from latentrec.baselines.item_to_item import ItemToItem
from latentrec.data.dataset import Histories
from latentrec.errors import CheckpointError
from latentrec.run import partner
from latentrec.run.partner import Partner, read_partner, write_partner

WEIGHTS = sp.csr_array(sp.random(9, 9, 0.4, random_state=0, dtype=np.float32))
TIES = np.linspace(0, 1e-5, 9, dtype=np.float32)


@pytest.mark.parametrize("window", [None, 5])
@pytest.mark.parametrize("weights", [WEIGHTS, WEIGHTS.toarray()])
def test_it_scores_the_same(weights: object, window: int | None, tmp_path: Path) -> None:
    links = ItemToItem(weights, 0.7, window, TIES)  # pyright: ignore[reportArgumentType]
    partner = Partner(links, 0.4, "weight=0.4, decay=0.7")
    found = read_partner(tmp_path, write_partner(tmp_path, partner))
    histories = Histories.from_lists([[2, 3, 4, 2], [8], []])
    expected = links.scores(histories).numpy()
    np.testing.assert_allclose(found.links.scores(histories).numpy(), expected, rtol=1e-6)
    assert (found.weight, found.settings) == (0.4, "weight=0.4, decay=0.7")


def test_a_missing_changed_or_newer_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CheckpointError, match="not readable"):
        read_partner(tmp_path, "0")
    digest = write_partner(tmp_path, Partner(ItemToItem(WEIGHTS, 0.7, None, TIES), 1.0, ""))
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        read_partner(tmp_path, digest[::-1])
    monkeypatch.setattr(partner, "FILE", replace(partner.FILE, version=2))
    with pytest.raises(CheckpointError, match="format version 1, this latentrec reads 2"):
        read_partner(tmp_path, digest)
