"""From presets, files and overrides to one configuration: the right order, and helpful refusals."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentrec.config import (
    EvaluateConfig,
    FilesConfig,
    NoReasonerConfig,
    PlrConfig,
    RunConfig,
    SyntheticConfig,
    TimeSplitConfig,
)
from latentrec.configure import (
    evaluation_config,
    load_config,
    parse_config,
    preset_names,
    protocol_names,
)
from latentrec.errors import ConfigError


def toml(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


# --- presets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_loads(name: str) -> None:
    assert isinstance(load_config(name), RunConfig)


def test_the_presets_that_the_documents_name_exist() -> None:
    assert {"demo", "plr-sasrec", "plr-sasrec-paper", "sasrec"} <= set(preset_names())


def test_the_paper_preset_keeps_the_paper_s_settings() -> None:
    """A comparison with the paper stands on these (arXiv 2601.03153, 5.1 and 6.4)."""
    config = load_config("plr-sasrec-paper")
    assert (config.encoder.dim, config.encoder.inner, config.train.batch_size) == (256, 300, 2048)
    assert config.train.positions == "last"
    assert isinstance(config.reasoner, PlrConfig)
    assert (config.reasoner.warmup_epochs, config.reasoner.contrastive_weight) == (0, 1.0)
    assert config.items.fields == ("categories", "store")


def test_an_unknown_preset_lists_or_guesses() -> None:
    with pytest.raises(ConfigError, match=r"^preset 'sasrek': unknown; did you mean 'sasrec'\?$"):
        load_config("sasrek")
    with pytest.raises(ConfigError, match="unknown; known: bert4rec, bert4rec-cloze, demo, "):
        load_config("/etc/passwd")


# --- order ----------------------------------------------------------------------------------------


def test_later_sources_win(tmp_path: Path) -> None:
    """start < preset < file < base < --set, key by key."""
    file = toml(tmp_path, "[encoder]\ndim = 32\ninner = 32\nheads = 1\nlayers = 3\n")
    config = load_config(
        "sasrec",  # dim 64, dropout 0.2
        file,
        ["encoder.heads=4"],
        base={"encoder": {"inner": 48, "heads": 2}},
        start={"encoder": {"max_length": 7, "dropout": 0.5}},
    )
    encoder = config.encoder
    assert (encoder.max_length, encoder.dropout) == (7, 0.2)
    assert (encoder.dim, encoder.layers, encoder.inner, encoder.heads) == (32, 3, 48, 4)
    assert isinstance(config.reasoner, NoReasonerConfig)


def test_sources_are_not_changed() -> None:
    base = {"encoder": {"heads": 1}}
    load_config("sasrec", overrides=["encoder.heads=2"], base=base, start=base)
    assert base == {"encoder": {"heads": 1}}


def test_a_new_kind_starts_its_table_afresh(tmp_path: Path) -> None:
    # Knobs of PLR must not stick to a run without reasoning, or every switch would be an error.
    file = toml(tmp_path, '[reasoner]\nkind = "none"\n')
    assert load_config("plr-sasrec", file).reasoner == NoReasonerConfig()
    again = load_config("sasrec", overrides=["reasoner.kind=plr", "reasoner.streams=4"])
    assert again.reasoner == PlrConfig(streams=4)


def test_the_same_kind_keeps_its_table(tmp_path: Path) -> None:
    # A kind said only now, and the one that was meant all along, must lose no setting in silence.
    kept = load_config("demo", overrides=["reasoner.kind=plr"])
    assert kept.reasoner == load_config("demo").reasoner
    file = toml(tmp_path, '[reasoner]\nstreams = 4\n[data]\nuser_column = "who"\n')
    base = {"data": {"kind": "files", "path": "log.csv"}}
    found = load_config(file=file, overrides=["reasoner.kind=plr"], base=base)
    assert found.reasoner == PlrConfig(streams=4)
    assert found.data == FilesConfig(path="log.csv", user_column="who")
    assert load_config(file=file, overrides=["data.path=log.csv"]).data == found.data
    switched = load_config(file=file, base=base, overrides=["reasoner.kind=none"])
    assert switched.reasoner == NoReasonerConfig()


def test_data_with_a_path_are_files() -> None:
    config = load_config(overrides=["data.path=log.csv", "data.user_column=who"])
    assert config.data == FilesConfig(path="log.csv", user_column="who")
    assert load_config(overrides=["data.users=5"]).data == SyntheticConfig(users=5)
    with pytest.raises(ConfigError, match=r"data\.path: unknown key"):
        parse_config({"data": {"kind": "synthetic", "path": "log.csv"}})


def test_files_need_a_path() -> None:
    with pytest.raises(ConfigError, match=r"^data\.path: must be given$"):
        parse_config({"data": {"kind": "files", "user_column": "who"}})


# --- overrides ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "section", "key", "value"),
    [
        ("encoder.dim=32", "encoder", "dim", 32),
        (" encoder.dim = 32 ", "encoder", "dim", 32),
        ("encoder.dropout=1e-1", "encoder", "dropout", 0.1),
        ("evaluate.exclude_seen=true", "evaluate", "exclude_seen", True),
        ("evaluate.top_k=[1, 10]", "evaluate", "top_k", (1, 10)),
        ("train.monitor=mrr@5", "train", "monitor", "mrr@5"),
        ('train.monitor="mrr@5"', "train", "monitor", "mrr@5"),
        ('items.fields=["store"]', "items", "fields", ("store",)),
        ("data.path=a=b.csv", "data", "path", "a=b.csv"),
        ("data.path=C:\\logs\\new.csv", "data", "path", "C:\\logs\\new.csv"),
    ],
)
def test_overrides_are_toml_or_else_text(text: str, section: str, key: str, value: Any) -> None:
    assert getattr(getattr(load_config(overrides=[text]), section), key) == value


def test_dates_are_text(tmp_path: Path) -> None:
    """TOML has dates of its own; a moment of a split is text for us."""
    moments = ["split.valid_from=2024-01-01", "split.test_from=2024-02-01T12:00:00Z"]
    expected = TimeSplitConfig(valid_from="2024-01-01", test_from="2024-02-01T12:00:00+00:00")
    assert load_config(overrides=["split.kind=time", *moments]).split == expected
    file = toml(
        tmp_path,
        '[split]\nkind = "time"\nvalid_from = 2024-01-01\ntest_from = 2024-02-01T12:00:00Z\n',
    )
    assert load_config(file=file).split == expected


@pytest.mark.parametrize("text", ["encoder", "=3", "encoder.=3", ".dim=3", "encoder..dim=3", ""])
def test_an_override_without_key_or_value_says_its_form(text: str) -> None:
    with pytest.raises(ConfigError, match=r"must read section\.key=value, like"):
        load_config(overrides=[text])


@given(st.text(max_size=20))
def test_any_override_gives_a_configuration_or_our_error(text: str) -> None:
    # Whatever a shell passes on, the user must not meet a traceback.
    for override in (text, f"train.{text}", f"data.path={text}", f"reasoner={text}"):
        with contextlib.suppress(ConfigError):
            load_config(overrides=[override])


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("encoder.dims=3", "encoder.dims: unknown key; did you mean 'dim'?"),
        ("encodr.dim=3", "encodr: unknown key; did you mean 'encoder'?"),
        ("reasoner.stream=3", "reasoner.stream: unknown key; did you mean 'streams'?"),
        # A key without its table.
        ("streams=3", "streams: unknown key; did you mean 'reasoner.streams'?"),
        ("seed=3", "seed: unknown key; did you mean 'data.seed' or 'train.seed'?"),
        ("encodr=3", "encodr: unknown key; did you mean 'encoder'?"),
        ("xyzzy=3", "xyzzy: unknown key; known: data, split, "),
        # A key that is also the name of a kind.
        ("data.time=3", "data.time: unknown key; known: kind, users, "),
        ("items.id=3", "items.id: unknown key; did you mean 'kind'?"),
        ("reasoner.kind=plrr", "reasoner.kind='plrr': must be one of 'none', "),
        ("reasoner=none", "reasoner='none': is a table; set its keys, like reasoner.kind"),
        ("train=5", "train='5': is a table; set its keys, like train.positions"),
        ("evaluate.top_k=5", "evaluate.top_k='5': must be a list, in brackets"),
        (
            "evaluate.metrics=[recall, mrr]",
            "evaluate.metrics='[recall, mrr]': texts in a list need quotes, and so does the shell: "
            """--set 'evaluate.metrics=["recall", "mrr"]'""",
        ),
        ("train.epochs=many", "train.epochs='many': Input should be a valid integer"),
        ("train.epochs=0", "train.epochs='0': Input should be greater than or equal to 1"),
        ("evaluate.top_k=[5, 0]", "evaluate.top_k='0': Input should be"),
    ],
)
def test_errors_name_the_key_and_a_way_out(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(overrides=[override])
    assert str(error.value).startswith(message)


def test_knobs_of_another_kind_are_unknown() -> None:
    with pytest.raises(ConfigError, match=r"reasoner\.streams: unknown key; known: kind"):
        load_config("sasrec", overrides=["reasoner.streams=2"])


def test_several_errors_are_all_named() -> None:
    with pytest.raises(ConfigError) as error:
        load_config(overrides=["encoder.dims=3", "train.epochs=0"])
    assert "encoder.dims" in str(error.value)
    assert "train.epochs" in str(error.value)


def test_a_value_of_two_types_is_named_once() -> None:
    with pytest.raises(ConfigError) as error:
        load_config(overrides=["split.kind=time", "split.valid_from=[1]", "split.test_from=2"])
    assert str(error.value).count("split.valid_from") == 1


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"[train\n", r"not readable as TOML \(.*line 1"),
        (b"\xff\xfe", "not readable as TOML"),
        (b"[train]\nepoch = 3\n", r"train\.epoch: unknown key; did you mean 'epochs'\?"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes, rule: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rule):
        load_config(file=path)


def test_what_is_wrong_in_a_file_names_it(tmp_path: Path) -> None:
    """But not where what is wrong was said behind it, or stands in no file."""
    file = toml(tmp_path, "[train]\nepochs = 0\nepoch = 3\n")
    with pytest.raises(ConfigError) as error:
        load_config(file=file, overrides=["train.seed=x"])
    assert sorted(str(error.value).split("; ")) == [
        f"config file {file}: train.epoch: unknown key",
        f"config file {file}: train.epochs='0': Input should be greater than or equal to 1",
        "did you mean 'epochs'?",
        "train.seed='x': Input should be a valid integer, unable to parse string as an integer",
    ]
    file = toml(tmp_path, "[train]\nepochs = 3\n[encoder]\nheads = 7\n")
    with pytest.raises(ConfigError, match=rf"^config file {file}: encoder: heads=7 must divide"):
        load_config(file=file)
    for over in ("train.epochs=0", "encoder.dim=8"):
        with pytest.raises(ConfigError) as error:
            load_config(file=toml(tmp_path, file.read_text()), overrides=[over])
        assert (over == "train.epochs=0") == ("config file" in str(error.value))
        assert f"{file}: train" not in str(error.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config file .*none\.toml: does not exist"):
        load_config(file=tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="not readable as TOML"):
        load_config(file=tmp_path)


# --- evaluation -----------------------------------------------------------------------------------


def test_only_the_evaluation_can_change_after_training() -> None:
    known = EvaluateConfig(resamples=7)
    # [1] leaves out the K of the monitor, which has done its work.
    found = evaluation_config(known, ["evaluate.top_k=[1]", "evaluate.exclude_seen=true"])
    assert found == EvaluateConfig(resamples=7, top_k=(1,), exclude_seen=True)
    assert evaluation_config(known, []) == known
    with pytest.raises(ConfigError, match=r"^--set train\.epochs=3: only settings of `evaluate\.`"):
        evaluation_config(known, ["train.epochs=3"])
    with pytest.raises(ConfigError, match=r"^evaluate\.topk: unknown key; did you mean 'top_k'\?"):
        evaluation_config(known, ["evaluate.topk=3"])
    with pytest.raises(ConfigError, match=r"^evaluate\.top_k='0': Input should be"):
        evaluation_config(known, ["evaluate.top_k=[0]"])


# --- protocols ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", protocol_names())
@pytest.mark.parametrize("preset", ["sasrec", "bert4rec", "hstu", "plr-sasrec-paper"])
def test_a_protocol_goes_with_every_preset(name: str, preset: str) -> None:
    config = load_config(preset, base={"data": {"path": "log.csv"}}, protocol=name)
    length = 20 if name == "lares" else 50
    assert config.encoder.max_length == length
    assert config.evaluate.exclude_seen == (name == "leave-one-out")
    assert config.split.kind == ("time" if name == "paper" else "leave-one-out")
    assert config.reasoner == load_config(preset).reasoner  # the method is the preset's affair


def test_the_papers_protocol_filters_as_they_do_and_keeps_a_presets_moments() -> None:
    base = {"data": {"path": "log.csv"}}
    config = load_config("sasrec", base=base, protocol="paper")
    assert isinstance(config.data, FilesConfig)
    assert (config.data.rating_above, config.data.min_user_interactions) == (3, 10)
    dated = load_config("plr-sasrec-paper", base=base, protocol="paper")
    assert dated.split == load_config("plr-sasrec-paper").split


def test_what_is_said_after_a_protocol_holds() -> None:
    overrides = ["encoder.kind=bert4rec", "train.positions=last", "split.kind=leave-one-out"]
    config = load_config(base={"data": {"path": "a"}}, overrides=overrides, protocol="lares")
    assert (config.encoder.kind, config.encoder.max_length) == ("bert4rec", 20)
    shorter = load_config(overrides=["encoder.max_length=7"], protocol="lares")
    assert shorter.encoder.max_length == 7


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(ConfigError, match="protocol 'papers': unknown; did you mean 'paper'"):
        load_config(protocol="papers")
    with pytest.raises(ConfigError, match="encoder='3': is a table"):
        load_config(protocol="lares", overrides=["encoder=3"])
