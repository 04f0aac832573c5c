"""The command line must start fast, and its errors must be one line with a dependable exit code."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import NoReturn

import pytest
import typer
from typer.testing import CliRunner

from latentrec.cli import main
from latentrec.errors import DataError

COMMANDS = (
    "demo",
    "data",
    "fit",
    "pretrain",
    "post-train",
    "blend",
    "evaluate",
    "compare",
    "analyse",
    "recommend",
    "serve",
    "export",
    "index",
    "experiment",
    "study",
    "tune",
    "paper",
    "report",
    "doctor",
)
HEAVY = ("torch", "polars", "scipy", "accelerate")


def run(*arguments: str, code: str = "from latentrec.cli.main import main; main()") -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_package_runs_as_a_module() -> None:
    """Where scripts are not on the path."""
    done = subprocess.run(
        [sys.executable, "-m", "latentrec", "--version"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == run("--version")


def failing_app(error: BaseException) -> typer.Typer:
    """The real command group and options around commands that fail."""
    app = typer.Typer(cls=main._Commands, pretty_exceptions_enable=False)
    app.callback()(main.options)

    def fail() -> NoReturn:
        raise error

    for name in ("fit", "post-train", "data"):
        app.command(name)(fail)
    return app


def test_help_names_every_command_and_loads_no_heavy_library() -> None:
    # A help that takes seconds, or fails on a broken torch, is the first thing a user meets.
    code = f"""
import sys
from latentrec.cli.main import main
try:
    main()
finally:
    print("loaded:", [name for name in {HEAVY} if name in sys.modules])
"""
    shown = run("--help", code=code)
    assert "loaded: []" in shown
    assert all(name in shown for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_loads_no_torch(command: str) -> None:
    code = """
import sys
from latentrec.cli.main import main
try:
    main()
finally:
    print("torch loaded:", "torch" in sys.modules)
"""
    assert "torch loaded: False" in run(command, "--help", code=code)


def test_version() -> None:
    assert run("--version").startswith("latentrec ")


def test_an_expected_error_is_one_line_and_exit_2() -> None:
    result = CliRunner().invoke(failing_app(DataError("log.csv:3\n  no user")), ["data"])
    assert (result.exit_code, result.stderr) == (2, "error: log.csv:3 no user\n")
    assert result.stdout == ""


def test_a_file_system_error_is_one_line_and_exit_2() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "runs/a")
    result = CliRunner().invoke(failing_app(full), ["fit"])
    assert result.exit_code == 2
    assert "No space left on device: 'runs/a'" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "env"),
    [(["--traceback", "data"], {}), (["data"], {"LATENTREC_TRACEBACK": "1"})],
)
def test_the_traceback_is_shown_on_request(arguments: list[str], env: dict[str, str]) -> None:
    result = CliRunner().invoke(failing_app(DataError("broken")), arguments, env=env)
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("error: broken\n")


def test_a_bug_is_not_hidden() -> None:
    result = CliRunner().invoke(failing_app(ZeroDivisionError()), ["data"])
    assert isinstance(result.exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("command", "says_resume"), [("fit", True), ("post-train", True), ("data", False)]
)
def test_an_interruption_is_one_line_and_exit_130(command: str, says_resume: bool) -> None:
    result = CliRunner().invoke(failing_app(KeyboardInterrupt()), [command])
    assert result.exit_code == 130
    assert len(result.stderr.splitlines()) == 1
    assert ("--resume" in result.stderr) == says_resume


def test_an_unknown_option_is_exit_2() -> None:
    assert CliRunner().invoke(main.app, ["doctor", "--no-such-option"]).exit_code == 2


@pytest.mark.parametrize(
    "message", ["a" * 5000, "a\nb\r\nc\td", "\x1b[31mred\x07\u202e", "\ud800 lone surrogate"]
)
def test_an_error_line_is_short_printable_and_single(message: str) -> None:
    # Item ids from a file end up in messages: they must not drive the terminal.
    line = main.error_line(DataError(message))
    assert len(line) <= main.LONGEST_ERROR
    assert line.isprintable()


def test_an_error_without_text_says_its_kind() -> None:
    assert main.error_line(DataError()) == "error: DataError"


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="no pipes with signals here")
@pytest.mark.parametrize("lines", [1, 100_000], ids=["in the buffer", "past the buffer"])
def test_a_closed_pipe_is_quiet(lines: int) -> None:
    # `latentrec data ... | head -1` must not end in a traceback.
    code = f"""
import typer
from latentrec.cli import main
app = typer.Typer(cls=main._Commands, pretty_exceptions_enable=False)
app.callback()(main.options)
@app.command()
def talk() -> None:
    input()
    print("line\\n" * {lines})
main.app = app
main.main()
"""
    talking = subprocess.Popen(
        [sys.executable, "-c", code, "talk"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert talking.stdout is not None
    talking.stdout.close()
    talking.stdout = None
    _, errors = talking.communicate(b"\n", timeout=60)
    assert errors == b""
    assert talking.returncode == main.EXIT_PIPE_CLOSED


def start_of(function: Callable[..., object]) -> str:
    return (function.__doc__ or "").strip()


def test_every_command_says_what_it_does() -> None:
    commands = [c.callback for c in main.app.registered_commands if c.callback is not None]
    assert len(commands) == len(COMMANDS) - 1
    assert all(start_of(command) for command in commands)


def test_no_environment_variable_is_needed() -> None:
    # A service manager or cron gives almost no environment.
    env = {name: os.environ[name] for name in ("PYTHONPATH", "SYSTEMROOT") if name in os.environ}
    code = "import sys; sys.argv[1:] = ['--help']; from latentrec.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
