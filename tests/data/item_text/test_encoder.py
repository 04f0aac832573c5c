"""Text models: nothing is downloaded, no code of a model runs, no pooling is guessed."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from latentrec.data.item_text.encoder import encoded_vectors
from latentrec.errors import ConfigError

TEXTS = ["one", "two words"]


class FakeModel:
    """Stands in for SentenceTransformer: remembers how it was loaded, counts letters."""

    loaded: list[Any]

    def __init__(self, model: str, **how: Any) -> None:
        FakeModel.loaded.append((model, how))

    def encode(self, texts: list[str], output_value: str = "sentence", **_: Any) -> Any:
        if output_value == "token_embeddings":
            return [torch.tensor([[n, 1.0] for n in map(len, t.split())]) for t in texts]
        return np.array([[len(text), 7] for text in texts], np.float32)


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Any:
    FakeModel.loaded = []
    made: Any = ModuleType("sentence_transformers")
    made.SentenceTransformer = FakeModel
    monkeypatch.setitem(sys.modules, "sentence_transformers", made)
    return made


@pytest.mark.usefixtures("package")
def test_a_model_is_loaded_from_this_machine_without_its_code(tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text("[]")
    assert encoded_vectors(str(tmp_path), None, TEXTS).tolist() == [[3, 7], [9, 7]]
    ((model, how),) = FakeModel.loaded
    assert model == str(tmp_path)
    assert how["local_files_only"] is True
    assert how["trust_remote_code"] is False
    assert how["model_kwargs"] == {"use_safetensors": True}  # nothing is unpickled


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("pooling", "expected"), [("cls", [[3, 1], [3, 1]]), ("mean", [[3, 1], [4, 1]])]
)
def test_the_given_pooling_is_used(tmp_path: Path, pooling: Any, expected: Any) -> None:
    assert encoded_vectors(str(tmp_path), pooling, TEXTS).tolist() == expected


@pytest.mark.usefixtures("package")
def test_a_folder_must_say_its_pooling(tmp_path: Path) -> None:
    # The package would silently take the mean: other vectors, no error.
    with pytest.raises(ConfigError, match=r"no modules\.json.*set items\.pooling"):
        encoded_vectors(str(tmp_path), None, TEXTS)


def test_without_the_package_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ConfigError, match=r"latentrec\[text\].*source='tfidf'"):
        encoded_vectors("some/model", None, TEXTS)


def test_a_model_that_is_not_here_is_refused(package: Any) -> None:
    def absent(*_: Any, **__: Any) -> None:
        raise OSError("not in the cache\nmuch more text")

    package.SentenceTransformer = absent
    with pytest.raises(ConfigError, match=r"'some/model' cannot .*\(not in the cache\).*folder"):
        encoded_vectors("some/model", None, TEXTS)
