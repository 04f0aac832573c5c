"""A page stands alone: well-formed, escaped, nothing else, and the run's numbers."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from latentrec.errors import CheckpointError, ConfigError
from latentrec.report import comparison_page, write_report
from latentrec.run.comparison import compare

Runs = tuple[Path, Path]
VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """Tags, attributes and texts of a page; fails where tags do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def one(judged: Runs, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("out") / "deep" / "report.html"
    write_report([judged[0]], out)
    return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def two(judged: Runs, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("out") / "report.html"
    write_report(judged, out, baseline="popularity", count=1)
    return out.read_text(encoding="utf-8")


@pytest.mark.parametrize("which", ["one", "two"])
def test_a_page_needs_nothing_and_runs_nothing(
    which: str, hostile: str, request: pytest.FixtureRequest
) -> None:
    text = request.getfixturevalue(which)
    page = Page(text)
    assert {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in page.tags} == set()
    assert not re.search(r"(https?:)?//[a-z]|@import|url\(", text)
    assert hostile not in text
    assert "\x07" not in text
    assert hostile.replace("\x07", "") in "".join(page.texts)  # shown, as text
    assert not any(name.startswith("on") for _, found in page.tags for name in found)


@pytest.mark.parametrize("which", ["one", "two"])
def test_a_page_can_be_read_without_seeing_it(which: str, request: pytest.FixtureRequest) -> None:
    page = Page(request.getfixturevalue(which))
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert all(found.get("scope") in ("col", "row") for found in page.all("th"))
    assert len(page.all("table")) == len(page.all("caption"))
    assert len(page.all("figure")) == len(page.all("figcaption")) > 0
    assert all(found.get("aria-label") for found in page.all("svg"))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_numbers_are_those_of_the_evaluation(one: str, judged: Runs) -> None:
    kept = json.loads((judged[0] / "evaluation.json").read_text(encoding="utf-8"))
    wanted = [m["value"] for row in kept["rows"] for m in row["metrics"].values()]
    found = [float(str(data["value"])) for data in Page(one).all("data")]
    assert sorted(found) == sorted(wanted)
    texts = "".join(Page(one).texts)
    for rule in kept["protocol"].split("; "):
        assert rule in texts
    described = json.loads((judged[0] / "run.json").read_text(encoding="utf-8"))
    assert described["data_fingerprint"] in texts
    assert described["items_sha256"] in texts


def test_seeds_stand_apart_from_users(two: str) -> None:
    assert "one standard deviation between seeds" in two
    assert "(2 seeds)" in two
    assert 'class="seeds"' in two
    texts = Page(two).texts
    for words in ("run, seed 0", "run, seed 1", "Run run, seed 0", "Run run, seed 1"):
        assert texts.count(words) == 1
    assert 'href="#run-1"' in two


def test_a_comparison_alone_is_a_page(judged: Runs) -> None:
    page = Page(comparison_page(compare(judged, baseline="popularity")))
    assert "ndcg@10: run against popularity" in page.texts


def test_a_name_that_is_no_text_can_be_written(judged: Runs) -> None:
    odd = "run-\udcff\x07"  # a byte of a file name that is no UTF-8
    found = replace(compare(judged, baseline="popularity"), reference=odd)
    text = comparison_page(found).encode().decode()
    assert "less that of run-?, paired" in text[text.index('aria-label="ndcg@10 less') :]
    assert "\x07" not in text


def test_long_words_break_everywhere_but_in_tables(one: str) -> None:
    style = one[one.index("<style>") : one.index("</style>")]
    rules = dict(re.findall(r"^([a-z, ]+) \{ (.*) \}$", style, re.MULTILINE))
    assert "overflow-wrap: anywhere" in rules["body"]
    assert "overflow-wrap: normal" in rules["th, td"]  # tables scroll instead


def test_the_metric_of_one_run_can_be_chosen(judged: Runs, tmp_path: Path) -> None:
    write_report([judged[0]], tmp_path / "r.html", metric="recall@20", count=0)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "recall@20 on the test cases" in text
    assert "test recall@20" in text
    assert "validation ndcg@10; best epoch" in text  # what training watched stays
    for metric, rule in (("foo@3", "must be one of recall"), ("map@10", "one of recall@5, recall")):
        with pytest.raises(ConfigError, match=f"metric '{metric}'.*{rule}"):
            write_report([judged[0]], tmp_path / "r.html", metric=metric, count=0)


def test_one_run_can_be_tested_against_a_baseline(judged: Runs, tmp_path: Path) -> None:
    write_report([judged[0]], tmp_path / "r.html", baseline="popularity", metric="mrr@5", count=0)
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "mrr@5: run-s0 against popularity" in page.texts
    assert "mrr@5 on the test cases, with intervals over users" in page.texts
    with pytest.raises(ConfigError, match="'nope' is neither a run nor a kept baseline"):
        write_report([judged[0]], tmp_path / "r.html", baseline="nope", count=0)


def test_what_is_missing_is_said(copied: Path, tmp_path: Path) -> None:
    (copied / "evaluation.json").unlink()
    config = json.loads((copied / "config.json").read_text(encoding="utf-8"))
    config["data"]["path"] = str(tmp_path / "gone.csv")
    (copied / "config.json").write_text(json.dumps(config), encoding="utf-8")
    write_report([copied], tmp_path / "r.html")
    texts = "".join(Page((tmp_path / "r.html").read_text(encoding="utf-8")).texts)
    assert "The run has not been judged yet." in texts
    assert "None, since the run or its data cannot be read:" in texts
    with pytest.raises(CheckpointError, match="no run there"):
        write_report([tmp_path / "none"], tmp_path / "r.html")
