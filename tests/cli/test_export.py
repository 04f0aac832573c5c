"""`latentrec export`: the folder it names recommends, and it says what the smaller weights cost."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from latentrec.export import load_exported
from latentrec.run import load

Command = Callable[..., Result]


def test_int8_is_written_measured_and_ready_to_use(
    latentrec: Command, trained: tuple[Path, str], tmp_path: Path
) -> None:
    """Weights in 8 bits, on the validation cases of the run's own log."""
    out = tmp_path / "small"
    done = latentrec("export", trained[0], "--out", out, "--int8", "--top-k", "4")
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"sasrec+plr, int8, opset 20: {out}" in done.stdout
    assert "scores.onnx: items[rows, length], hidden[rows, hidden_items] -> " in done.stdout
    assert "12 items; histories up to 8 items" in done.stdout
    products = re.search(r"(\d+) matrix products in 8 bits", done.stdout)
    assert products
    assert int(products[1]) > 8
    assert re.search(r"NDCG@10 on \d+ validation cases: 0\.\d{4}, in float32 0\.\d{4}", done.stdout)
    found = load_exported(out)
    assert (found.manifest.weights, found.manifest.top_k) == ("int8", 4)
    (listed,) = found.recommend([["i01", "i02"]], top_k=3)
    assert len(listed.item_ids) == 3
    assert listed.source == load(trained[0]).scorer.name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--format", "pickle"), "format 'pickle': must be onnx"),
        (("--top-k", "0"), "top_k=0: must be at least 1"),
        (("--streams", "9"), "streams=9: this model has 2"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    latentrec: Command,
    trained: tuple[Path, str],
    tmp_path: Path,
    options: tuple[str, str],
    message: str,
) -> None:
    done = latentrec("export", trained[0], "--out", tmp_path / "out", *options)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert message in done.stderr
    assert not (tmp_path / "out").exists()
