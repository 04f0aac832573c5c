"""The doctor must tell a usable machine from a broken one, also in a plain pipe."""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from latentrec.cli import doctor, main
from latentrec.cli.doctor import Finding


def test_this_machine_is_usable_and_the_report_is_plain_lines() -> None:
    result = CliRunner().invoke(main.app, ["doctor"])
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.stdout
    named = {line.split()[1] for line in result.stdout.splitlines()[:-1]}
    assert {"python", "torch", "numpy", "polars", "device", "threads", "memory"} <= named
    assert result.stdout.splitlines()[-1] == "usable"


def test_one_failure_makes_it_exit_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[Finding]:
        yield Finding("torch", "missing", "fail", "install it")
        yield Finding("numpy", "2.4.6")

    monkeypatch.setattr(doctor, "findings", broken)
    result = CliRunner().invoke(main.app, ["doctor"])
    assert result.exit_code == 2
    assert "missing  (install it)" in result.stdout


@pytest.mark.parametrize(
    ("name", "version", "state"),
    [
        ("torch", None, "fail"),
        ("torch", "2.10.1", "fail"),
        ("torch", "2.11.0+cu128", "note"),
        ("torch", "2.13.0+cpu", "ok"),
        ("torch", "2.14.0a0+git1", "warn"),
        ("torch", "3.0rc1", "warn"),
        ("numpy", "1.26.4", "fail"),
        ("numpy", "2.0.0", "ok"),
        ("polars", "0.1", "ok"),
    ],
)
def test_versions(name: str, version: str | None, state: str) -> None:
    finding = doctor.check_library(name, version)
    assert finding.state == state
    assert bool(finding.advice) == (state != "ok")


@pytest.mark.parametrize(("found", "state"), [((3, 10), "fail"), ((3, 11), "ok"), ((3, 14), "ok")])
def test_python_version(found: tuple[int, int], state: str) -> None:
    assert doctor.check_python(found).state == state


@pytest.mark.parametrize(
    ("threads", "cores", "state"), [(1, 8, "note"), (1, 1, "warn"), (2, 8, "ok"), (8, 8, "ok")]
)
def test_threads(threads: int, cores: int, state: str) -> None:
    assert doctor.check_threads(threads, cores).state == state


def test_a_missing_optional_module_is_a_note_that_says_what_for() -> None:
    finding = doctor.check_optional("no_such_module", "nothing")
    assert (finding.state, finding.advice) == ("note", "optional, for nothing")


def test_every_extra_that_switches_something_on_is_looked_for() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    extras = set(project["project"]["optional-dependencies"]) - {"track", "cluster"}  # no use yet
    uses = [use for _, use in doctor.OPTIONAL]
    assert {use[:-1].partition("(extra: ")[2] for use in uses} - {""} == extras


def test_the_self_test_reports_a_torch_that_cannot_compute() -> None:
    finding = doctor.self_test("no-such-device")
    assert finding.state == "fail"


def test_a_torch_that_cannot_be_imported_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert [f.state for f in doctor._torch_findings()] == ["fail"]


def test_offline_mode_of_the_model_hub_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert any(f.name == "HF_HUB_OFFLINE" and f.state == "note" for f in doctor.findings())
