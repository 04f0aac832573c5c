"""A file with a slip is refused before hours of training, and cells are what the file says."""

from pathlib import Path

import pytest

from latentrec.errors import ConfigError
from latentrec.experiment.spec import cells, part, read_experiment, trials

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
GOOD = """
title = "two rows"
seeds = [3, 5]
set = ["encoder.dim=8", "encoder.heads=1", "train.epochs=2"]
rows = [
  { name = "sasrec", preset = "sasrec" },
  { name = "plr-3", preset = "plr-sasrec", set = ["reasoner.streams=3", "encoder.dim=4"] },
]
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "e.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_cells_carry_preset_then_common_then_own_settings(tmp_path: Path) -> None:
    found = cells(read_experiment(written(tmp_path, GOOD)), tmp_path / "out")
    assert [(cell.row, cell.seed) for cell in found] == [
        ("sasrec", 3),
        ("plr-3", 3),
        ("sasrec", 5),
        ("plr-3", 5),
    ]
    assert found[0].config.encoder.dim == 8
    assert found[1].config.encoder.dim == 4
    assert found[1].config.reasoner.kind == "plr"
    assert found[1].config.train.epochs == 2
    assert [cell.config.train.seed for cell in found] == [3, 3, 5, 5]
    assert len({cell.folder for cell in found}) == 4


def test_rows_and_seeds_can_be_chosen(tmp_path: Path) -> None:
    experiment = read_experiment(written(tmp_path, GOOD))
    found = cells(part(experiment, rows=["plr-3"], seeds=[5]), tmp_path)
    assert [(cell.row, cell.seed) for cell in found] == [("plr-3", 5)]
    with pytest.raises(ConfigError, match="row 'plr': not in the experiment"):
        part(experiment, rows=["plr"])
    with pytest.raises(ConfigError, match="seed 4: not in the experiment"):
        part(experiment, seeds=[4])


@pytest.mark.parametrize(
    ("seeds", "message"), [("[]", "seeds: there is none"), ("[4, 0, 4]", "seeds 4, 0, 4: must all")]
)
def test_seeds_that_show_no_spread_are_refused(tmp_path: Path, seeds: str, message: str) -> None:
    """One run counted twice would have a standard deviation of 0."""
    text = GOOD.replace("[3, 5]", seeds)
    with pytest.raises(ConfigError, match=message):
        cells(read_experiment(written(tmp_path, text)), tmp_path)
    text = f'{text}[tune]\n"encoder.dropout" = [0.1, 0.3]\n'
    with pytest.raises(ConfigError, match=message):
        trials(read_experiment(written(tmp_path, text)), tmp_path)


def test_the_log_of_the_caller_wins(tmp_path: Path) -> None:
    found = cells(read_experiment(written(tmp_path, GOOD)), tmp_path, data=tmp_path / "log.csv")
    assert found[0].config.data.model_dump()["path"] == str(tmp_path / "log.csv")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("evaluate.exclude_seen=true", "evaluate.exclude_seen is false in one and true in the"),
        ("data.seed=9", "data.seed is 7 in one and 9 in the other"),
        ("split.kind=time", 'split.kind is "leave-one-out" in one and "time" in the other'),
    ],
)
def test_rows_that_are_not_judged_alike_are_refused(
    tmp_path: Path, setting: str, message: str
) -> None:
    """One table must not hold figures of different cases, nor a trial be chosen by easier ones."""
    text = GOOD.replace("reasoner.streams=3", setting)
    with pytest.raises(ConfigError, match=f"rows 'sasrec' and 'plr-3': {message}"):
        cells(read_experiment(written(tmp_path, text)), tmp_path)
    key, _, value = setting.partition("=")
    old = {"true": "false", "9": "7", "time": '"leave-one-out"'}[value]
    new = value if value in ("true", "9") else f'"{value}"'
    tuned = f'{GOOD}[tune]\n"{key}" = [{old}, {new}]\n'
    with pytest.raises(ConfigError, match=f"rows 'sasrec {key}=.+{message}"):
        trials(read_experiment(written(tmp_path, tuned)), tmp_path)


def test_what_does_not_touch_the_judging_may_differ(tmp_path: Path) -> None:
    free = '"train.long_histories=last", "items.kind=text", "evaluate.ease_items=5"'
    found = cells(
        read_experiment(written(tmp_path, GOOD.replace('"reasoner.streams=3"', free))), tmp_path
    )
    assert len(found) == 4


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.toml")), ids=lambda path: path.stem)
def test_our_own_experiments_are_sound(path: Path, tmp_path: Path) -> None:
    assert cells(read_experiment(path), tmp_path, data=tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("streams=3", "stream=3"), r"row 'plr-3': reasoner.stream: unknown key"),
        (('"plr-3"', '"sasrec"'), "rows need different names"),
        (('"plr-3"', '"../up"'), "rows.1.name"),
        (("title =", "heading ="), "heading"),
        (('"plr-3"', '"Table.md"'), "rows.1.name: .*'Table.md' is a file of the experiment"),
        (('"plr-3"', '"markov"'), "'markov' is a file of the experiment or a baseline"),
        (
            ("rows = [", 'tune = { "train.seed" = [0, 1] }\nrows = ['),
            "'train.seed' cannot be tuned",
        ),
        (("rows = [", 'tune = { "train.monitor" = ["ndcg@5"] }\nrows = ['), "cannot be tuned"),
        (("seeds = [3, 5]", "seeds = [-1]"), "seeds.0"),
        (("rows = [", "rows = ["[:-1]), "not readable as TOML"),
    ],
)
def test_a_slip_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = written(tmp_path, GOOD.replace(*change))
    with pytest.raises(ConfigError, match=message):
        cells(read_experiment(path), tmp_path)


def test_a_slip_in_the_only_row_is_all_that_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, 'title = "t"\nrows = [{ name = "a b" }]')
    with pytest.raises(ConfigError) as refused:
        read_experiment(path)
    assert "rows.0.name: String should match" in str(refused.value)
    assert "; " not in str(refused.value)
    with pytest.raises(ConfigError, match="rows: must have at least one"):
        read_experiment(written(tmp_path, 'title = "t"\nrows = []'))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_experiment(tmp_path / "none.toml")


def test_trials_are_all_combinations_and_share_folders_with_the_chosen(tmp_path: Path) -> None:
    text = f'{GOOD}[tune]\n"encoder.dropout" = [0.1, 0.3]\n"train.loss_free" = []\n'
    with pytest.raises(ConfigError, match="loss_free"):
        read_experiment(written(tmp_path, text))
    text = f'{GOOD}[tune]\n"encoder.dropout" = [0.1, 0.3]\n"encoder.layers" = [1, 2]\n'
    experiment = read_experiment(written(tmp_path, text))
    tried = trials(experiment, tmp_path)
    assert len(tried) == 8  # two rows, four combinations
    assert {cell.seed for cell in tried} == {3}
    assert {(c.config.encoder.dropout, c.config.encoder.layers) for c in tried} == {
        (0.1, 1),
        (0.1, 2),
        (0.3, 1),
        (0.3, 2),
    }
    best = tried[1]
    final = cells(experiment, tmp_path, chosen={"sasrec": best.tuned})
    assert final[0].folder == best.folder  # the winner's run is not trained twice
    assert final[2].config.encoder.layers == 2


def test_a_whole_number_is_tried_as_it_is_written(tmp_path: Path) -> None:
    text = f'{GOOD}[tune]\n"encoder.dim" = [8, 16]\n"train.weight_decay" = [0.5]\n'
    experiment = read_experiment(written(tmp_path, text.replace(', "encoder.dim=4"', "")))
    tried = trials(experiment, tmp_path)
    assert tried[0].tuned == ("encoder.dim=8", "train.weight_decay=0.5")
    assert tried[0].folder.parent.name == "encoder.dim=8,train.weight_decay=0.5"


def test_a_protocol_lies_under_every_row_and_its_settings(tmp_path: Path) -> None:
    path = tmp_path / "e.toml"
    rows = '[{ name = "a", preset = "sasrec" }, { name = "b", set = ["encoder.max_length=9"] }]'
    path.write_text(f'title = "t"\nprotocol = "lares"\nrows = {rows}\n', encoding="utf-8")
    found = cells(read_experiment(path), tmp_path)
    assert [cell.config.encoder.max_length for cell in found] == [20, 9]
