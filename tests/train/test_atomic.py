"""Writes are whole or absent: a reader never sees half a file."""

from pathlib import Path

import pytest

from latentrec.train import atomic


def test_a_failed_write_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk fails before the rename, the file still holds what it held."""
    path = tmp_path / "state.json"
    atomic.write_text(path, "old")

    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(atomic.os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        atomic.write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_processes_do_not_write_into_one_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two terminals on one folder: whoever renames last wins, and nothing is mixed or lost."""
    path = tmp_path / "table.md"
    outer = atomic.os.fsync

    def other_writes_meanwhile(descriptor: int) -> None:
        monkeypatch.setattr(atomic.os, "fsync", outer)
        pid = atomic.os.getpid()
        monkeypatch.setattr(atomic.os, "getpid", lambda: pid + 1)
        atomic.write_text(path, "theirs")
        monkeypatch.setattr(atomic.os, "getpid", lambda: pid)
        outer(descriptor)

    monkeypatch.setattr(atomic.os, "fsync", other_writes_meanwhile)
    atomic.write_text(path, "ours")
    assert path.read_text() == "ours"
    assert list(tmp_path.iterdir()) == [path]


def test_folders_appear_whole(tmp_path: Path) -> None:
    """The final name exists only after everything in it was flushed."""
    beside, target = tmp_path / ".writing", tmp_path / "done"
    beside.mkdir()
    (beside / "a").write_text("1")
    atomic.publish_folder(beside, target)
    assert not beside.exists()
    assert (target / "a").read_text() == "1"
