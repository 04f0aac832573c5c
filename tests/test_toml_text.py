"""What is written must be read back as it was: the best settings of a study are used again."""

from pathlib import Path

from latentrec.configure import load_config, preset_names
from latentrec.toml_text import to_toml


def test_every_preset_comes_back(tmp_path: Path) -> None:
    for name in preset_names():
        config = load_config(name)
        file = tmp_path / "config.toml"
        file.write_text(to_toml(config.model_dump(mode="json")), encoding="utf-8")
        assert load_config(file=file) == config


def test_texts_with_signs_come_back(tmp_path: Path) -> None:
    config = load_config(overrides=['data.path="a \\"b\\"\\\\ü"'])
    file = tmp_path / "config.toml"
    file.write_text(to_toml(config.model_dump(mode="json")), encoding="utf-8")
    assert load_config(file=file) == config
