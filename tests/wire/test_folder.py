"""A folder is looked at like a server: plain files only, and no way out of it."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.errors import InputRefusedError, MisconfiguredError, RetryableError, TerminalError, UnreachableError
from hub.wire import FolderSession, NetworkPolicy

POLICY = NetworkPolicy(max_bytes=1000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "drop"
    (root / "below").mkdir(parents=True)
    (root / "a.csv").write_bytes(b"a;b\n1;2\n")
    os.utime(root / "a.csv", (1_790_000_000, 1_790_000_000))
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link.csv").symlink_to(tmp_path / "secret.txt")
    (root / "out").symlink_to(tmp_path)
    os.mkfifo(root / "pipe.csv")
    return root


def fetched(session: FolderSession, path: str) -> bytes:
    into = io.BytesIO()
    session.fetch(path, into)
    return into.getvalue()


def test_plain_files_are_listed_with_size_and_time_links_and_pipes_are_not(folder: Path) -> None:
    listing = FolderSession(folder, POLICY).list(".")
    assert [file.name for file in listing] == ["a.csv"]
    assert listing.files[0].size == 8
    assert listing.files[0].modified == datetime.fromtimestamp(1_790_000_000, UTC)


def test_names_with_control_characters_are_left_out(folder: Path) -> None:
    (folder / "b\n.csv").touch()
    assert len(FolderSession(folder, POLICY).list(".").skipped) == 1


def test_a_file_is_fetched_byte_for_byte(folder: Path) -> None:
    assert fetched(FolderSession(folder, POLICY), "a.csv") == b"a;b\n1;2\n"


@pytest.mark.parametrize("path", ["../secret.txt", "/etc/passwd", "out/secret.txt", "below/../../secret.txt"])
def test_nothing_outside_the_folder_is_reached(folder: Path, path: str) -> None:
    with pytest.raises(InputRefusedError, match="leads out of the folder"):
        fetched(FolderSession(folder, POLICY), path)


@pytest.mark.parametrize("path", ["link.csv", "pipe.csv"])
def test_links_and_pipes_are_not_read(folder: Path, path: str) -> None:
    with pytest.raises(RetryableError):
        fetched(FolderSession(folder, POLICY), path)


def test_a_file_beyond_the_limit_is_refused(folder: Path) -> None:
    (folder / "big.csv").write_bytes(b"x" * 1001)
    with pytest.raises(InputRefusedError, match="larger than the limit"):
        fetched(FolderSession(folder, POLICY), "big.csv")


def test_a_file_that_grows_while_it_is_read_is_tried_again(folder: Path) -> None:
    class Growing(io.BytesIO):
        def write(self, data: object) -> int:
            with (folder / "a.csv").open("ab") as more:
                more.write(b"3;4\n")
            return len(bytes(data))  # type: ignore[call-overload]

    with pytest.raises(RetryableError, match="changed while it was read"):
        FolderSession(folder, POLICY).fetch("a.csv", Growing())


def test_a_folder_that_is_not_there_is_tried_again_and_one_below_it_is_told(folder: Path) -> None:
    with pytest.raises(UnreachableError, match="there is no folder"):
        FolderSession(folder / "gone", POLICY).list(".")
    with pytest.raises(MisconfiguredError, match="has no folder nowhere"):
        FolderSession(folder, POLICY).list("nowhere")


def test_an_applied_file_is_moved_within_the_folder(folder: Path) -> None:
    FolderSession(folder, POLICY).rename("a.csv", "done/a.csv")
    assert (folder / "done/a.csv").exists()
    assert not (folder / "a.csv").exists()


def test_a_file_is_put_whole_and_never_over_another(folder: Path) -> None:
    session = FolderSession(folder, POLICY)
    session.put("below/b.csv", b"new")
    session.put("below/b.csv", b"new")
    with pytest.raises(TerminalError, match="another content"):
        session.put("below/b.csv", b"other")
    assert (folder / "below/b.csv").read_bytes() == b"new"
    assert [path.name for path in (folder / "below").iterdir()] == ["b.csv"]


@pytest.mark.parametrize("path", ["../b.csv", "out/b.csv"])
def test_nothing_is_put_outside_the_folder(folder: Path, path: str) -> None:
    with pytest.raises(InputRefusedError, match="leads out of the folder"):
        FolderSession(folder, POLICY).put(path, b"new")


def test_putting_follows_no_link_and_needs_its_folder(folder: Path) -> None:
    session = FolderSession(folder, POLICY)
    (folder / "b.csv.tmp").symlink_to(folder.parent / "secret.txt")
    session.put("b.csv", b"new")
    assert (folder.parent / "secret.txt").read_text() == "secret"
    with pytest.raises(MisconfiguredError, match="no folder"):
        session.put("nowhere/b.csv", b"new")
