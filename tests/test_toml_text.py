"""What is written must be read back as it was: the best settings of a study are used again."""

import tomllib
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

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


PLAIN = (
    st.text()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
TABLES = st.dictionaries(
    st.from_regex(r"[A-Za-z0-9_-]+", fullmatch=True),
    st.dictionaries(st.from_regex(r"[A-Za-z0-9_-]+", fullmatch=True), PLAIN | st.lists(PLAIN)),
)


@given(TABLES)
@example({"data": {"path": "/data/\U0001f600.csv", "name": 'a\x7f\x00\t\r\n\\u0041"'}})
def test_every_text_and_number_comes_back(tables: dict[str, dict[str, object]]) -> None:
    assert tomllib.loads(to_toml(tables)) == tables
