"""The project keeps its own promises: layout, size, safety, public names, true documents."""

import ast
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

import latentrec
from latentrec.cli.main import app

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "latentrec").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
FREE_FOLDERS = ("contracts", "reference", "golden")
"""Folders of tests that belong to no single source file."""
LONGEST_FILE = 400
GENERATED = {".venv", ".git", "runs", "build", "dist", "node_modules", ".pytest_cache"}
DOCUMENTS = sorted(
    path for path in ROOT.rglob("*.md") if not GENERATED & set(path.relative_to(ROOT).parts)
)
ADR_SECTIONS = ("Context", "Decision", "Consequences", "Tested by")
UNPICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- layout ---------------------------------------------------------------------------------------


def source_of(test: Path) -> Path:
    """The source file that a test file mirrors."""
    parts = test.relative_to(ROOT / "tests").parts
    return ROOT / "src" / "latentrec" / Path(*parts[:-1]) / parts[-1].removeprefix("test_")


def test_every_test_file_mirrors_a_source_file() -> None:
    free = [ROOT / "tests" / folder for folder in FREE_FOLDERS]
    bound = [t for t in TESTS if t != Path(__file__) and not set(free) & set(t.parents)]
    assert [name_of(test) for test in bound if not source_of(test).is_file()] == []


def test_no_source_file_is_too_long() -> None:
    lengths = {name_of(s): len(s.read_text(encoding="utf-8").splitlines()) for s in SOURCES}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}


def test_every_source_folder_is_a_package() -> None:
    # import-linter does not look into a folder without __init__.py: its rules would hold vacuously.
    folders = {source.parent for source in SOURCES}
    assert [name_of(f) for f in folders if not (f / "__init__.py").is_file()] == []


def test_no_test_folder_is_a_package() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


# --- safety ---------------------------------------------------------------------------------------


def hazards(code: str) -> list[str]:
    """What in this code could run code that a file or a user brought."""
    found: list[str] = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.split(".")[0] in UNPICKLERS]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module] if (node.module or "").split(".")[0] in UNPICKLERS else []
        elif isinstance(node, ast.Call):
            found += hazards_of_call(node)
    return found


def hazards_of_call(call: ast.Call) -> list[str]:
    name = ast.unparse(call.func)
    given = {k.arg: ast.unparse(k.value) for k in call.keywords}
    unsafe = {
        "torch.load": given.get("weights_only") != "True",
        "np.load": given.get("allow_pickle", "False") != "False",
    }
    always = re.fullmatch(r"(builtins\.)?(eval|exec)|yaml\.\w*load|.*read_pickle", name)
    return [name] if always or unsafe.get(name) else []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "import os, joblib.numpy_pickle",
        "from dill import loads",
        "eval('1')",
        "exec(text)",
        "yaml.load(text)",
        "yaml.unsafe_load(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "pd.read_pickle(path)",
    ],
)
def test_the_hazard_check_finds_hazards(code: str) -> None:
    assert len(hazards(code)) == 1


@pytest.mark.parametrize(
    "code",
    ["model.eval()", "torch.load(path, weights_only=True)", "json.loads(text)", "np.load(path)"],
)
def test_the_hazard_check_lets_plain_code_pass(code: str) -> None:
    assert hazards(code) == []


def test_no_source_file_can_run_foreign_code() -> None:
    found = {name_of(source): hazards(source.read_text(encoding="utf-8")) for source in SOURCES}
    assert {name: bad for name, bad in found.items() if bad} == {}


# --- public names ---------------------------------------------------------------------------------


def test_public_names_are_exactly_what_resolves() -> None:
    for name in latentrec.__all__:
        assert getattr(latentrec, name) is not None, name
    assert dir(latentrec) == sorted(latentrec.__all__)
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        latentrec.no_such_name  # noqa: B018


def test_all_errors_are_public() -> None:
    from latentrec import errors

    own = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert own <= set(latentrec.__all__)


def test_importing_latentrec_is_light() -> None:
    code = (
        "import sys, latentrec; latentrec.__version__; latentrec.LatentrecError; "
        "print([m for m in ('torch', 'polars', 'numpy', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr


def test_shape_checks_are_on() -> None:
    # The checks come from conftest.py; without them all shapes in signatures are mere comments.
    import torch

    from latentrec.objective.terms import pairwise_kl

    with pytest.raises(Exception, match="pairwise_kl"):
        pairwise_kl(torch.zeros(2, 3), torch.zeros(5, 3))


# --- documents ------------------------------------------------------------------------------------


def test_document_files_exist() -> None:
    for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"):
        assert (ROOT / name).is_file(), f"{name} is missing"


def prose(document: Path) -> str:
    """The text of a document without code blocks and code spans."""
    text = re.sub(r"^(```|~~~).*?^\1", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "", text)


def broken_links(document: Path) -> list[str]:
    """Relative links of a document that lead nowhere."""
    targets = re.findall(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)", prose(document))
    own = [t.split("#")[0] for t in targets if not re.match(r"[a-z]+:|#", t)]
    return [t for t in own if not (document.parent / t).exists()]


def test_the_document_link_check_finds_a_broken_link(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[a](page.md#top) [b](gone.md) `[c](code.md)` [d](https://example.org)\n")
    assert broken_links(page) == ["gone.md"]


def test_document_links_resolve() -> None:
    found = {name_of(document): broken_links(document) for document in DOCUMENTS}
    assert {name: bad for name, bad in found.items() if bad} == {}


def test_document_references_in_sources_resolve() -> None:
    # Docstrings point at decision records by number: docs/adr/0003.
    known = {path.name[:4] for path in (ROOT / "docs" / "adr").glob("*.md")}
    for source in SOURCES:
        named = set(re.findall(r"docs/adr/(\d{4})", source.read_text(encoding="utf-8")))
        assert named <= known, f"{name_of(source)} names {sorted(named - known)}"


DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))


def test_document_decisions_are_numbered_without_gaps() -> None:
    assert DECISIONS
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def gaps(decision: Path) -> list[str]:
    """What a decision record lacks."""
    text = decision.read_text(encoding="utf-8")
    wanted = {section: rf"^## {section}\n+(?!#)\S" for section in ADR_SECTIONS}
    wanted["number in the title"] = rf"\A# {decision.name[:4]} \S"
    wanted["status"] = r"^Status: (accepted|replaced by \d{4})$"
    return [name for name, pattern in wanted.items() if not re.search(pattern, text, re.M)]


def test_document_decisions_are_complete() -> None:
    assert {name_of(d): bad for d in DECISIONS if (bad := gaps(d))} == {}


def test_document_of_settings_is_up_to_date() -> None:
    # The page is written from the configuration; `make docs` writes it anew.
    script = runpy.run_path(str(ROOT / "docs" / "settings.py"))
    text = (ROOT / "docs" / "guide" / "configuration.md").read_text(encoding="utf-8")
    assert script["settings_page"](text) == text, "run `make docs` and keep the changed page"
    assert "| `kl_weight` |" in text


def test_document_paths_exist() -> None:
    # Decision records and guides name files; a renamed file must be renamed there too.
    for document in DOCUMENTS:
        named = re.findall(r"`((?:src|tests|docs)/[\w./]+)`", document.read_text(encoding="utf-8"))
        gone = [path for path in named if not (ROOT / path).exists()]
        assert gone == [], f"{name_of(document)} names files that do not exist"


def command_lines(document: Path) -> list[str]:
    """The `latentrec ...` lines in the code blocks of a document, continued lines joined."""
    text = document.read_text(encoding="utf-8")
    lines: list[str] = []
    for block in re.findall(r"^```(?:bash|sh|console|shell)?\n(.*?)^```", text, flags=re.M | re.S):
        joined = block.replace("\\\n", " ")
        lines += re.findall(r"^\$? ?(latentrec .*)$", joined, flags=re.M)
    return lines


def unknown_words(line: str) -> list[str]:
    """Options and sub-commands of a command line that `latentrec` does not have."""
    words = shlex.split(line.split(" | ")[0].split(" > ")[0], comments=True)[1:]
    command, unknown = typer.main.get_command(app), []
    for word in words:
        known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
        if word.startswith("-") and not re.fullmatch(r"-?\d.*", word):
            unknown += [] if word.split("=")[0] in known | {"--help", "-h"} else [word]
        elif hasattr(command, "commands"):
            if word not in command.commands:
                return [*unknown, word]
            command = command.commands[word]
    return unknown


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("latentrec doctor", []),
        ("latentrec doctor --no-such  # comment --ignored", ["--no-such"]),
        ("latentrec --traceback doctor | head -3", []),
        ("latentrec doktor --help", ["doktor"]),
    ],
)
def test_the_document_command_check_finds_unknown_words(line: str, unknown: list[str]) -> None:
    assert unknown_words(line) == unknown


def test_document_command_lines_exist() -> None:
    lines = {line for document in DOCUMENTS for line in command_lines(document)}
    assert {line: bad for line in lines if (bad := unknown_words(line))} == {}


def test_readme_document_shows_commands() -> None:
    # Otherwise the check of command lines could pass by finding none.
    assert command_lines(ROOT / "README.md")
