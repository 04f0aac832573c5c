"""The page works in a real browser: keyboard, changes, reasons, escaping, token.

Every test that drives the browser also fails on a line in its console.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from starlette.testclient import TestClient

from latentrec.run.folder import ITEMS, RUN, read_json, write_json
from latentrec.run.items import TITLE
from latentrec.serve.files import PAGE, TYPES, reports
from latentrec.train.atomic import sha256

TOKEN = "0123456789abcdef0123"
EVIL = "<img src=x onerror=\"document.title='owned'\">"
ARGS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FULL = "2 streams \N{MULTIPLICATION SIGN} 2 steps"
PHONE = {"width": 375, "height": 812}
Open = Callable[..., Page]
Live, MakeRun = Callable[..., Any], Callable[..., Path]


@pytest.fixture(scope="module")
def evil_run(make_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose first item has markup for a title, with an evaluation and a report."""
    folder = tmp_path_factory.mktemp("evil") / "run"
    shutil.copytree(make_run("plr"), folder)
    items = pl.read_parquet(folder / ITEMS)
    titles = [EVIL, *items[TITLE].to_list()[1:]]
    items.with_columns(pl.Series(TITLE, titles)).write_parquet(folder / ITEMS)
    known = {**read_json(folder / RUN), "items_sha256": sha256(folder / ITEMS)}
    write_json(folder / RUN, known)
    metric = {"value": 0.25, "low": 0.2, "high": 0.3}
    row = {"scorer": "sasrec+plr", "metrics": {"recall@5": metric, "ndcg@10": metric}}
    write_json(folder / "evaluation.json", {"protocol": "so", "cases": 7, "rows": [row]})
    (folder / "analysis").mkdir()
    (folder / "analysis" / "ceiling.md").write_text("# What a report says\n")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """An installed Chromium; nothing is downloaded."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    if binary is None:
        pytest.skip("no chromium is installed")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=binary, args=ARGS)


@pytest.fixture(scope="module")
def port(live: Live, evil_run: Path, make_run: MakeRun) -> Iterator[int]:
    """A server with two arms."""
    with live(evil_run, "--against", str(make_run("none"))) as server:
        yield server.port


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Opens the page of a server; at the end its console must be empty."""
    said: list[str] = []
    contexts: list[AbstractContextManager[Any]] = []

    def open_page(port: int, fragment: str = "", **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"http://127.0.0.1:{port}/{fragment}")
        return page

    yield open_page
    for context in contexts:
        context.close()  # type: ignore[attr-defined]
    # Chromium itself notes an answer of 401, which is how the page learns that it needs a token.
    assert [line for line in said if "status of 401" not in line] == []


def ids_of(page: Page, where: str = "#list") -> list[str]:
    return page.locator(f"{where} li").evaluate_all("rows => rows.map(row => row.dataset.item)")


def test_a_history_is_made_by_keyboard_and_answered(visit: Open, port: int) -> None:
    page = visit(port)
    expect(page.locator("#spent")).to_contain_text("What is popular")
    box = page.locator("#query")
    box.focus()
    for word in ("jazz", "opera"):
        page.keyboard.type(word)
        page.wait_for_selector("#found [role=option]")
        page.keyboard.press("ArrowDown")
        expect(box).to_have_attribute("aria-activedescendant", "found-0")
        page.keyboard.press("Enter")
        expect(box).to_have_value("")
    history = page.locator("#history li")
    expect(history).to_have_count(2)
    expect(page.locator("#spent")).to_contain_text(f"sasrec+plr: {FULL}")
    before = history.locator(".title").all_text_contents()
    history.nth(1).get_by_label("up").focus()
    page.keyboard.press("Enter")
    expect(history.nth(0).locator(".title")).to_have_text(before[1])
    assert page.evaluate("document.activeElement.closest('#history') !== null")
    history.nth(0).get_by_label("Remove").press("Enter")
    expect(history).to_have_count(1)
    expect(history.locator(".title")).to_have_text(before[0])


def test_the_list_is_the_served_one_and_says_what_changed(visit: Open, port: int) -> None:
    page = visit(port)
    page.locator("#example").click()
    page.wait_for_selector("#influence li")
    shown = ids_of(page)
    history = page.locator("#history .id").all_text_contents()
    page.locator("#steps").fill("0")
    expect(page.locator("#spent")).to_contain_text("no reasoning")
    expect(page.locator("#changes")).to_contain_text(f"before (sasrec+plr, {FULL})")
    now = ids_of(page)
    same = page.locator("#changes").inner_text().startswith("Same list")
    assert same == (now == shown), "which of the two it is depends on how the model was trained"
    body = {"histories": [history], "steps": 0}
    asked = page.request.post(f"http://127.0.0.1:{port}/recommend", data=body).json()
    assert now == [item["item_id"] for item in asked["results"][0]["items"]]
    marks = page.locator("#list .moved").all_inner_texts()
    for place, (item, mark) in enumerate(zip(now, marks, strict=True)):
        if item not in shown:
            assert mark == "new"
        elif shown.index(item) != place:
            up = shown.index(item) > place
            assert mark.startswith(f"{'▲' if up else '▼'} {abs(shown.index(item) - place)}")
    page.locator("#hurry").check()
    page.locator("#deadline").fill("60000")
    expect(page.locator("#spent")).to_contain_text(FULL)
    page.locator("#arm").select_option("b")
    expect(page.locator("#spent")).to_contain_text("By sasrec: no reasoning")
    expect(page.locator("#no-dials")).to_be_visible()


def test_reasons_are_those_of_explain(visit: Open, port: int) -> None:
    page = visit(port)
    page.locator("#example").click()
    page.wait_for_selector("#influence li")
    history = page.locator("#history .id").all_text_contents()
    page.locator("#list li").nth(2).get_by_text("Why?").click()
    expect(page.locator("#list li").nth(2)).to_have_class("chosen")
    expect(page.locator("#why")).to_be_focused()
    item = ids_of(page)[2]
    body = {"history": history, "item_ids": [item]}
    told = page.request.post(f"http://127.0.0.1:{port}/explain", data=body).json()
    amounts = page.locator("#influence .amount").all_text_contents()
    want = sorted(told["influence"][0], reverse=True)
    assert amounts == [f"{value:+.3f}".replace("-", "\N{MINUS SIGN}") for value in want]
    weights = page.get_by_role("region", name="What each stream argues for").locator(
        "tbody td:nth-child(2)"
    )
    assert weights.all_text_contents() == [f"{100 * s['weight']:.1f} %" for s in told["streams"]]
    cells = page.locator(".heat tbody td").count()
    assert cells == 2 * 2 * (len(told["history"]) + 1)
    expect(page.locator("#similar li")).to_have_count(5)


def test_titles_are_text(visit: Open, port: int, evil_run: Path) -> None:
    first = pl.read_parquet(evil_run / ITEMS)["item_id"][0]
    page = visit(port, f"#{first},nonsense")
    page.wait_for_selector("#history li")
    expect(page.locator("#history .title").first).to_have_text(EVIL)
    expect(page.locator("#history .unknown")).to_contain_text("not in the catalogue")
    page.locator("#unseen").uncheck()
    page.locator("#length").select_option("50")
    expect(page.locator("#list li")).to_have_count(40)
    page.locator(f'#list li[data-item="{first}"] button').first.click()
    expect(page.locator("#why-name")).to_have_text(f"Why {EVIL}?")
    page.locator("#query").fill("onerror")
    expect(page.locator("#found .title")).to_have_text(EVIL)
    assert page.locator("img").count() == 0
    assert page.title() == "latentrec"


def test_the_run_shows_metrics_with_intervals_and_its_reports(visit: Open, port: int) -> None:
    page = visit(port)
    expect(page.locator("#about")).to_contain_text("0.2500 [0.2000, 0.3000]")
    with page.expect_download() as saved:
        page.get_by_text("Save analysis/ceiling.md").click()
    assert Path(saved.value.path()).read_text() == "# What a report says\n"


def test_a_token_is_asked_for_and_used(visit: Open, live: Live, evil_run: Path) -> None:
    with live(evil_run, token=TOKEN) as server:
        page = visit(server.port)
        page.locator("#token").fill(TOKEN)
        page.get_by_text("Enter", exact=True).click()
        page.wait_for_selector("#list li")
        expect(page.locator("#entry")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone_and_colours_can_be_read(
    visit: Open, port: int, scheme: str
) -> None:
    page = visit(port, viewport=PHONE, color_scheme=scheme)
    page.locator("#example").click()
    page.wait_for_selector("#influence li")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input,select,button')].filter(e => !e.labels?.length"
        " && !e.ariaLabel && !e.textContent.trim()).length"
    )
    assert unnamed == 0
    pairs = ("ink", "soft", "accent", "against", "warn")
    for name, ground in [(n, g) for n in pairs for g in ("card", "paper")] + [
        ("on-accent", "accent")
    ]:
        assert contrast(page, name, ground) >= 4.5, (name, ground)


def contrast(page: Page, one: str, other: str) -> float:
    """Ratio of two colours of the style sheet after WCAG 2."""

    def luminance(name: str) -> float:
        value = page.evaluate(f"getComputedStyle(document.body).getPropertyValue('--{name}')")
        parts = [int(value.strip()[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


# --- without a browser ----------------------------------------------------------------------------


def test_the_page_is_open_and_loads_nothing_from_elsewhere(
    serve: Callable[..., TestClient],
) -> None:
    client = serve(token=TOKEN)
    parts = sorted((Path(__file__).parents[2] / "src/latentrec/serve" / PAGE).iterdir())
    assert len(parts) > 5
    for part in parts:
        answer = client.get("/" if part.name == "index.html" else f"/page/{part.name}")
        assert (answer.status_code, answer.content) == (200, part.read_bytes())
        assert answer.headers["content-type"] == TYPES[part.suffix]
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        text = part.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "//" not in text.replace("// ", ""), part.name
        assert "innerHTML" not in text
    assert client.get("/page/..%2fapp.py").status_code == 404
    assert client.get("/page/none.js").status_code == 404


def test_only_reports_of_the_run_can_be_read(
    serve: Callable[..., TestClient], evil_run: Path, tmp_path: Path
) -> None:
    client = serve(run=evil_run)
    assert client.get("/models").json()["models"][0]["reports"] == ["analysis/ceiling.md"]
    answer = client.get("/reports/analysis/ceiling.md")
    assert (answer.status_code, answer.text) == (200, "# What a report says\n")
    assert answer.headers["content-disposition"].startswith("attachment")
    for name in ("config.json", "checkpoints/best.json", "../run/config.json", "%2e%2e/x.md"):
        assert client.get(f"/reports/{name}").status_code == 404
    (tmp_path / "secret.md").write_text("secret")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "link.md").symlink_to(tmp_path / "gone")
    assert reports(tmp_path / "run") == []
