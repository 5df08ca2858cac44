"""The spool of one feed's reading: raw input on local disk while it is read, in a folder only the hub may enter."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hub.errors import ForbiddenError
from hub.ports import Artifact, Spooled

_BLOCK = 1 << 20


class FolderSpool:
    """A `hub.ports.Spool` in a folder: files lie side by side, `files` lists them in the order they were made."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._names: list[str] = []

    def _path(self, name: str) -> Path:
        plain = name.replace("/", "_")
        if plain in ("", ".", "..") or "\x00" in plain:
            raise ForbiddenError("a spooled file has no usable name", hint="name it after what it holds")
        return self._folder / plain

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        with self._path(name).open("wb") as file:
            yield file
        self._names.append(name)

    def get(self, name: str, artifact: Artifact | None = None) -> Spooled:
        return Spooled(name=name, path=self._path(name), artifact=artifact)

    @property
    def files(self) -> list[Spooled]:
        return [self.get(name) for name in self._names]


@contextmanager
def spool_folder(root: Path) -> Iterator[Path]:
    """A private folder for one feed's reading, gone afterwards; also sweeps what killed processes left."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(root, wait=True):
        _sweep(root)
        folder = Path(tempfile.mkdtemp(dir=root, prefix="feed-"))
        held = _lock(folder, wait=False)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _sweep(root: Path) -> None:
    """A folder's lock goes with its process: raw input of a killed one lies about no longer than the next look."""
    for left in root.glob("feed-*"):
        with suppress(OSError), _locked(left, wait=False):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _locked(folder: Path, *, wait: bool) -> Iterator[None]:
    held = _lock(folder, wait=wait)
    try:
        yield
    finally:
        os.close(held)


def _lock(folder: Path, *, wait: bool) -> int:
    """An open descriptor that holds the folder's lock. BlockingIOError when another process has it."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(held)
        raise
    return held


def sha256_of(files: list[Spooled]) -> str:
    """One digest over the contents, in order."""
    digest = hashlib.sha256()
    for file in files:
        with file.open() as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
