"""Files: the page that the server shows, and the reports that lie in a run's folder."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.exceptions import HTTPException

PAGE: Final = "page"
"""Folder of the page, beside this file."""
TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
REPORTS: Final = frozenset({".html", ".md", ".pdf", ".png", ".svg", ".tex"})
"""Endings of files that are reports."""

pages: Final = APIRouter(include_in_schema=False)


@pages.get("/")
async def index() -> Response:
    """The page."""
    return _page_file("index.html")


@pages.get("/page/{name}")
async def page_file(name: str) -> Response:
    """A part of the page."""
    return _page_file(name)


def _page_file(name: str) -> Response:
    content = _contents().get(name)
    if content is None:
        raise HTTPException(404, "Not Found")
    return Response(content, media_type=TYPES[Path(name).suffix])


@cache
def _contents() -> dict[str, bytes]:
    """Every file of the page by its name, so that no request touches the disk."""
    folder = files("latentrec.serve") / PAGE
    return {part.name: part.read_bytes() for part in folder.iterdir()}


def reports(folder: Path) -> list[str]:
    """Reports of a run: names of files in its folder, or one folder deeper."""
    found = [*folder.glob("*.*"), *folder.glob("*/*.*")]
    return sorted(
        path.relative_to(folder).as_posix()
        for path in found
        if path.suffix in REPORTS and path.is_file()
    )
