"""Downloads are tested against a server on this machine; a failed one must leave nothing behind."""

import gzip
import io
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from latentrec.config import FilesConfig, GivenSplitConfig, LeaveOneOutConfig
from latentrec.data.prepare import prepare
from latentrec.data.sources.download import download_amazon, download_movielens, fetch
from latentrec.errors import DataError

HEAD = "user_id,parent_asin,rating,timestamp,history\n"
CSV = {
    "train": "A,p1,5.0,1600000000000,\nA,p2,2.0,1600000001000,p1\n",
    "valid": "A,p1,4.0,1600000002000,p1 p2\n",
    "test": "A,p1,5.0,1600000003000,p1 p2 p1\n",
}
MOST = 10**6


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        if self.path.endswith("broken"):
            self.send_response(200)
            self.send_header("Content-Length", "500")
            self.end_headers()
            self.wfile.write(b"short")
            return
        super().do_GET()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    root = tmp_path / "site"
    root.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", root
    server.shutdown()
    thread.join()
    server.server_close()


def put(root: Path, name: str, content: bytes) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(content)


def test_amazon_arrives_and_reads(site: tuple[str, Path], tmp_path: Path) -> None:
    url, root = site
    for part, rows in CSV.items():
        name = f"benchmark/5core/timestamp_w_his/Toys.{part}.csv.gz"
        put(root, name, gzip.compress((HEAD + rows).encode()))
    meta = b'{"parent_asin":"p1","title":"One","categories":["X"],"store":"S"}\n'
    put(root, "raw/meta_categories/meta_Toys.jsonl.gz", gzip.compress(meta))
    put(root, "raw/review_categories/Toys.jsonl.gz", gzip.compress(b"{}\n"))
    said: list[str] = []
    to = tmp_path / "data"
    files = download_amazon("Toys", "5core", to, MOST, said.append, url)
    assert [file.name for file in files][-1] == "meta_Toys.jsonl.gz"
    assert len(said) == 4
    assert prepare(FilesConfig(path=str(to)), GivenSplitConfig()).report.users == 1
    download_amazon("Toys", "5core", to, MOST, said.append, "http://127.0.0.1:9")
    assert said[-1].endswith("already there")
    assert download_amazon("Toys", "raw", tmp_path / "raw", MOST, said.append, url)[0].exists()


def test_movielens_arrives_unpacked(site: tuple[str, Path], tmp_path: Path) -> None:
    url, root = site
    rows = "\n".join(f"{user}::{item}::5::97830076{item}" for user in "12" for item in "123")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("ml-1m/ratings.dat", rows)
        archive.writestr("ml-1m/movies.dat", "1::One::Drama\n2::Two::Drama\n3::Three::Drama\n")
        archive.writestr("../../escape.txt", "no")
    put(root, "ml-1m.zip", packed.getvalue())
    to = tmp_path / "data"
    download_movielens("ml-1m", to, MOST, print, url)
    assert sorted(file.name for file in to.iterdir()) == ["ml-1m.zip", "movies.dat", "ratings.dat"]
    assert not list(tmp_path.rglob("escape.txt"))
    assert prepare(FilesConfig(path=str(to)), LeaveOneOutConfig()).report.users == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.gz", "the server says 404"),
        ("broken", "broke off after 5 of 500 bytes"),
        ("large.gz", "is larger than 1,000 bytes; allow more with --max-gb"),
    ],
)
def test_a_failed_download_leaves_nothing(
    site: tuple[str, Path], tmp_path: Path, name: str, message: str
) -> None:
    url, root = site
    put(root, "large.gz", bytes(5000))
    path = tmp_path / "data" / name
    with pytest.raises(DataError, match=message) as caught:
        fetch(f"{url}/{name}", path, 1000, print)
    assert "\n" not in str(caught.value)
    assert list(path.parent.iterdir()) == []


def test_without_a_network_one_line_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be downloaded .* is this machine online"):
        fetch("http://127.0.0.1:9/x.gz", tmp_path / "x.gz", MOST, print)
    with pytest.raises(DataError, match="must start with https"):
        fetch("file:///etc/hostname", tmp_path / "x.gz", MOST, print)


def test_a_category_cannot_leave_its_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be letters, digits"):
        download_amazon("../../etc", "raw", tmp_path, MOST, print)


def test_an_unsound_archive_is_refused(site: tuple[str, Path], tmp_path: Path) -> None:
    url, root = site
    put(root, "ml-1m.zip", b"not a zip")
    with pytest.raises(DataError, match="not a sound zip archive"):
        download_movielens("ml-1m", tmp_path, MOST, print, url)


def test_a_zip_bomb_is_refused(site: tuple[str, Path], tmp_path: Path) -> None:
    url, root = site
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ml-1m/ratings.dat", bytes(3_000_000))
    put(root, "ml-1m.zip", packed.getvalue())
    with pytest.raises(DataError, match="is larger than 1,000,000 bytes"):
        download_movielens("ml-1m", tmp_path / "data", MOST, print, url)
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["ml-1m.zip"]
